"""A real SLURM of one machine, in a folder of its own, for as long as someone wants it.

Its daemons are children of this process, known by nothing but their pids: a SLURM that the machine has
otherwise is neither asked nor disturbed. SLURM itself, munge and, for accounting, MariaDB must be installed.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
BOOKKEEPING = ("slurmdbd", "sacctmgr", "mariadbd", "mariadb-install-db", "mariadb")
PASSWORD = "only-this-folder-knows"
WAIT_S, PAUSE_S = 40.0, 0.05
CPUS = 6
"""As SLURM believes: on a smaller machine jobs share."""


@dataclass(frozen=True)
class Cluster:
    """What runs, and how commands find it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to know."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __call__(self, *words: str) -> str:
        """What a SLURM command says. Raises where it fails."""
        done = self.asked(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}{self.logs()}"
        return done.stdout

    def asked(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A SLURM command, run to its end."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)

    def logs(self) -> str:
        """The last words of all daemons."""
        logs = sorted(self.folder.glob("*.log"))
        return "".join(f"\n--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)


def missing(*, accounting: bool = False) -> str | None:
    """Why there can be no SLURM here; nothing where there can."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    wanted = PROGRAMS + (BOOKKEEPING if accounting else ())
    absent = [name for name in wanted if shutil.which(name, path=path) is None]
    if absent:
        return f"no SLURM to be had: {', '.join(absent)} not installed"
    return None if os.geteuid() == 0 else "SLURM's daemons can be started by root only"


@contextmanager
def cluster(folder: Path, *, accounting: bool = False, extra: str = "", nodes: int = 1) -> Iterator[Cluster]:
    """While inside, SLURM runs. `extra`: further lines of slurm.conf; `nodes`: as it believes it has."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Cluster(folder)
    with ExitStack() as daemons:
        _munge(folder, daemons)
        ports = _free_ports(2 + nodes)
        _configure(folder, ports, accounting, extra)
        if accounting:
            _keep_books(found, ports[1], daemons)
        _start(found, daemons, "slurmctld", "-D", "-i", ready=("scontrol", "ping"), says="UP")
        for name in _names(nodes):
            there = ("sinfo", "-h", "-n", name, "-o", "%T")
            _start(found, daemons, "slurmd", "-D", "-N", name, ready=there, says="idle")
        try:
            yield found
        finally:  # steps outlive their slurmd
            found.asked("scancel", "--user", "root")
            with suppress(TimeoutError):
                _wait_for("the jobs' end", lambda: not found.asked("squeue", "-h").stdout.strip())


def _munge(folder: Path, daemons: ExitStack) -> None:
    """The keeper of who is who, with a key and a socket of its own."""
    own = folder / "munge"
    own.mkdir(mode=0o755)
    key = own / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    told = [f"--{name}={own / file}" for name, file in files.items()]
    _daemon(folder, daemons, "munged", "--foreground", "--force", f"--key-file={key}", *told)
    _wait_for("munged", (own / "socket").exists)


def _configure(folder: Path, ports: list[int], accounting: bool, extra: str) -> None:
    names = _names(len(ports) - 2)
    for name in ("state", *(f"spool-{name}" for name in names)):
        (folder / name).mkdir()
    told = "\n".join(
        f"NodeName={name} NodeHostname={_host()} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} RealMemory=8000 "
        "State=UNKNOWN"
        for name, port in zip(names, ports[2:], strict=True)
    )
    everywhere = ",".join(names)
    books = (
        f"AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\n"
        f"AccountingStoragePort={ports[1]}\nAccountingStoragePass={folder / 'munge' / 'socket'}\n"
        "AccountingStorageEnforce=associations,limits,qos"
        if accounting
        else "AccountingStorageType=accounting_storage/none"
    )
    (folder / "slurm.conf").write_text(
        f"""ClusterName=tests
SlurmctldHost={_host()}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder / "munge" / "socket"},cred_expire=6
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ports[0]}
StateSaveLocation={folder / "state"}
SlurmdSpoolDir={folder / "spool-%n"}
SlurmctldPidFile={folder / "slurmctld.pid"}
SlurmdPidFile={folder / "slurmd-%n.pid"}
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1
ReturnToService=2
KillWait=20
MinJobAge=300
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
EnforcePartLimits=ALL
{books}
{told}
PartitionName=main Nodes={everywhere} Default=YES DefaultTime=60 PriorityTier=5 GraceTime=40
PartitionName=high Nodes={everywhere} DefaultTime=60 PriorityTier=10 PreemptMode=OFF
{extra}
""",
        encoding="utf-8",
    )
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")


def _keep_books(found: Cluster, port: int, daemons: ExitStack) -> None:
    """MariaDB behind a socket of its own, slurmdbd before it, and one account."""
    folder, data = found.folder, found.folder / "database"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    made = ("--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db")
    subprocess.run(["mariadb-install-db", *made, "--auth-root-authentication-method=socket"], **quiet)
    database = folder / "database.socket"
    told = (f"--socket={database}", "--skip-networking", "--innodb-buffer-pool-size=64M")
    pid = f"--pid-file={folder / 'mariadbd.pid'}"
    _daemon(folder, daemons, "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", *told, pid)
    client = ["mariadb", "--no-defaults", f"--socket={database}", "-e"]
    _wait_for("MariaDB", lambda: subprocess.run([*client, "select 1"], capture_output=True).returncode == 0)
    grant = f"create user slurm@localhost identified by '{PASSWORD}'; grant all on books.* to slurm@localhost"
    subprocess.run([*client, f"create database books; {grant}"], **quiet)
    told_dbd = folder / "slurmdbd.conf"
    told_dbd.write_text(
        f"AuthType=auth/munge\nAuthInfo=socket={folder / 'munge' / 'socket'}\nDbdHost=localhost\n"
        f"DbdAddr=127.0.0.1\nDbdPort={port}\nSlurmUser=root\nPidFile={folder / 'slurmdbd.pid'}\n"
        "StorageType=accounting_storage/mysql\nStorageHost=localhost\nStorageUser=slurm\n"
        f"StoragePass={PASSWORD}\nStorageLoc=books\n"
    )
    told_dbd.chmod(0o600)
    ready = ("sacctmgr", "-n", "show", "cluster")
    _start(found, daemons, "slurmdbd", "-D", ready=ready, MYSQL_UNIX_PORT=str(database))
    for words in ("cluster tests", "account people", "user root account=people"):
        found("sacctmgr", "-i", "add", *words.split())


def _start(
    found: Cluster, daemons: ExitStack, *words: str, ready: tuple[str, ...], says: str = "", **more: str
) -> None:
    """Start one of SLURM's daemons, and wait until it answers."""
    process = _daemon(found.folder, daemons, *words, **found.environment, **more)

    def answers() -> bool:
        assert process.poll() is None, f"{words[0]} ended with {process.returncode}{found.logs()}"
        done = found.asked(*ready)
        return done.returncode == 0 and says in done.stdout

    try:
        _wait_for(words[0], answers)
    except TimeoutError as error:
        raise TimeoutError(f"{error}{found.logs()}") from None


def _daemon(folder: Path, daemons: ExitStack, *words: str, **more: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    with (folder / f"{words[0]}.log").open("ab") as log:
        process = subprocess.Popen(
            [shutil.which(words[0], path=path) or words[0], *words[1:]],
            env={**os.environ, "PATH": path, **more},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    daemons.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(what: str, there: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come in {WAIT_S:.0f} s")
        time.sleep(PAUSE_S)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _names(nodes: int) -> list[str]:
    """What SLURM's nodes are called; the only one as the machine is."""
    return [_host()] if nodes == 1 else [f"{_host()}{number}" for number in range(nodes)]


def _host() -> str:
    return platform.node().split(".")[0]

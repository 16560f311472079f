"""What a SLURM job does around its work: heeds SLURM's notices, counts its starts, goes back into the queue.

SLURM gives notice by a signal: before the time limit, before a preemption, when somebody requeues or cancels
the job. Whatever it is, the stage that is under way saves what it has, as it does on SIGTERM anywhere. Then
SLURM is asked: a job that it still lets run goes back into the queue, and on from there with its next start;
one that it has requeued or cancelled itself is left to it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from alpaca_exp.errors import Stopped
from alpaca_exp.sweeping import slurm
from alpaca_exp.sweeping.attempt import BY_SIGNAL, Outcome
from alpaca_exp.sweeping.restarts import Restarts, begun
from alpaca_exp.sweeping.submissions import restarts_file

NOTICES = {signal.SIGUSR1, signal.SIGUSR2}
"""What `sbatch --signal` may send; submitit asks for the second."""
PORTS = range(20_000, 40_000)
"""Where the first of several machines listens."""
TRIES, PAUSE_S = 8, 2.0
"""How often, and how long apart, a controller that gives no answer is asked to put a job back."""


def carried_out(name: str, sweep: Path, allowed: int, work: Callable[[], Outcome]) -> Outcome:
    """Do the `work` of the unit `name`, unless this start is one too many of the `allowed` ones.

    A notice interrupts it: then this process ends, without a result, where the job is to be started again.
    """
    file = restarts_file(sweep, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    restarts = begun(file, _submitted_as(), allowed)
    if restarts.too_many:  # the machine may have failed under it each time
        return Outcome("failed", error=restarts.verdict)
    try:
        return work()
    except KeyboardInterrupt:
        return _stopped(restarts)


def settle_in() -> None:
    """Heed notices; as many threads as processors were given; of several machines, where they meet."""
    _heed_notices()
    processors = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE")
    if processors and processors.isdecimal():
        os.environ.setdefault("OMP_NUM_THREADS", processors)
    if "SLURM_JOB_NODELIST" in os.environ and int(os.environ.get("SLURM_JOB_NUM_NODES", "1")) > 1:
        os.environ.setdefault("MASTER_ADDR", slurm.first_host(os.environ["SLURM_JOB_NODELIST"]))
        port = PORTS[int(os.environ["SLURM_JOB_ID"]) % len(PORTS)]
        os.environ.setdefault("MASTER_PORT", str(port))


def leave() -> NoReturn:
    """Without a result, submitit's neither: it is still to come, or nobody wants it."""
    raise SystemExit(Stopped.exit_code)


def _stopped(restarts: Restarts) -> Outcome:
    """All is saved. Either SLURM has decided what becomes of the job, or it goes back into the queue."""
    job = _submitted_as()
    if slurm.is_running(job) is False:
        leave()
    if restarts.used_up:
        return Outcome("failed", error=restarts.verdict)
    for _ in range(TRIES):
        if slurm.requeue(job) or slurm.is_running(job) is False:
            leave()
        time.sleep(PAUSE_S)
    return Outcome("stopped", error=f"{BY_SIGNAL}, and SLURM did not put it back into the queue")


def _heed_notices() -> None:
    """Take every notice for SIGTERM, which all stages heed, and a SIGTERM that no stage takes for Ctrl-C.

    SLURM signals all of a job's processes. Ours are children of this one and inherit that the notices are
    blocked, so that none of them dies of one: the first process tells them what to do.
    """
    for number in NOTICES:
        signal.signal(number, _pass_on)  # where a library's thread, begun before, takes it
    signal.pthread_sigmask(signal.SIG_BLOCK, NOTICES)
    threading.Thread(target=_await_notices, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _await_notices() -> None:
    while True:
        _pass_on(signal.sigwait(NOTICES), None)


def _pass_on(number: int, frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for same in (signal.SIGINT, signal.SIGTERM):
        signal.signal(same, signal.SIG_IGN)
    raise KeyboardInterrupt


def _submitted_as() -> str:
    """The job's id as it was told to who submitted it.

    Of an array's tasks the last one has the id of the whole array for its own: it would speak for all.
    """
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else os.environ["SLURM_JOB_ID"]

"""What runs in a SLURM job: one unit of a sweep, stopped in order where SLURM wants that, and put back.

SLURM gives notice by a signal: before the time limit, before a preemption, when somebody requeues or cancels
the job. Whatever it is, the stage that is under way saves what it has, as it does on SIGTERM anywhere. Then
SLURM is asked: a job that it still lets run goes back into the queue, and on from there with its next start;
one that it has requeued or cancelled itself is left to it.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from alpaca_exp.errors import Stopped
from alpaca_exp.experiment import prepare
from alpaca_exp.following import follow
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.records import write_json
from alpaca_exp.sweeping import history, slurm
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import BY_SIGNAL, Outcome, attempt, logged, make_shared
from alpaca_exp.sweeping.fates import fate
from alpaca_exp.sweeping.jobs import Job, Part
from alpaca_exp.sweeping.restarts import Restarts, begun
from alpaca_exp.sweeping.sealed import opened
from alpaca_exp.sweeping.submissions import last, outcome, outcome_file, restarts_file, states
from alpaca_exp.tuning.ranks import node

NOTICES = {signal.SIGUSR1, signal.SIGUSR2}
"""What `sbatch --signal` may send; submitit asks for the second."""
PORTS = range(20_000, 40_000)
"""Where the first of several machines listens."""


@dataclass(frozen=True)
class Sent:
    """A unit with what is to be known where it runs."""

    unit: Unit
    sweep: Path
    needs: tuple[Part, ...] = ()
    """Stages that other units of the sweep make before."""
    pays_for: tuple[Part, ...] = ()
    """Those of them whose dollars count as this job's."""

    def __call__(self) -> str:
        """Do it. Returns how it ended; leaves with an exit code where that is not well."""
        _heed_notices()
        _settle_in()
        sent = replace(self, unit=replace(self.unit, job=opened(self.unit.job, os.environ)))
        if _helps(sent.unit.job):
            return _help(sent)
        restarts = _count(sent)
        try:
            found = _verdict(sent, restarts) or _done(sent)
        except KeyboardInterrupt:
            found = _stopped(sent, restarts)
        _note(sent, found)
        if found.status in ("failed", "stopped"):
            raise SystemExit(1)  # so that SLURM's own books, and its mails, say so too
        return found.status


def _done(sent: Sent) -> Outcome:
    unit = sent.unit
    if unit.part:
        return make_shared(unit.job, unit.part, sent.sweep, _tell)
    missing = _missing(sent)
    if missing is not None:
        return missing
    paid = unit.paid_before + sum(_usd(sent.sweep, part) for part in sent.pays_for)
    return attempt(unit.job, sent.sweep, _tell, paid_before=paid)


def _verdict(sent: Sent, restarts: Restarts) -> Outcome | None:
    """That it may not start once more; the machine may have failed under it each time."""
    return Outcome("failed", error=restarts.verdict) if restarts.too_many else None


def _missing(sent: Sent) -> Outcome | None:
    """Why what this job needs, and another was to make, is not there: it is not tried again by each job."""
    outputs = sent.unit.job.config.runtime.outputs
    for part in sent.needs:
        if part.made(outputs):
            continue
        ended = outcome(sent.sweep, part.title)
        if ended is not None and ended.status in ("failed", "stopped"):
            return replace(ended, seconds=0.0, usd=0.0)
        return Outcome(
            "failed", error=f"the stage {part.name}, made for several jobs, was {_fate(sent, part)}"
        )
    return None


def _fate(sent: Sent, part: Part) -> str:
    """Why a shared stage ended that could not say so itself."""
    known = last(sent.sweep).get(part.title)
    if known is None:
        return "never submitted; the same command does so"
    state = (states([known]) or {}).get(part.title, slurm.State(slurm.GONE))
    return fate(state, known.last_words(sent.sweep), known.asked)


def _stopped(sent: Sent, restarts: Restarts) -> Outcome:
    """All is saved. Either SLURM has decided what becomes of the job, or it goes back into the queue."""
    if slurm.is_running(_submitted_as()) is False:
        _leave()
    if restarts.used_up:
        return Outcome("failed", error=restarts.verdict)
    if slurm.requeue(_submitted_as()):
        _leave()
    return Outcome("stopped", error=f"{BY_SIGNAL}, and SLURM did not put it back into the queue")


def _leave() -> NoReturn:
    """Without a result, submitit's neither: it is still to come, or nobody wants it."""
    raise SystemExit(Stopped.exit_code)


def _note(sent: Sent, found: Outcome) -> None:
    """What the attempt itself has not written down."""
    unit = sent.unit
    if unit.part:
        write_json(asdict(found), outcome_file(sent.sweep, unit.name))
        return
    known = history.read(sent.sweep).get(unit.job.number, {})
    status = "done" if found.status == "found" else found.status
    if status != "busy" and (known.get("status"), known.get("error")) != (status, found.error):
        row = history.row(unit.job, status, seconds=found.seconds, error=found.error, log=found.log)
        history.append(sent.sweep, [row])


def _usd(sweep: Path, part: Part) -> float:
    ended = outcome(sweep, part.title)
    return ended.usd if ended else 0.0


def _count(sent: Sent) -> Restarts:
    file = restarts_file(sent.sweep, sent.unit.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    return begun(file, _submitted_as(), sent.unit.job.config.runtime.max_restarts)


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


def _settle_in() -> None:
    """As many threads as processors were given; and of several machines, where they meet."""
    processors = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE")
    if processors and processors.isdecimal():
        os.environ.setdefault("OMP_NUM_THREADS", processors)
    if "SLURM_JOB_NODELIST" in os.environ and int(os.environ.get("SLURM_JOB_NUM_NODES", "1")) > 1:
        os.environ.setdefault("MASTER_ADDR", slurm.first_host(os.environ["SLURM_JOB_NODELIST"]))
        os.environ.setdefault("MASTER_PORT", str(PORTS[int(_slurm_job()) % len(PORTS)]))


def _helps(job: Job) -> bool:
    """Whether this is another machine than the first, which keeps the records."""
    return job.config.runtime.num_nodes > 1 and node() > 0


def _help(sent: Sent) -> str:
    unit, config = sent.unit, sent.unit.job.config
    try:
        if unit.part is None:
            return attempt(unit.job, sent.sweep, _tell).status
        with logged(sent.sweep / f"shared/{unit.name}.node{node()}.log"):
            prepare(config)
            stages = with_documents(plan(config), config)
            follow({unit.part.name: stages[unit.part.name]}, config.runtime.outputs)
        return "done"
    except KeyboardInterrupt:
        _leave()


def _slurm_job() -> str:
    return os.environ["SLURM_JOB_ID"]


def _submitted_as() -> str:
    """The job's id as it was told to who submitted it.

    Of an array's tasks the last one has the id of the whole array for its own: it would speak for all.
    """
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else _slurm_job()


def _tell(part: str) -> None:
    """Nobody listens here; the log says it."""


def do(sent: Sent) -> str:
    """What a SLURM job calls."""
    return sent()

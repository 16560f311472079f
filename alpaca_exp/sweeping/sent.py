"""What runs in a SLURM job of a grid: one unit, a job or a stage that several jobs share."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from alpaca_exp.experiment import prepare
from alpaca_exp.following import follow
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.records import write_json
from alpaca_exp.sweeping import history, sealed, slurm
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import Outcome, attempt, logged, make_shared
from alpaca_exp.sweeping.fates import fate
from alpaca_exp.sweeping.inside import carried_out, leave, settle_in
from alpaca_exp.sweeping.jobs import Job, Part
from alpaca_exp.sweeping.submissions import last, outcome, outcome_file, states
from alpaca_exp.tuning.ranks import node


@dataclass(frozen=True)
class Sent:
    """A unit with what is to be known where it runs."""

    unit: Unit
    sweep: Path
    needs: tuple[Part, ...] = ()
    """Stages that other units of the sweep make before."""
    pays_for: tuple[Part, ...] = ()
    """Those of them whose dollars count as this job's."""

    @property
    def name(self) -> str:
        """What it goes by in the sweep's folder."""
        return self.unit.name

    def sealed(self) -> tuple[Sent, dict[str, str]]:
        """As it may lie in a file; and what of it travels in the environment."""
        job, secret = sealed.sealed(self.unit.job)
        return replace(self, unit=replace(self.unit, job=job)), secret

    def __call__(self) -> str:
        """Do it. Returns how it ended; leaves with an exit code where that is not well."""
        settle_in()
        sent = replace(self, unit=replace(self.unit, job=sealed.opened(self.unit.job, os.environ)))
        job = sent.unit.job
        if _helps(job):
            return _help(sent)
        found = carried_out(self.name, self.sweep, job.config.runtime.max_restarts, lambda: _done(sent))
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
        leave()


def _tell(part: str) -> None:
    """Nobody listens here; the log says it."""

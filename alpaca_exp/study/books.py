"""A study's books: its trials in the shared storage, of which every process of the study takes and tells.

Whatever reads and then writes does so in its turn (`storage.turn`), so that several processes never ask for
more trials than are wanted, nor give up one that another process is at.
"""

from __future__ import annotations

import functools
import os
import platform
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from optuna.trial import FrozenTrial, Trial, TrialState

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.study.objectives import steps, values
from alpaca_exp.study.opening import opened
from alpaca_exp.study.results import write_results
from alpaca_exp.study.samplers import kind_of, sampler
from alpaca_exp.study.settings import Settings
from alpaca_exp.study.space import Point
from alpaca_exp.study.storage import Turns
from alpaca_exp.study.trial import STEPS
from alpaca_exp.sweeping import history, submissions
from alpaca_exp.sweeping.jobs import Job

MOST_RETRIES = 3
"""A point whose process ended without a word so often is not queued again: it may be what ends it."""
LOST = "its process ended without a word"


class Books:
    """One process's view of a study. To be closed, so that what it was at is known to be nobody's."""

    def __init__(self, settings: Settings, sweep: Path, outputs: Path) -> None:
        """Open the study, or begin it. `outputs`: where its jobs' artifacts are.

        Raises InputError where its storage cannot be reached, and where it searches something else.
        """
        self.settings, self.sweep, self._outputs = settings, sweep, outputs
        self._name = f"asker-{platform.node()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._held = ExitStack()
        self._turn = Turns(settings.storage, settings.study_name)
        with self._turn():
            self._study = opened(settings)
        self._held.enter_context(history.claimed(sweep, self._name))

    def close(self) -> None:
        """Whoever looks now sees that this process asks no more."""
        self._held.close()
        self._turn.close()
        (self.sweep / history.LOCKS / f"{self._name}.lock").unlink(missing_ok=True)

    def trials(self) -> list[FrozenTrial]:
        """All of the study's trials."""
        return self._study.get_trials(deepcopy=False)

    def begin(self) -> list[str]:
        """Queue the first points, and what an earlier start left. Returns what there is to say of it."""
        with self._turn():
            known = {_key(trial.system_attrs.get("fixed_params", {})) for trial in self.trials()}
            for point in self.settings.enqueue:
                if _key(point) not in known:
                    self._study.enqueue_trial(dict(point))
            said, trials = self._mend()
            if self.settings.failed == "retry":
                for trial in self.failed(trials):
                    self._again(trial)
                    said.append(f"trial {trial.number} had failed, and is queued again")
            self._write()
        return said

    def ask(self) -> tuple[Trial | None, Point, tuple[str, ...], list[str]]:
        """The next trial with its point and words; none where enough are made or under way."""
        with self._turn():
            said, trials = self._mend()
            if self.left(trials) <= 0 or not self._queue_point(trials):
                return None, {}, (), said
            self._study.sampler = sampler(self.settings.sampler, len(trials))
            trial = self._study.ask()
            point, words = self.settings.space.suggested(trial)
            job = Job(trial.number, words, self.settings.space.label(words), "", (), {}, b"")
            history.append(self.sweep, [history.row(job, "waiting")])
            trial.set_user_attr("asked", {"by": self._name, "words": list(words)})  # last: else nobody is
        return trial, point, words, said

    def left(self, trials: Sequence[FrozenTrial]) -> int:
        """How many are still to be asked for: what is complete, pruned, failed or under way counts."""
        again = retried(trials)
        counted = (one for one in trials if one.state is not TrialState.WAITING and one.number not in again)
        return self.settings.n_trials - sum(1 for _ in counted)

    def failed(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Those that have failed and whose points are not queued again."""
        again = retried(trials)
        return [one for one in trials if one.state is TrialState.FAIL and one.number not in again]

    def others(self, own: Sequence[int]) -> list[int]:
        """Trials of this sweep's folder that other processes are at."""
        known = history.read(self.sweep)
        running = (trial.number for trial in self.trials() if trial.state is TrialState.RUNNING)
        return [number for number in running if number in known and number not in own]

    def values(self, number: int) -> list[float]:
        """The objectives of a trial whose job is done. Raises InputError where it lacks one."""
        return values(list(self.settings.objectives), self.sweep / str(number), self._outputs)

    def complete(self, number: int, values: Sequence[float]) -> None:
        """The trial has values."""
        self._tell(number, TrialState.COMPLETE, values=list(values))

    def prune(self, number: int) -> None:
        """The trial was given up on its way."""
        self._tell(number, TrialState.PRUNED)

    def fail(self, number: int, error: str, *, again: bool = False) -> None:
        """The trial has no values. `again`: its point is queued once more."""
        self._tell(number, TrialState.FAIL, error=error, again=again)

    def write(self) -> Row:
        """Write what the study has come to into the sweep's folder; returns it too."""
        with self._turn():
            return self._write()

    def _write(self) -> Row:
        return write_results(self.settings, self.trials(), self.sweep)

    def _tell(
        self,
        number: int,
        state: TrialState,
        *,
        values: Sequence[float] | None = None,
        error: str | None = None,
        again: bool = False,
    ) -> None:
        with self._turn():
            if self._settle(number, state, values, error) and again:
                self._again(self.trials()[number])
            self._write()

    def _settle(
        self, number: int, state: TrialState, values: Sequence[float] | None = None, error: str | None = None
    ) -> bool:
        """Tell how a trial ended; False where another process has told of it."""
        trial = self.trials()[number]
        if trial.state is not TrialState.RUNNING:
            return False
        note = functools.partial(self._study._storage.set_trial_user_attr, trial._trial_id)
        if error is not None:
            note("error", error[:2000])
        if state is TrialState.COMPLETE and STEPS not in trial.user_attrs:
            note(STEPS, steps(self.sweep / str(number), self._outputs))
        self._study.tell(number, None if values is None else list(values), state=state)
        return True

    def _mend(self) -> tuple[list[str], list[FrozenTrial]]:
        """Settle the trials whose process is gone: by what it left, or by queueing them again.

        Returns what there is to say of it, and all trials as they are then.
        """
        trials = self.trials()
        running = [one for one in trials if one.state is TrialState.RUNNING and _asker(one) != self._name]
        known = history.read(self.sweep) if running else {}
        lost = [trial for trial in running if self._is_lost(trial, known)]
        said = [f"trial {one.number}: {self._recovered(one, known.get(one.number, {}))}" for one in lost]
        return said, (self.trials() if lost else trials)

    def _is_lost(self, trial: FrozenTrial, known: dict[int, Row]) -> bool:
        """Whether nobody works on it, nor will. Of those of other sweeps' folders nothing can be told."""
        asker = _asker(trial)
        if asker is None:  # its process ended between asking and saying so, since it is our turn
            return True
        if trial.number not in known:
            return False
        if any(history.is_claimed(self.sweep, name) for name in (str(asker), trial.number)):
            return False
        return not self._in_slurm(str(trial.number))

    def _in_slurm(self, name: str) -> bool:
        """Whether SLURM has the job in its hands, or cannot be asked."""
        submission = submissions.last(self.sweep).get(name)
        if submission is None:
            return False
        states = submissions.states([submission])
        return states is None or not states[name].ended

    def _recovered(self, trial: FrozenTrial, row: Row) -> str:
        """What becomes of a trial that nobody is at, whose last row is `row`; in words."""
        match row.get("status"):
            case "done":
                return self._counted(trial)
            case "pruned":
                self._settle(trial.number, TrialState.PRUNED)
                return "had been pruned"
            case "failed":
                self._settle(trial.number, TrialState.FAIL, error=str(row.get("error")))
                return "had failed"
        self._settle(trial.number, TrialState.FAIL, error=LOST)
        if self.settings.stale != "retry" or self._tries(trial) > MOST_RETRIES:
            return f"{LOST}; it counts as failed"
        self._again(trial)
        return f"{LOST}; its point is queued again"

    def _counted(self, trial: FrozenTrial) -> str:
        try:
            found = self.values(trial.number)
        except InputError as error:
            self._settle(trial.number, TrialState.FAIL, error=str(error))
            return f"had come to its end, but {error}"
        self._settle(trial.number, TrialState.COMPLETE, values=found)
        return "had come to its end, and counts"

    def _again(self, trial: FrozenTrial) -> None:
        self._study.enqueue_trial(_given(trial), user_attrs={"retry_of": trial.number})

    def _tries(self, trial: FrozenTrial) -> int:
        before, trials, count = trial.user_attrs.get("retry_of"), self.trials(), 1
        while before is not None:
            before, count = trials[int(before)].user_attrs.get("retry_of"), count + 1
        return count

    def _queue_point(self, trials: Sequence[FrozenTrial]) -> bool:
        """With a grid, queue its next point; False where there is none left."""
        if kind_of(self.settings.sampler) != "grid" or any(t.state is TrialState.WAITING for t in trials):
            return True
        again = retried(trials)
        taken = {_key(_given(trial)) for trial in trials if trial.number not in again}
        points = self.settings.space.points() or ()
        point = next((point for point in points if _key(point) not in taken), None)
        if point is not None:
            self._study.enqueue_trial(dict(point))
        return point is not None


def _asker(trial: FrozenTrial) -> str | None:
    """The process that asked for it."""
    found: str | None = trial.user_attrs.get("asked", {}).get("by")
    return found


def retried(trials: Sequence[FrozenTrial]) -> set[int]:
    """The trials whose points were queued again."""
    return {int(number) for one in trials if (number := one.user_attrs.get("retry_of")) is not None}


def _given(trial: FrozenTrial) -> Point:
    """The trial's point, or of one that waits the part that is given."""
    return dict(trial.params) or dict(trial.system_attrs.get("fixed_params", {}))


def _key(point: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(point.items()))

"""A study's trials as work for a crew: each is asked for when somebody is free, and told of when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from alpaca_exp.errors import AlpacaExpError, InputError, JobsFailed
from alpaca_exp.experiment import prepare
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.study.books import Books
from alpaca_exp.study.overview import write_overview
from alpaca_exp.study.trial import FILE, TrialNote, write_note
from alpaca_exp.sweeping import history
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.composing import Composer
from alpaca_exp.sweeping.jobs import Job, job
from alpaca_exp.sweeping.table import line

LOOK_AGAIN_S = 1.0
"""After so long it is looked again whether another process's trial has been left."""
LEAST_SHARE = 50
"""So many times as long as it takes to write what a page shows, nothing is written again before the end."""
FEWEST = 4
"""Of fewer trials no rate of failures is told."""


class Trials:
    """What is left of a study, handed out trial by trial."""

    def __init__(
        self,
        books: Books,
        composer: Composer,
        say: Callable[[str], None],
        said: set[int],
        *,
        waits: bool = True,
    ) -> None:
        """`said` gets the trials whose ends were told to whoever reads along.

        `waits`: for the trials of other processes too, one of which may be lost.
        """
        self._books, self._composer, self._waits = books, composer, waits
        self._say, self._said = say, said
        self._settings = books.settings
        self._end = time.monotonic() + self._settings.timeout
        self._own: set[int] = set()
        self._look_at = self._show_at = 0.0
        self._over = False
        self.reason: Exception | None = None
        """Why it ended before its time."""

    def next(self) -> Unit | None:
        """The next trial's job."""
        while not self._is_over() and time.monotonic() >= self._look_at:
            trial, _, words, said = self._books.ask()
            for sentence in said:
                self._say(sentence)
            if trial is None:
                self._look_at = time.monotonic() + LOOK_AGAIN_S
                return None
            self._own.add(trial.number)
            made = self._job(trial.number, trial._trial_id, words)
            if made is not None:
                return Unit(made)
        return None

    @property
    def others(self) -> list[int]:
        """Trials that other processes of this sweep are at."""
        return [] if self._is_over() or not self._waits else self._books.others(sorted(self._own))

    def note(self, unit: Unit, outcome: Outcome) -> tuple[Outcome, list[Unit]]:
        """Tell the study how a trial ended. One that has no values has failed, however well its job went."""
        number = unit.job.number
        self._own.discard(number)
        self._said.add(number)
        self._look_at = 0.0
        match outcome.status:
            case "done" | "found":
                outcome = self._valued(unit.job, outcome)
            case "pruned":
                self._books.prune(number)
            case "stopped":
                self._books.fail(number, outcome.error or "stopped", again=True)
                self._over = True  # what stops one, a signal or a budget, is meant for all
            case "failed":
                self._books.fail(number, outcome.error or "failed")
        self._show()
        if outcome.status == "failed":
            self._watch_failures()
        return outcome, []

    def _show(self) -> None:
        """Write what a page shows of the study so far; the longer that takes, the more seldom."""
        begun = time.monotonic()
        if begun >= self._show_at:
            write_overview(self._books.sweep)
            self._show_at = begun + LEAST_SHARE * (time.monotonic() - begun)

    def _valued(self, done: Job, outcome: Outcome) -> Outcome:
        try:
            values = self._books.values(done.number)
        except InputError as error:
            failed = replace(outcome, status="failed", error=str(error))
            history.append(self._books.sweep, [history.row(done, "failed", error=failed.error)])
            self._books.fail(done.number, str(error))
            return failed
        self._books.complete(done.number, values)
        return replace(outcome, result=told(list(self._settings.objectives), values))

    def _job(self, number: int, trial_id: int, words: Sequence[str]) -> Job | None:
        """The trial's job; None where its configuration cannot be, which ends the trial alone."""
        label, folder = self._settings.space.label(words), self._books.sweep / str(number)
        try:
            config, choices = self._composer(words)
            note = folder / FILE
            if self._settings.prunes:
                config.runtime.trial = note
            prepare(config)
            stages = with_documents(plan(config), config)
            made = job(config, stages, overrides=words, choices=choices, label=label)
        except AlpacaExpError as error:
            reason = str(error)
            failed = Job(number, tuple(words), label, "", (), {}, b"")
            history.append(self._books.sweep, [history.row(failed, "failed", error=reason)])
            self._books.fail(number, reason)
            self._own.discard(number)
            self._said.add(number)
            self._say(line(number, label, "failed", None, reason))
            self._watch_failures()
            return None
        told_to_job = TrialNote(
            storage=self._settings.storage,
            study_name=self._settings.study_name,
            number=number,
            trial_id=trial_id,
            pruner=self._settings.pruner if self._settings.prunes else {},
            monitor=self._settings.monitor,
            direction=self._settings.directions[0],
        )
        write_note(told_to_job, note)
        return replace(made, number=number)

    def _is_over(self) -> bool:
        if not self._over and time.monotonic() > self._end:
            self._over = True
            self._say(f"no further trials: hydra.sweeper.timeout={self._settings.timeout:g} s is over")
        return self._over

    def _watch_failures(self) -> None:
        """End a study most of whose trials fail: what is wrong is hardly theirs."""
        trials = self._books.trials()
        states = [trial.state.name for trial in trials]
        failed = len(self._books.failed(trials))
        ended = failed + states.count("COMPLETE") + states.count("PRUNED")
        if ended >= min(FEWEST, self._settings.n_trials) and failed > self._settings.max_failure_rate * ended:
            self._over = True
            self.reason = JobsFailed(
                f"{failed:,} of {ended:,} trials failed, more than "
                f"hydra.sweeper.max_failure_rate={self._settings.max_failure_rate:g} allows; once mended, "
                "the same command with hydra.sweeper.failed=retry tries their points again"
            )


def told(names: Sequence[str], values: Sequence[float]) -> str:
    """`truthfulness 0.813, usd 1.2`."""
    return ", ".join(f"{name} {value:.5g}" for name, value in zip(names, values, strict=True))

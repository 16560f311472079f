"""One trial of a study as its job sees it: the job tells how its training goes, and asks whether to go on.

The sweeper writes `trial.json` into the job's folder and names it in `runtime.trial`. It is runtime, so it
reaches stages, ranks and SLURM jobs with everything else that is, and changes nothing of what is made.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp.errors import InputError
from alpaca_exp.records import write_json
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.study.pruners import MAXIMIZE

FILE = "trial.json"
STEPS = "steps"
"""The attribute of a trial that says how many steps its whole training takes."""


@dataclass(frozen=True)
class TrialNote:
    """What a job is told of its trial: a row of `trial.json`."""

    storage: str
    """The address of the study's storage, as `open_storage` takes it; without a password."""
    study_name: str
    number: int
    """The trial's, counted from 0."""
    trial_id: int
    """The storage's name for it."""
    pruner: Mapping[str, Any] = field(default_factory=dict)
    """Its kind and options, as `pruners.pruner` takes them; empty: none, values are only reported."""
    monitor: str | None = None
    """loss, or val_loss; None: the validation loss where the training has one, else the loss."""
    direction: str = "minimize"
    """minimize or maximize: the study's, in which its pruner compares what is reported."""


class Trial:
    """A trial under way, in the study's shared storage."""

    def __init__(self, note: TrialNote) -> None:
        """Raises InputError where the storage cannot be reached or has no such study."""
        import optuna

        from alpaca_exp.study.pruners import pruner
        from alpaca_exp.study.storage import open_storage

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.note = note
        self._storage: Any = open_storage(note.storage)
        chosen = pruner(note.pruner, note.direction)
        try:
            self._study = optuna.load_study(study_name=note.study_name, storage=self._storage, pruner=chosen)
        except KeyError:
            raise InputError(f"{note.storage} has no study {note.study_name}; was it deleted?") from None

    @property
    def reported(self) -> set[int]:
        """The steps of which it has a value."""
        return set(self._storage.get_trial(self.note.trial_id).intermediate_values)

    def begin(self, steps: int) -> None:
        """Tell how many steps the whole training takes."""
        self._storage.set_trial_user_attr(self.note.trial_id, STEPS, steps)

    def report(self, value: float, step: int) -> None:
        """Tell a loss at a step: the share of the training that is done, in per cent.

        A loss is the better the smaller. The study's pruner compares in the study's direction, so where
        that is a maximum, it is kept with its sign turned.
        """
        turned = -value if self.note.direction == MAXIMIZE else value
        self._storage.set_trial_intermediate_value(self.note.trial_id, step, turned)

    def should_prune(self) -> bool:
        """Whether the study's pruner gives it up, by what was reported of it and of the others."""
        told = self._storage.get_trial(self.note.trial_id)
        return bool(self._study.pruner.prune(self._study, told))


def open_trial(runtime: RuntimeConfig) -> Trial | None:
    """The trial that this job runs; None where it runs none.

    A storage that cannot be reached from here costs the pruning, not the training: it is said, and None too.
    Raises InputError where the file that `runtime.trial` names is not there.
    """
    if runtime.trial is None:
        return None
    note = read_note(runtime.trial)
    try:
        return Trial(note)
    except Exception as error:  # whatever a database's driver raises
        said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        print(f"Note: this training is not pruned, nor does it report: {said}", file=sys.stderr, flush=True)
        return None


def write_note(note: TrialNote, path: Path) -> None:
    """Write `trial.json`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(dataclasses.asdict(note), path)


def read_note(path: Path) -> TrialNote:
    """What `write_note` wrote. Raises InputError where it is not that."""
    try:
        return TrialNote(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"runtime.trial={path} is not what a study's sweeper wrote ({error}); leave it out"
        ) from None

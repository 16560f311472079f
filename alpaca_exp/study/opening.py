"""A study opened in its storage, or begun there; refused where its trials have something else in common."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.errors import InputError
from alpaca_exp.study.settings import Settings
from alpaca_exp.study.storage import Turns, file_of, open_storage

if TYPE_CHECKING:
    from optuna.study import Study

IDENTITY = "alpaca_exp"
"""The attribute of a study that says what its trials have in common."""
PARTS = {"objectives": "other objectives", "space": "another space", "settings": "other settings"}


def opened(settings: Settings) -> Study:
    """The study in its storage, with the same space, objectives and settings as before.

    Raises InputError where the storage cannot be reached, and, with what differs, for another study.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study: Study = optuna.create_study(
        study_name=settings.study_name,
        storage=open_storage(settings.storage),
        directions=list(settings.directions),
        load_if_exists=True,
    )
    if _is_new(study, settings):
        study.set_user_attr(IDENTITY, settings.identity)
        study.set_metric_names(list(settings.objectives))
    return study


def check_opening(settings: Settings) -> None:
    """Raise what `opened` would, but begin no study."""
    import optuna

    file = file_of(settings.storage)
    if file is not None and not file.exists() and _can_be_made(file):
        return
    turn = Turns(settings.storage, settings.study_name)
    try:
        with turn():
            storage = open_storage(settings.storage)
            if settings.study_name in optuna.get_all_study_names(storage):
                _is_new(optuna.load_study(study_name=settings.study_name, storage=storage), settings)
    finally:
        turn.close()


def _can_be_made(file: Path) -> bool:
    """Whether the file, with the folders above it, can be made, as far as one sees."""
    there = next(folder for folder in file.absolute().parents if folder.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _is_new(study: Study, settings: Settings) -> bool:
    """Whether nothing is said of it yet. Raises InputError where it is another one than is asked for."""
    before = study.user_attrs.get(IDENTITY)
    directions = [direction.name.lower() for direction in study.directions]
    if before is None and not study.get_trials(deepcopy=False) and directions == settings.directions:
        return True
    _compare(before or {}, json.loads(json.dumps(settings.identity)), settings)
    return False


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], settings: Settings) -> None:
    """Raises InputError, saying what differs, where trials of both could not be compared."""
    remedy = "choose another name=..., or hydra.sweeper.study_name=..."
    where = f"The study {settings.study_name} in {settings.storage}"
    if not before:
        raise InputError(f"{where} was not begun by a sweep of this project; {remedy}")
    differing = [
        f"{name} ({_changed(before.get(key, {}), now[key])})"
        for key, name in PARTS.items()
        if before.get(key) != now[key]
    ]
    if differing:
        raise InputError(f"{where} was begun with {' and '.join(differing)}; {remedy}")


def _changed(before: Any, now: Any) -> str:
    """What differs: `seed: 0 to 9 before, 0 to 5 now`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        told = [_before_and_now(key, before.get(key), now.get(key)) for key in keys]
        return "; ".join(told) or "in another order"
    gone = [f"no longer {one}" for one in before if one not in now]
    new = [f"now {one}" for one in now if one not in before]
    return ", ".join([*gone, *new])


def _before_and_now(key: str, before: Any, now: Any) -> str:
    """One parameter, or objective, by what differs of it."""
    if before is None:
        return f"{key} is new"
    if now is None:
        return f"{key} is gone"
    was, is_ = _parts(before), _parts(now)
    said = [", ".join(one for one in part if one not in other) for part, other in ((was, is_), (is_, was))]
    return f"{key}: {said[0] or 'without that'} before, {said[1] or 'without that'} now"


def _parts(value: Any) -> Sequence[str]:
    """What is told of a parameter, or an objective, in words."""
    if not isinstance(value, Mapping):
        return [str(value)]
    spread = value.get("choices") or [f"{value['low']:g} to {value['high']:g}"]
    steps = [f"in steps of {value['step']:g}"] if value.get("step") else []
    words = {"int": "whole numbers", "log": "by its logarithm"}
    more = [said for name, said in words.items() if value.get(name)]
    rest = [f"{name} {value[name]}" for name in ("key", "when", "times") if name in value]
    return ["|".join(map(str, spread)), *steps, *more, *rest]

"""Which trials of a study are given up: Optuna's pruners, by name, with options that mean per cent here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alpaca_exp.study.parts import options_of, part_problems

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

STEPS = 100
"""A pruner's step is the share of a training that is done, in per cent: trials differ in their steps."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "median": {"n_startup_trials": 5, "n_warmup_steps": 10},
    "percentile": {"percentile": 25.0, "n_startup_trials": 5, "n_warmup_steps": 10},
    "threshold": {"upper": None, "lower": None, "n_warmup_steps": 0},
    "successive_halving": {"min_resource": 10, "reduction_factor": 3, "bootstrap_count": 0},
    "hyperband": {"min_resource": 10, "max_resource": STEPS, "reduction_factor": 3},
}
"""Each kind's options with our defaults; any other option of Optuna's pruner of that kind is taken too."""


CLASSES = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "threshold": "ThresholdPruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
}


def pruner(options: Mapping[str, Any]) -> BasePruner:
    """The pruner of `{kind: median, n_startup_trials: 4, ...}`; without a kind, the one that prunes nothing.

    Raises ValueError or TypeError for options that cannot be; `pruner_problems` says which.
    """
    from optuna import pruners

    given = dict(options)
    kind = given.pop("kind", "none")
    return getattr(pruners, CLASSES[kind])(**{**DEFAULTS[kind], **given})  # type: ignore[no-any-return]


def pruner_problems(options: Mapping[str, Any]) -> list[str]:
    """Why there is no such pruner, in sentences."""
    from optuna import pruners

    found = part_problems("pruner", options, CLASSES, pruners)
    if not found:
        try:
            pruner(options)
        except (TypeError, ValueError) as error:
            found.append(f"hydra.sweeper.pruner cannot be had: {' '.join(str(error).split())}")
    return found


def taken(kind: str) -> set[str]:
    """The options that a pruner of that kind takes."""
    from optuna import pruners

    return options_of(kind, CLASSES, pruners)

"""Which trials of a study are given up: pruners by name, Optuna's and ours, with steps that are per cent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alpaca_exp.study.parts import options_of, part_problems

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

MAXIMIZE = "maximize"

STEPS = 100
"""A pruner's step is the share of a training that is done, in per cent: trials differ in their steps."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "median": {"n_startup_trials": 5, "n_warmup_steps": 10},
    "percentile": {"percentile": 25.0, "n_startup_trials": 5, "n_warmup_steps": 10},
    "threshold": {"upper": None, "lower": None, "n_warmup_steps": 0},
    "successive_halving": {"min_resource": 10, "reduction_factor": 3, "bootstrap_count": 0},
    "hyperband": {"min_resource": 10, "max_resource": STEPS, "reduction_factor": 3},
}
"""Each kind's options with our defaults; any other option of Optuna's pruner of that kind is taken too."""


def pruner(options: Mapping[str, Any], direction: str = "minimize") -> BasePruner:
    """The pruner of `{kind: median, n_startup_trials: 4, ...}`; without a kind, the one that prunes nothing.

    `direction`: the study's. Where that is a maximum, losses are kept with their signs turned, and so are the
    bounds that they are held against. Raises ValueError or TypeError for options that cannot be;
    `pruner_problems` says which.
    """
    given = dict(options)
    kind = given.pop("kind", "none")
    given = {**DEFAULTS.get(kind, {}), **given}
    if kind == "threshold" and direction == MAXIMIZE:
        bounds = {end: None if given[end] is None else -given[end] for end in ("lower", "upper")}
        given |= {"lower": bounds["upper"], "upper": bounds["lower"]}
    return _classes()[kind](**given)


def pruner_problems(options: Mapping[str, Any]) -> list[str]:
    """Why there is no such pruner, in sentences."""
    found = part_problems("pruner", options, _classes())
    if not found:
        try:
            pruner(options)
        except (TypeError, ValueError) as error:
            found.append(f"hydra.sweeper.pruner cannot be had: {' '.join(str(error).split())}")
    return found


def taken(kind: str) -> set[str]:
    """The options that a pruner of that kind takes."""
    return options_of(kind, _classes())


def _classes() -> dict[str, type[BasePruner]]:
    from optuna import pruners

    from alpaca_exp.study.asynchronous import AsynchronousPercentilePruner

    return {
        "none": pruners.NopPruner,
        "asynchronous_percentile": AsynchronousPercentilePruner,
        "median": pruners.MedianPruner,
        "percentile": pruners.PercentilePruner,
        "threshold": pruners.ThresholdPruner,
        "successive_halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }

"""Which trials of a study are given up: Optuna's pruners, by name, with options that mean per cent here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alpaca_exp.errors import InputError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

STEPS = 100
"""A pruner's step is the share of a training that is done, in per cent: trials differ in their steps."""
KINDS: dict[str, dict[str, Any]] = {
    "none": {},
    "median": {"n_startup_trials": 5, "n_warmup_steps": 10},
    "percentile": {"percentile": 25.0, "n_startup_trials": 5, "n_warmup_steps": 10},
    "threshold": {"upper": None, "lower": None, "n_warmup_steps": 0},
    "successive_halving": {"min_resource": 10, "reduction_factor": 3, "bootstrap_count": 0},
    "hyperband": {"min_resource": 10, "max_resource": STEPS, "reduction_factor": 3},
}
"""Each kind's options with our defaults; any other option of Optuna's pruner of that kind is taken too."""


def pruner(options: Mapping[str, Any]) -> BasePruner:
    """The pruner of `{kind: median, n_startup_trials: 4, ...}`; without a kind, the one that prunes nothing.

    Raises InputError for a kind that there is not, and for options that it does not take.
    """
    from optuna import pruners

    given = dict(options)
    kind = given.pop("kind", "none")
    if kind not in KINDS:
        raise InputError(f"There is no pruner {kind}; there are {', '.join(KINDS)}")
    made = {
        "none": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "percentile": pruners.PercentilePruner,
        "threshold": pruners.ThresholdPruner,
        "successive_halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }[kind]
    try:
        return made(**{**KINDS[kind], **given})  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        raise InputError(f"The pruner {kind} cannot be had with {given}: {error}") from None

"""Who proposes the next point: Optuna's samplers, by name."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alpaca_exp.study.parts import options_of, part_problems
from alpaca_exp.study.space import Space

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

CLASSES = {
    "tpe": "TPESampler",
    "cmaes": "CmaEsSampler",
    "grid": "RandomSampler",
    "random": "RandomSampler",
    "nsgaii": "NSGAIISampler",
    "gp": "GPSampler",
    "qmc": "QMCSampler",
}
"""Of a grid, we name the next point ourselves: Optuna's knows no conditions."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "tpe": {"constant_liar": True},
    "cmaes": {"warn_independent_sampling": False},
}
ONE_SEED = ("qmc",)
"""Draws one sequence through the whole study, so that every process must have the same seed."""
NO_CHOICES = ("cmaes",)
NO_CONDITIONS = ("cmaes", "gp", "qmc")
ONE_OBJECTIVE = ("cmaes",)


def sampler(options: Mapping[str, Any], number: int) -> BaseSampler:
    """The sampler that proposes trial `number`.

    Its chance is its own: drawn from the study's seed and the trial's number, so that a study which goes on
    after a stop, or in several processes, repeats no point.
    """
    from optuna.exceptions import ExperimentalWarning

    given = {**DEFAULTS.get(kind_of(options), {}), **options}
    kind, seed = given.pop("kind"), given.pop("seed", None)
    if seed is not None and kind not in ONE_SEED:
        digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
    made = _classes()[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # said once more for each trial
        return made(seed=seed, **given)  # type: ignore[call-arg]


def sampler_problems(options: Mapping[str, Any], space: Space, objectives: Sequence[str]) -> list[str]:
    """Why this sampler cannot search this space, in sentences."""
    key, kind = "hydra.sweeper.sampler", kind_of(options)
    found = part_problems("sampler", {**options, "kind": kind}, _classes())
    if kind not in CLASSES:
        return found
    other = f"take {key}.kind=tpe, which can, or search something else"
    choices = [one.name for one in space.parameters if one.choices and len(one.choices) > 1]
    if kind in NO_CHOICES and choices:
        found.append(f"{kind} searches ranges of numbers only, not choices ({', '.join(choices)}); {other}")
    if kind in NO_CONDITIONS and space.conditional:
        found.append(f"{kind} cannot search where parameters count in some trials only; {other}")
    if kind in ONE_OBJECTIVE and len(objectives) > 1:
        found.append(f"{kind} has one objective, and there are {len(objectives)}; take {key}.kind=nsgaii")
    if kind == "grid" and space.points() is None:
        ranges = ", ".join(one.name for one in space.parameters if one.values is None) or "a function's"
        found.append(f"a grid needs values to count, and {ranges} has none; give a step, or choices")
    if not found:
        try:
            sampler(options, 0)
        except (TypeError, ValueError, ImportError) as error:
            found.append(f"{key} cannot be had: {' '.join(str(error).split())}")
    return found


def taken(kind: str) -> set[str]:
    """The options that a sampler of that kind takes."""
    return {"seed", *options_of(kind, _classes())}


def _classes() -> dict[str, type[BaseSampler]]:
    from optuna import samplers

    return {kind: getattr(samplers, name) for kind, name in CLASSES.items()}


def kind_of(options: Mapping[str, Any]) -> str:
    """The sampler's name."""
    return str(options.get("kind", "tpe"))

"""What a study is asked for, checked: the keys of `hydra.sweeper`, the command line, and where it is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from alpaca_exp.config import nearest
from alpaca_exp.errors import ConfigError
from alpaca_exp.study import pruners, samplers
from alpaca_exp.study.given import Given
from alpaca_exp.study.keys import KEYS
from alpaca_exp.study.objectives import objective_problems
from alpaca_exp.study.overlay import overlay
from alpaca_exp.study.pruners import pruner_problems
from alpaca_exp.study.reading import plain, read_space
from alpaca_exp.study.samplers import kind_of, sampler_problems
from alpaca_exp.study.space import Point, Space
from alpaca_exp.study.storage import address_of

LOSS, VAL_LOSS = "loss", "val_loss"
STALE = ("retry", "fail")
FAILED = ("keep", "retry")
SHAPES: dict[str, tuple[Any, str]] = {
    "objectives": ((Mapping, str), "a metric, or {METRIC: maximize}"),
    "sampler": ((Mapping, str), "a name, or {kind: NAME, OPTION: VALUE}"),
    "pruner": ((Mapping, str), "a name, or {kind: NAME, OPTION: VALUE}"),
    "search_space": (Mapping, "{KEY: {low: 1, high: 2}} or {KEY: [1, 2]}"),
    "params": (Mapping, "{KEY: 'interval(1,2)'}"),
    "enqueue": (list, "a list of points, [{KEY: VALUE}]"),
    "storage": (str, "a file, or an address such as postgresql://USER@HOST/DATABASE"),
    "custom_search_space": (str, "a function's name, module.function"),
}
IDLE = ("runtime", "logger", "action", "name", "hydra", "sweep")
"""How the keys begin that change nothing of what a trial comes to."""


@dataclass(frozen=True)
class Settings:
    """A study as it is asked for."""

    study_name: str
    storage: str
    """Its address, without a password."""
    objectives: Mapping[str, str]
    n_trials: int
    """Of all its processes and starts together."""
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]
    monitor: str | None
    space: Space
    enqueue: tuple[Point, ...]
    stale: str
    failed: str
    max_failure_rate: float
    overlay: tuple[str, ...]
    """What the sweep's file sets beside the study, as on the command line."""
    timeout: float
    """Seconds after which this process begins no further trial."""

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        """Of each objective: maximize or minimize."""
        return ["maximize" if told == "maximize" else "minimize" for told in self.objectives.values()]

    @property
    def prunes(self) -> bool:
        """Whether trials are given up on their way."""
        return str(self.pruner.get("kind", "none")) != "none"

    @property
    def identity(self) -> dict[str, Any]:
        """What all trials of a study must have in common, so that they can be compared."""
        words = {word.lstrip("+~").partition("=")[0]: word for word in (*self.overlay, *self.space.fixed)}
        fixed = sorted(word for key, word in words.items() if not key.startswith(IDLE))
        return {"objectives": dict(self.objectives), "space": self.space.told(), "settings": fixed}

    @property
    def told(self) -> dict[str, Any]:
        """As `sweep.json` has it."""
        return {
            "study_name": self.study_name,
            "storage": self.storage,
            "n_trials": self.n_trials,
            "sampler": dict(self.sampler),
            "pruner": dict(self.pruner),
            **self.identity,
        }


def read_settings(
    node: Mapping[str, Any], arguments: Sequence[str], loader: ConfigLoader, master: DictConfig, folder: Path
) -> Settings:
    """The study that `hydra.sweeper` and the command line ask for. Raises ConfigError with all problems."""
    told = {name: _plain(value) for name, value in node.items()}
    problems = [f"hydra.sweeper.{name} is not a key{nearest(name, KEYS)}" for name in told.keys() - KEYS]
    told = {**KEYS, **told}
    problems += _shape_problems(told)
    if problems:
        raise ConfigError(problems)
    given = Given(master.hydra.overrides.hydra)
    sampler = given.options("sampler", _kind(told["sampler"]), samplers.taken)
    chosen = given.options("pruner", _kind(told["pruner"]), pruners.taken)
    objectives = _objectives(given.whole("objectives", told["objectives"]))
    problems += [*objective_problems(objectives), *_simple_problems(told), *pruner_problems(chosen)]
    if len(objectives) > 1 and chosen["kind"] != "none":
        problems.append(
            f"hydra.sweeper.pruner.kind={chosen['kind']} compares trials by one number, and there are "
            f"{len(objectives)} objectives; leave the pruner out"
        )
    try:
        space = read_space(
            _mapping(given.whole("search_space", told["search_space"])),
            _mapping(told["params"]),
            arguments,
            told["custom_search_space"],
            loader,
            master,
        )
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    problems += sampler_problems(sampler, space, list(objectives))
    first = tuple(_point(point) for point in told["enqueue"] or ())
    problems += [
        f"hydra.sweeper.enqueue: {wrong}"
        for point in first
        if (wrong := space.whole_point(point)) is not None
    ]
    problems += _distribution_problems(space) if not problems else []
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    points = space.points() if kind_of(sampler) == "grid" else None
    wanted = told["n_trials"] if told["n_trials"] is not None else math.inf
    count = int(min(wanted, len(points))) if points is not None else int(wanted)
    return Settings(
        study_name=str(told["study_name"] or folder.name),
        storage=address_of(told["storage"], folder),
        objectives=objectives,
        n_trials=count,
        sampler=sampler,
        pruner=chosen,
        monitor=told["monitor"],
        space=space,
        enqueue=first,
        stale=told["stale"],
        failed=told["failed"],
        overlay=overlay(arguments, loader),
        max_failure_rate=float(told["max_failure_rate"]),
        timeout=float(told["timeout"] if told["timeout"] is not None else math.inf),
    )


def _shape_problems(told: Mapping[str, Any]) -> Iterator[str]:
    """Keys that are of another kind than what they are to hold."""
    for name, (kinds, wanted) in SHAPES.items():
        value = told[name]
        points = value if name == "enqueue" and isinstance(value, list) else ()
        if not (value is None or isinstance(value, kinds)) or not all(isinstance(p, Mapping) for p in points):
            yield f"hydra.sweeper.{name} is {value}; it must be {wanted}"


def _simple_problems(told: Mapping[str, Any]) -> Iterator[str]:
    count, rate, timeout = told["n_trials"], told["max_failure_rate"], told["timeout"]
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not (whole and count >= 1) and not (count is None and _kind(told["sampler"])["kind"] == "grid"):
        yield f"hydra.sweeper.n_trials is {count}; it must be a whole number, 1 or more"
    if not (isinstance(rate, int | float) and 0 <= rate <= 1):
        yield f"hydra.sweeper.max_failure_rate is {rate}; it must be between 0 and 1"
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        yield f"hydra.sweeper.timeout is {timeout}; it must be seconds, above 0, or null"
    for name, options in (("stale", STALE), ("failed", FAILED)):
        if told[name] not in options:
            yield f"hydra.sweeper.{name} is {told[name]}; it must be {' or '.join(options)}"
    if told["monitor"] not in (None, LOSS, VAL_LOSS):
        yield f"hydra.sweeper.monitor is {told['monitor']}; it must be {LOSS}, {VAL_LOSS} or null"


def _distribution_problems(space: Space) -> Iterator[str]:
    """What Optuna says of a dimension."""
    for one in space.parameters:
        try:
            _ = one.distribution
        except ValueError as error:
            yield f"the parameter {one.name} cannot be searched: {error}"


def _kind(told: Any) -> dict[str, Any]:
    """`tpe`, or `{kind: tpe, seed: 0}`."""
    if told is None:
        return {"kind": "none"}
    return {"kind": told} if isinstance(told, str) else {"kind": "tpe", **told}


def _objectives(told: Any) -> dict[str, str]:
    if isinstance(told, str):
        told = {told: "maximize"}
    given = (told or {}).items()  # null takes back what a sweep's file says, since dictionaries are merged
    return {str(metric): str(direction) for metric, direction in given if direction is not None}


def _mapping(told: Any) -> Mapping[str, Any]:
    return told or {}


def _point(told: Mapping[str, Any]) -> Point:
    """A point as somebody names it; choices of several words are known by them."""
    return {str(name): plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value

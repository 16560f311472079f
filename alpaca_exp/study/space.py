"""A search space: the parameters that a study varies, which of them count when, and what a point sets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alpaca_exp.config import nearest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Value = None | bool | int | float | str
Point = dict[str, Value]
"""The value of each parameter that counts, by the parameter's name."""
Known = Callable[[str], object]
"""What a key is where the study does not vary it: an option, or a value; None: it is not there."""

MOST_CORNERS = 64
"""Of more combinations of ends than these, each end is looked at once and not with every other."""
DIGITS = 4
"""Of a number in a label."""


@dataclass(frozen=True)
class Parameter:
    """One dimension: a range of numbers, or choices."""

    name: str
    key: str
    """What it sets, as on the command line."""
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    whole: bool = False
    choices: Mapping[Value, str] = field(default_factory=dict)
    """Each with its words on the command line; empty for a range."""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """It counts only where each of these has one of the given values."""
    times: str | None = None
    """What is set is the value times that of this parameter, or key."""

    @property
    def distribution(self) -> BaseDistribution:
        """As Optuna has it. Raises ValueError for what cannot be."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(list(self.choices))
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    @property
    def ends(self) -> list[Value]:
        """Every choice, or both ends."""
        if self.choices:
            return list(self.choices)
        ends = dict.fromkeys((self.low, self.high))
        return [int(end) if self.whole else end for end in ends]

    @property
    def values(self) -> list[Value] | None:
        """All of its values; None where they cannot be counted."""
        if self.choices or self.low == self.high:
            return self.ends
        if self.whole and not self.log:
            return list(range(int(self.low), int(self.high) + 1, int(self.step or 1)))
        if self.step is None:
            return list(range(int(self.low), int(self.high) + 1)) if self.whole else None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return [self.low + index * self.step for index in range(count)]

    def suggested(self, trial: Trial) -> Value:
        """The trial's value."""
        if self.choices:
            return trial.suggest_categorical(self.name, list(self.choices))
        if self.whole:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return trial.suggest_int(self.name, low, high, step=step, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)

    def told(self) -> dict[str, Any]:
        """As it is written down, and compared with what was searched before."""
        spread = (
            {"choices": list(self.choices)}
            if self.choices
            else {"low": self.low, "high": self.high, "step": self.step, "log": self.log, "int": self.whole}
        )
        more = {"when": {key: list(values) for key, values in self.when.items()}, "times": self.times}
        return {"key": self.key, **spread, **{name: value for name, value in more.items() if value}}


@dataclass(frozen=True)
class Space:
    """Parameters, those that others depend on first; and what is set for all trials alike."""

    parameters: tuple[Parameter, ...]
    fixed: tuple[str, ...]
    """The command line's words that vary nothing."""
    known: Known
    function: Callable[[Trial], Sequence[str] | None] | None = None
    """Suggests more of a trial, by the keys that it sets; may return further words."""

    @property
    def conditional(self) -> bool:
        """Whether some parameters count in some trials only."""
        return self.function is not None or any(parameter.when for parameter in self.parameters)

    @property
    def varied(self) -> list[Parameter]:
        """Those with more than one value."""
        return [one for one in self.parameters if len(one.ends) > 1]

    def counts(self, parameter: Parameter, point: Mapping[str, Value]) -> bool:
        """Whether a parameter counts at a point of those before it."""
        return all(
            said(self.value_of(name, point)) in wanted if self._is_there(name, point) else False
            for name, wanted in parameter.when.items()
        )

    def suggested(self, trial: Trial) -> tuple[Point, tuple[str, ...]]:
        """The point that a trial is to try, and its words on the command line, those of all trials too."""
        point: Point = {}
        for parameter in self.parameters:
            if self.counts(parameter, point):
                point[parameter.name] = parameter.suggested(trial)
        more = tuple(self.function(trial) or ()) if self.function else ()
        extra = {name: value for name, value in trial.params.items() if name not in point}
        words = (*self.words(point), *(f"{name}={quoted(value)}" for name, value in extra.items()), *more)
        return point | extra, (*self.fixed, *words)

    def words(self, point: Mapping[str, Value]) -> tuple[str, ...]:
        """What a point sets, as on the command line."""
        return tuple(f"{one.key}={self._text(one, point)}" for one in self.parameters if one.name in point)

    def label(self, words: Sequence[str]) -> str:
        """What tells a trial from others, in few words."""
        keys = {one.key.lstrip("+~") for one in self.varied}
        own = (
            word
            for word in words
            if word.lstrip("+~").partition("=")[0] in keys or (self.function and word not in self.fixed)
        )
        return " ".join(map(_short, own)) or "(nothing varies)"

    def points(self) -> list[Point] | None:
        """Every point there is; None where they cannot be counted."""
        if self.function or any(one.values is None for one in self.parameters):
            return None
        return list(self._walk(lambda one: one.values or []))

    def corners(self) -> list[Point]:
        """Points at which each parameter has each choice, and either end of its range."""
        found = list(itertools.islice(self._walk(lambda one: one.ends), MOST_CORNERS + 1))
        if len(found) <= MOST_CORNERS:
            return found
        deciding = {name for one in self.parameters for name in one.when}
        looks = [lambda one: one.ends if one.name in deciding else one.ends[:1]]
        looks.append(lambda one: one.ends if one.name in deciding else one.ends[-1:])
        for varied in self.parameters:
            looks.append(
                lambda one, name=varied.name: (  # type: ignore[misc]
                    one.ends if one.name == name or one.name in deciding else one.ends[:1]
                )
            )
        points = [point for look in looks for point in self._walk(look)]
        return list({tuple(point.items()): point for point in points}.values())

    def whole_point(self, given: Mapping[str, Value]) -> str | None:
        """What is wrong with a point that somebody names; it may leave parameters to the sampler."""
        by_name = {one.name: one for one in self.parameters}
        for name, value in given.items():
            if name not in by_name and not self.function:
                return f"{name} is not searched{nearest(name, by_name)}"
            one = by_name.get(name)
            if one and one.choices and value not in one.choices:
                return f"{name}={value} is not among its choices, {', '.join(one.choices.values())}"
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if one and not one.choices and not (number and one.low <= float(value or 0) <= one.high):
                return f"{name}={value} lies outside of {one.low:g} to {one.high:g}"
        return None

    def told(self) -> dict[str, Any]:
        """As it is written down, and compared with what was searched before."""
        return {one.name: one.told() for one in self.parameters}

    def value_of(self, name: str, point: Mapping[str, Value]) -> object:
        """What a parameter, or a key that is not varied, is."""
        return point[name] if name in point else self.known(name)

    def _is_there(self, name: str, point: Mapping[str, Value]) -> bool:
        return name in point or not any(one.name == name for one in self.parameters)

    def _text(self, one: Parameter, point: Mapping[str, Value]) -> str:
        value = point[one.name]
        if one.times is not None:
            factor = self.value_of(one.times, point)
            assert isinstance(value, int | float) and isinstance(factor, int | float), "checked before"
            product = value * factor
            return quoted(int(product) if product == int(product) else product)
        return one.choices[value] if one.choices else quoted(value)

    def _walk(self, values: Callable[[Parameter], Sequence[Value]]) -> Iterator[Point]:
        """Every combination, of the parameters that count."""

        def further(point: Point, rest: Sequence[Parameter]) -> Iterator[Point]:
            if not rest:
                yield point
                return
            one, *left = rest
            if not self.counts(one, point):
                yield from further(point, left)
                return
            for value in values(one):
                yield from further({**point, one.name: value}, left)

        yield from further({}, self.parameters)


def quoted(value: object) -> str:
    """A value as Hydra's command line wants it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    plain = text.replace("_", "").replace(".", "").replace("-", "").replace("/", "").isalnum()
    if plain and not text[0].isdigit() and text.lower() not in ("null", "true", "false", "nan", "inf"):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def flow(value: object) -> str:
    """Lists and dictionaries, too, as Hydra's command line wants them."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{flow(one)}" for key, one in value.items()) + "}"
    if nested(value):
        assert isinstance(value, Sequence)
        return "[" + ",".join(map(flow, value)) + "]"
    text = getattr(value, "text", value)  # of a word in quotes
    return str(text) if isinstance(text, str) and text.startswith("${") else quoted(text)


def nested(value: object) -> bool:
    """Whether it is more than one value."""
    return isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str))


def said(value: object) -> str:
    """A value in a condition, however it is written there."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _short(word: str) -> str:
    key, _, text = word.partition("=")
    try:
        number = float(text)
    except ValueError:
        return word
    return f"{key}={number:.{DIGITS}g}" if not text.isdigit() else word

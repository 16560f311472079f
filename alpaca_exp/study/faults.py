"""What is wrong with a parameter of a search space, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alpaca_exp.config import groups, nearest
from alpaca_exp.study.space import Known, Parameter, said


def parameter_problems(
    one: Parameter, found: Sequence[Parameter], written: Sequence[Parameter], known: Known
) -> Iterator[str]:
    """What is wrong with one of the parameters `found`.

    `written`: as the file has them, of which the command line may have left less. `known`: what keys are
    that no trial varies.
    """
    yield from _spread(one)
    yield from _depends(one, found, known)
    yield from _waits_in_vain(one, [*found, *written])


def _depends(one: Parameter, found: Sequence[Parameter], known: Known) -> Iterator[str]:
    """Others that it names, and that are not there."""
    names = {other.name for other in found}
    where = f"the parameter {one.name}"
    for other in one.when:
        if other not in names and known(other) is None:
            yield f"{where} counts when {other} has a value, and there is no {other}{nearest(other, names)}"
    if one.times is not None and one.times not in names and known(one.times) is None:
        yield f"{where} is multiplied by {one.times}, and there is no such parameter or key"
    if one.times is not None and any(not isinstance(value, int | float) for value in one.ends):
        yield f"{where} is multiplied by {one.times}, so its choices must be numbers"


def _spread(one: Parameter) -> Iterator[str]:
    """A range that has no values, or others than it may have."""
    where = f"the parameter {one.name}"
    if one.choices == {} and not (one.low <= one.high):
        yield f"{where} goes from {one.low:g} to {one.high:g}; the lower end comes first"
    elif one.log and one.low <= 0:
        yield f"{where} goes from {one.low:g} by its logarithm; it must begin above 0"
    elif one.log and one.step not in (None, 1):
        yield f"{where} has a step and a logarithm; leave out one of them"
    elif one.choices == {} and one.step is not None and not one.step > 0:
        yield f"{where} has the step {one.step:g}; it must be above 0"
    elif one.choices == {} and one.whole and (one.low % 1 or one.high % 1 or (one.step or 1) % 1):
        yield f"{where} takes whole numbers; {one.low:g} to {one.high:g} has others"


def _waits_in_vain(one: Parameter, others: Sequence[Parameter]) -> Iterator[str]:
    """Values for which it waits, and which none of `others` of that name ever has."""
    for name, values in one.when.items():
        same = [other for other in others if other.name == name]
        choices = list(dict.fromkeys(said(choice) for other in same for choice in other.choices))
        choices = choices or ([] if same else groups().get(name, []))
        ranges = [other for other in same if not other.choices]
        for value in values:
            if value in choices or any(_lies_in(value, other) for other in ranges):
                continue
            if choices:
                wanted = f"none of its choices{nearest(value, choices)}"
            elif ranges:
                wanted = f"not from {ranges[0].low:g} to {ranges[0].high:g}"
            else:
                continue
            yield f"the parameter {one.name} counts when {name} is {value}, which is {wanted}"


def _lies_in(value: str, spread: Parameter) -> bool:
    try:
        return spread.low <= float(value) <= spread.high
    except ValueError:
        return False

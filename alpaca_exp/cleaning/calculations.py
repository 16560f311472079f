"""Rules about what a prompt asks to be worked out: a mean, a sum, an expression is evaluated here as well."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

from alpaca_exp.cleaning.expressions import value_of
from alpaca_exp.records import Example

_NUMBER = r"-?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?"
_NUMBERS = re.compile(
    rf"[\s\[({{:]*({_NUMBER}(?:(?:\s*(?:,\s*and\b|,|;|\band\b|&)\s*|\s+){_NUMBER})+)[\s\])}}.?]*",
    re.IGNORECASE,
)
_UNCLEAR_COMMA = re.compile(r"\d,\d{3}(?!\d)")
_FIND = r"(?:find|calculate|compute|determine|get|give|output|report|state|identify|evaluate)"
_AGGREGATE = re.compile(
    r"\W*(?:please )?"
    r"(?:given (?:a|the|this) (?:list|set|sequence|series) of (?:numbers|values|integers),? )?"
    rf"(?:{_FIND}(?: me| out)?|what is|what's) (?:the )?"
    r"(average|arithmetic mean|mean|median|sum|total|product)(?: value)?"
    r"(?: (?:of|for)(?: (?:the|these|this|all|all the|a))?(?: (?:following|given|provided|below))?"
    r"(?: (?:list|set|group|sequence|series|array|data ?set|data)(?: of)?)?"
    r"(?: (?:following|given|\d+(?= numbers| values| integers)))?"
    r"(?: (?:numbers|values|integers|data|scores))?(?: below)?)?\b(.*)",
    re.IGNORECASE | re.DOTALL,
)
_AGGREGATES: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "average": statistics.mean,
    "arithmetic mean": statistics.mean,
    "mean": statistics.mean,
    "median": statistics.median,
    "sum": lambda numbers: sum(numbers, Fraction(0)),
    "total": lambda numbers: sum(numbers, Fraction(0)),
    "product": lambda numbers: prod(numbers, start=Fraction(1)),
}
_EXPRESSION = re.compile(
    r"\W*(?:please )?(?:find|calculate|compute|determine|solve|evaluate|simplify|perform|what is|what's"
    r"|work out|answer)\b(?: the)?(?: (?:result|value|answer|solution))?(?: (?:of|to|for))?"
    r"(?: (?:the|this|a))?(?: (?:following|given|simple|basic|provided))*"
    r"(?: (?:mathematical|math|arithmetic|numerical))?"
    r"(?: (?:expressions?|equations?|problems?|calculations?|operations?|sums?|questions?))?"
    r"(?: and (?:output|provide|give) the (?:result|answer))?[\s:.]*(.*?)[\s=?.]*",
    re.IGNORECASE | re.DOTALL,
)
_SAID = re.compile(rf"(?<![\w.,/^]){_NUMBER}(?:\s*/\s*\d+)?(?![\d/^]|[.,]\d)")
_SAID_OTHERWISE = re.compile(
    r"\^|\\frac|\de[+-]?\d|\d\s+\d+\s*/\s*\d|\b(?:minus|negative|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty"
    r"|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|third|quarter"
    r"|remainder|undefined|infinity)\b|```|\bdef \w+\(|\breturn\b|\bprint\(",
    re.IGNORECASE,
)
"""Numbers in words, powers, mixed fractions and programs: what they say is not compared."""
_MINUS = re.compile(r"[\u2212\u2013](?=\d)")
_PARTED = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f](?=\d{3}(?!\d))")
"""A blank between thousands, or between two numbers: both readings count."""
_LONGEST, _LARGEST = 200, 10**15
"""Characters of a prompt, and results: beyond them a question is not a plain one."""
_NOTHING_ELSE = re.compile(rf"((?:[^=\n]*=)?\s*)({_NUMBER})(\s*\.?\s*)")


def without_wrong_number(example: Example) -> tuple[Example, str] | None:
    """An output that is a number and nothing else, and the wrong one, becomes the right one.

    Only there is the mended output certain. In a sentence the wrong number may be used again, or a step
    before it may be what is wrong; such rows are removed, by `does_not_say_the_result`.
    """
    found = _NOTHING_ELSE.fullmatch(example.output) if len(example.output) <= 120 else None
    missed = _missed(example) if found else None
    if not found or not missed:
        return None
    asked, value = missed
    if found[1].strip() and _bare(found[1]) != _bare(asked):
        return None
    right = _written(value, like=found[2])
    return replace(example, output=found[1] + right + found[3]), f"{asked} is {right}, not {found[2]}"


def does_not_say_the_result(example: Example) -> str | None:
    """The output holds numbers, and the result of what the prompt asks to be worked out is not among them."""
    missed = _missed(example)
    return f"{missed[0]} is {_written(missed[1])}, which the output does not say" if missed else None


def _missed(example: Example) -> tuple[str, Fraction] | None:
    """What was to be worked out, and its value, where the output says numbers but not this one.

    Any number that agrees with the value to the digits it shows will do, wherever it stands, so that a
    right answer is not held to be wrong for its wording.
    """
    if len(example.instruction) > _LONGEST or len(example.input) > _LONGEST or len(example.output) > 2000:
        return None
    if not re.search(r"\d", example.instruction + example.input):
        return None
    asked, value = _asked(example)
    if value is None or abs(value) > _LARGEST or _SAID_OTHERWISE.search(example.output):
        return None
    output = _MINUS.sub("-", example.output)
    said = _SAID.findall(output) + _SAID.findall(_PARTED.sub("", output))
    if not said or any(_agrees(value, number) for number in said):
        return None
    return asked, value


def _asked(example: Example) -> tuple[str, Fraction | None]:
    """What is to be worked out, and its value; None where either is in doubt."""
    given = example.input.strip()
    if found := _AGGREGATE.fullmatch(example.instruction):
        rest = found[2].strip(" :.?")
        listed = _NUMBERS.fullmatch(rest or given)
        repeats = not rest or not given or _numbers(rest) == _numbers(given)
        if listed and repeats and not _UNCLEAR_COMMA.search(listed[1]):
            name = found[1].lower()
            return f"the {name} of {listed[1]}", Fraction(_AGGREGATES[name](_numbers(listed[1])))
    if found := _EXPRESSION.fullmatch(example.instruction):
        expression = (found[1] or given).strip(" =?.\n")
        if not (found[1] and given):
            return expression, value_of(expression)
    return "", None


def _numbers(text: str) -> list[Fraction]:
    return [Fraction(number.replace(",", "")) for number in re.findall(_NUMBER, text)]


def _agrees(value: Fraction, said: str) -> bool:
    """Whether the number that is said is `value`, rounded or cut to the digits that it shows."""
    above, _, below = re.sub(r"[\s,]", "", said).partition("/")
    if below:
        return int(below) != 0 and Fraction(above) / int(below) == value
    decimals = len(above.partition(".")[2])
    difference = abs(Fraction(above) - value)
    rounded = (value * 10**decimals).denominator != 1
    return difference == 0 or (rounded and difference < Fraction(1, 10**decimals))


def _bare(text: str) -> str:
    return re.sub(r"[\s=]", "", text)


def _written(value: Fraction, like: str = "") -> str:
    """The value in digits: exactly where four decimals suffice, else with as many as `like` has, or two."""
    if value.denominator == 1:
        return str(value)
    if (value * 10_000).denominator == 1:
        return f"{float(value):.4f}".rstrip("0")
    return f"{float(value):.{max(2, len(like.partition('.')[2]))}f}"

"""Rules about sums: an equation that can be evaluated is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from alpaca_exp.records import Example

_SIGNS = {"+": "+", "*": "*", "\u00d7": "*", "x": "*", "X": "*", "/": "/", "\u00f7": "/"}
_SIGNS |= dict.fromkeys("-\u2212\u2013", "-")
"""Also the signs for times and divided by, the minus sign and the dash that stands for it."""
_SIGN = r"[ \t]*[+*\u00d7\u00f7/][ \t]*|[ \t]+[-\u2212\u2013xX][ \t]+|(?<=\d)[-\u2212\u2013](?=\d)"
_DIGITS = r"\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?"
_EQUATION = re.compile(
    rf"((?<![\w.,])-?\$?{_DIGITS}(?:(?:{_SIGN})\$?{_DIGITS}){{1,40}})[ \t]*=[ \t]*(-?\$?{_DIGITS})"
)
_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORD = rf"(-?{_DIGITS}|{'|'.join(_SMALL)})"
_VERBS = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/"}
_NOUNS = {"sum": "+", "product": "*", "quotient": "/"}
_IS = r"[ \t]*(?:is|equals|makes|is equal to|are|=)[ \t]*"
_INFIX = re.compile(rf"\b{_WORD} +({'|'.join(_VERBS)}) +{_WORD}{_IS}{_WORD}\b", re.IGNORECASE)
_PREFIX = re.compile(rf"\b({'|'.join(_NOUNS)}) +of +{_WORD} +and +{_WORD}{_IS}{_WORD}\b", re.IGNORECASE)
_CUT_OFF_BEFORE = re.compile(
    r"[\d)\]}^*/+\u00d7\u00f7\u221a%\u2212\u2013<>!-]=?\s*$|\b(?:of|by|plus|minus|times|mod|x)\s+$",
    re.IGNORECASE,
)
_CUT_OFF_AFTER = re.compile(
    r"[ \t]*(?:[\d(*\u00d7\u00f7/^+%\u2212\u2013=]|-\s*\d|x\s*\d|\.{2,}|\u2026|r\s?\d"
    r"|(?:with )?(?:a )?remainder|mod\b|\(mod|plus\b|minus\b|times\b|or\b)|\w|[.,:]\d",
    re.IGNORECASE,
)
"""What shows that a match is only part of something longer, or that its result is not the whole one."""


def states_a_wrong_result(example: Example) -> str | None:
    """The output states an equation, in signs or in words, whose result is another.

    Equations that the prompt itself states are the prompt's affair. Results may be rounded to the
    digits shown. Numbers written with zeros and ones alone may be binary and are left alone.
    """
    prompt = f"{example.instruction}\n{example.input}"
    for stated, operands, signs, result in _equations(example.output):
        value = _value(operands, signs)
        if stated in prompt or value is None or _binary([*operands, result]):
            continue
        if not _agrees(value, result):
            return f"the output says {' '.join(stated.split())!r}; it is {_shown(value)}"
    return None


def _equations(text: str) -> Iterator[tuple[str, list[str], list[str], str]]:
    """Each equation as it stands, its operands, the signs between them, and the result it states."""
    for found in _EQUATION.finditer(text):
        if _whole(text, found):
            operands = re.findall(_DIGITS, found[1])
            signs = [_SIGNS[sign] for sign in found[1].lstrip("-$") if sign in _SIGNS]
            operands[0] = f"-{operands[0]}" if found[1].startswith("-") else operands[0]
            yield found[0], operands, signs, found[2]
    for found in _INFIX.finditer(text):
        if _whole(text, found):
            yield found[0], [found[1], found[3]], [_VERBS[found[2].lower()]], found[4]
    for found in _PREFIX.finditer(text):
        if not _CUT_OFF_AFTER.match(text, found.end()):
            yield found[0], [found[2], found[3]], [_NOUNS[found[1].lower()]], found[4]


def _whole(text: str, found: re.Match[str]) -> bool:
    """Whether the match is a whole equation, not the tail or the head of a longer one."""
    line = text[max(0, found.start() - 20) : found.start()].rpartition("\n")[2]
    return not _CUT_OFF_BEFORE.search(line.removesuffix("$")) and not _CUT_OFF_AFTER.match(text, found.end())


def _value(operands: list[str], signs: list[str]) -> Fraction | None:
    """The value, products before sums; None for a division by zero."""
    if len(signs) != len(operands) - 1:
        return None
    terms = [_number(operands[0])]
    for sign, operand in zip(signs, operands[1:], strict=True):
        number = _number(operand)
        if sign in "+-":
            terms.append(number if sign == "+" else -number)
        elif sign == "*":
            terms[-1] *= number
        elif number == 0:
            return None
        else:
            terms[-1] /= number
    return sum(terms, Fraction(0))


def _number(text: str) -> Fraction:
    word = text.lower()
    return Fraction(_SMALL.index(word) if word in _SMALL else re.sub("[,$]", "", word))


def _agrees(value: Fraction, result: str) -> bool:
    """Whether `result` is `value` rounded or cut to the digits that it shows."""
    decimals = len(result.partition(".")[2])
    tolerance = Fraction(1, 10**decimals) if decimals or value.denominator > 1 else Fraction(0)
    difference = abs(value - _number(result))
    return difference < tolerance or difference == 0


def _binary(numbers: list[str]) -> bool:
    return all(set(number) <= {"0", "1"} for number in numbers) and any(len(number) > 1 for number in numbers)


def _shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):.4g}"

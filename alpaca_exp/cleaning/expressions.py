"""The value of an arithmetic expression in digits and signs, exactly."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

_PLAIN = re.compile(r"[\d\s.,()+*/^\u00d7\u00f7\u2212x-]{3,80}")
_CLEARLY_MEANT = re.compile(r"[+*^\u00d7\u00f7]|\s[-\u2212/x]\s|\(.*\)")
"""A dash or stroke between digits alone may be a date, a range or a name ('9-11', '24/7')."""
_TIMES = re.compile(r"(?<=[\d)])\s+x\s+(?=[\d(])")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SIGNS = str.maketrans({"\u00d7": "*", "\u00f7": "/", "\u2212": "-"})
_OPERATORS: dict[type[ast.AST], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LARGEST_POWER, _LARGEST_BASE = 12, 10**9


def value_of(expression: str) -> Fraction | None:
    """The value; None for what is no expression, has letters in it, or may mean something else."""
    if not _PLAIN.fullmatch(expression) or not _CLEARLY_MEANT.search(expression):
        return None
    plain = _THOUSANDS.sub("", _TIMES.sub("*", expression)).translate(_SIGNS).replace("^", "**")
    try:
        body = ast.parse(plain.strip(), mode="eval").body
        return _value(body) if isinstance(body, ast.BinOp) else None
    except (ArithmeticError, MemoryError, RecursionError, SyntaxError, ValueError):
        return None


def _value(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand)
        case ast.BinOp(op=ast.Pow()):
            power = _value(node.right)
            base = _value(node.left)
            if power.denominator != 1 or not 0 <= power <= _LARGEST_POWER or abs(base) > _LARGEST_BASE:
                raise ValueError("a power that is not worked out here")
            return Fraction(base ** int(power))
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("no plain arithmetic")

"""Two wordings of a text in one: what was taken out and put in, marked word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

CONTEXT = 12
"""Words that are shown around a change; more of the same ones become an ellipsis."""
_WORDS = re.compile(r"\s*\S+|\s+$")
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_PLAIN = (("[-", "-]"), ("{+", "+}"))
_COLOURED = (("\x1b[31;9m", "\x1b[0m"), ("\x1b[32m", "\x1b[0m"))


def marked(before: str, after: str, *, coloured: bool = False) -> str:
    """Both in one line: `[-taken out-]` and `{+put in+}`, or red and green for a terminal."""
    (out, end_out), (into, end_into) = _COLOURED if coloured else _PLAIN
    parts = []
    for same, old, new in _pieces(_WORDS.findall(visible(before)), _WORDS.findall(visible(after))):
        parts.append(_shortened(same))
        parts += [_around(out, old, end_out)] * bool(old) + [_around(into, new, end_into)] * bool(new)
    return "".join(parts).strip(" ")


def visible(text: str) -> str:
    """One line that a terminal shows as it is: line ends as arrows, control characters as numbers."""
    safe = _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return safe.replace("\n", " \u21b5 ").replace("\t", " ")


def _pieces(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Words that stayed, then those that were taken out and put in behind them."""
    same: list[str] = []
    for kind, i, k, j, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            same = before[i:k]
        else:
            yield same, before[i:k], after[j:m]
            same = []
    if same:
        yield same, [], []


def _shortened(words: list[str]) -> str:
    if len(words) <= 2 * CONTEXT + 1:
        return "".join(words)
    return f"{''.join(words[:CONTEXT])} …{''.join(words[-CONTEXT:])}"


def _around(start: str, words: list[str], end: str) -> str:
    """The marks stand at the words, not at the blanks before them."""
    text = "".join(words)
    blank = text[: len(text) - len(text.lstrip())]
    return f"{blank}{start}{text[len(blank) :]}{end}"

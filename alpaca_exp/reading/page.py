"""The reading page as one file: texts escaped, style and script inlined, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from alpaca_exp.reading.contents import Side
from alpaca_exp.records import Row

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
SCRIPTS = ("book.js", "draws.js", "votes.js", "reading.js", "blind.js", "start.js")
"""In the order in which they stand in the page: one program, cut by what its parts are about."""
_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of a letter, such as a cut answer may end with: no text that could be written."""


@dataclass(frozen=True)
class Contents:
    """What a page shows."""

    title: str
    sides: Sequence[Side]
    questions: Sequence[Row]
    scores: Sequence[Row] = ()
    """Rows of scores.jsonl, each with its name, the constant answer's score, and notes."""
    remarks: Sequence[str] = ()
    """What the questions must be read with, a sentence each."""
    warnings: Sequence[str] = ()
    """What the scores must be read with, a sentence each."""
    card: str | None = None
    """Where the data card lies, seen from the page."""


def page(contents: Contents, *, blind: bool = False) -> str:
    """The whole page. A `blind` one opens in blind mode and holds its names and verdicts sealed.

    Sealed is not secret: who decodes the base64 text reads them. It keeps them from the eyes of who opens the
    page, prints it, or looks into its source.
    """
    style, script = _text("page.css"), "\n".join(_text(name) for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    book = _rendered("book.html.j2", **_told(contents))
    return _rendered(
        "page.html.j2",
        title="Blind reading" if blind else f"{contents.title}: answers side by side",
        id=_id(contents, blind),
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        book="" if blind else book,
        sealed=base64.b64encode(book.encode()).decode() if blind else "",
    )


def _told(contents: Contents) -> Row:
    """What the template of the book is filled with."""
    columns = [_column(side, contents.questions) for side in contents.sides]
    place = {side.label: number for number, side in enumerate(contents.sides)}
    unanswered = [row["id"] for row in contents.questions if any(one["missing"] for one in row["answers"])]
    preferred = {label for row in contents.questions for label in row["preferred"]}
    return {
        **{
            key: getattr(contents, key)
            for key in ("title", "questions", "scores", "remarks", "warnings", "card")
        },
        "sides": columns,
        "unanswered": unanswered,
        "categories": _categories(contents.questions),
        "place": place,
        "preferred": [side for side in contents.sides if side.label in preferred],
        "found": {word for row in contents.questions for word in row["found"]},
        "judged": any(side["score"] is not None for side in columns),
        "verdicts": any(row["verdicts"] for row in contents.questions),
    }


def _column(side: Side, questions: Sequence[Row]) -> Row:
    """What the head of the page says of one side; its length where all have answered, as it is compared."""
    rows = [(row, one) for row in questions for one in row["answers"] if one["label"] == side.label]
    answers = [one for _, one in rows]
    words = [one["words"] for row, one in rows if not any(other["missing"] for other in row["answers"])]
    scores = [one["score"] for one in answers if one["score"] is not None]
    judged = any(side.label in row["judged"] for row in questions)
    return {
        "label": side.label,
        "model": side.model,
        "count": sum(not one["missing"] for one in answers),
        "words": fmean(words) if words else None,
        "score": fmean(scores) if scores else None,
        "preferred": sum(side.label in row["preferred"] for row in questions) if judged else None,
    }


def _categories(questions: Sequence[Row]) -> list[Row]:
    """Each category with its count and, where its questions have kinds, those with theirs."""
    counted: dict[str, dict[str, int]] = {}
    for row in questions:
        if row["category"] or row["kind"]:
            kinds = counted.setdefault(row["category"], {})
            kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
    return [
        {"name": name, "count": sum(kinds.values()), "kinds": {k: n for k, n in kinds.items() if k}}
        for name, kinds in counted.items()
    ]


def _id(contents: Contents, blind: bool) -> str:
    """16 hex digits of what is voted on, whatever a judge says: the browser keeps votes under them.

    A blind page has its own: what was begun there does not open in a page that shows the names.
    """
    sides = [[side.label, side.model] for side in contents.sides]
    read = [
        [row["id"], row["text"], *([one["missing"], one["text"]] for one in row["answers"])]
        for row in contents.questions
    ]
    told = [sides, read, *["blind"] * blind]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _rendered(template: str, **values: object) -> str:
    return _HALVES.sub("\ufffd", _templates().get_template(template).render(**values))


@functools.cache
def _templates() -> Environment:
    """Each translated once a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(HERE),
    )
    pages.filters |= {"number": _number, "aligned": _aligned}
    return pages


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _number(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:.3f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _aligned(value: float | None, decimals: int = 3) -> str:
    """For a column of numbers: as many decimals everywhere."""
    return "\u2013" if value is None else f"{value:.{decimals}f}"

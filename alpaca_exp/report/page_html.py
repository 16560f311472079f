"""The report page as one file: texts escaped, style and script inlined, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from alpaca_exp.report.html import table_html
from alpaca_exp.report.page_contents import Contents, statuses

HERE = Path(__file__).parent
LISTED = ("failed", "killed", "stopped", "running", "waiting")
"""Jobs that are listed one by one, wherever there are many; those that are done are counted."""
MOST_JOBS = 100


def html(made: Contents) -> str:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(HERE),
    )
    style, script = _text("page.css"), _text("page.js")
    open_ = [job for job in made.jobs if job.status in LISTED]
    return pages.get_template("page.html.j2").render(
        made=made,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        table=table_html(made.table),
        counts=statuses(made.jobs),
        open=open_[:MOST_JOBS],
        more_jobs=max(len(open_) - MOST_JOBS, 0),
        parts=_parts(made),
        namespace=_Numbers(),
    )


class _Numbers:
    """One more with each figure, so that no two of its names are one."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """The next figure's."""
        self._last += 1
        return self._last


def _parts(made: Contents) -> list[tuple[str, str, bool]]:
    """What can be gone to, and whether it is there."""
    return [
        ("jobs", "The sweep", bool(made.jobs)),
        ("table", "Results", True),
        ("claims", "Claims", bool(made.claims_html)),
        ("effects", "Effects", bool(made.effects)),
        ("attribution", "What did how much", bool(made.bars)),
        ("scatters", "Length and cost", bool(made.scatters)),
        ("curves", "Learning curves", made.curves is not None),
        ("data", "Data", bool(made.cards)),
        ("reading", "Answers to read", bool(made.links)),
        ("origin", "Made by", True),
    ]


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

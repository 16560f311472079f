"""The report page as one file: texts escaped, style and script inlined, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from alpaca_exp.report.jobs import WORDS
from alpaca_exp.report.page_contents import Contents, linked
from alpaca_exp.report.studied import param_text
from alpaca_exp.report.traces import Behind

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
ROOT = "../../"
"""From the page's folder to the outputs folder, below which all files lie that it links to."""
LISTED = ("failed", "killed", "stopped", "running", "waiting")
"""Jobs that are listed one by one, wherever there are many; the others are behind a fold."""
MOST_JOBS = 100
RUNS = "RUNS"
"""What stands in a command for the runs that are put in by the page."""
REFRESH_S = 5
"""After so many seconds a page that is made anew looks for the newer one."""


def html(made: Contents, live: str = "") -> str:
    """The whole page; `live`: when it was made, where it is made anew all the time."""
    style, script = _text("page.css"), _text("page.js")
    jobs = made.standing.jobs if made.standing else ()
    open_ = [job for job in jobs if job.status in LISTED]
    page = templates().get_template("page.html.j2")
    return page.render(
        made=made,
        live=live,
        refresh=REFRESH_S,
        root=ROOT,
        export=made.export_of(RUNS),
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        number=_Linked(made),
        open=open_[:MOST_JOBS],
        more_jobs=max(len(open_) - MOST_JOBS, 0),
        ended=[job for job in jobs if job.status not in LISTED],
        parts=_parts(made),
        namespace=_Numbers(),
    )


@functools.cache
def templates() -> Environment:
    """The page's, each translated once a process, however often the page is made anew."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(HERE),
    )
    pages.tests["numeral"] = lambda text: any(letter.isdigit() for letter in text)
    pages.filters["in_words"] = lambda state: WORDS.get(state, state)
    pages.filters["as_set"] = param_text
    pages.filters["last_part"] = lambda name: name.partition("/")[2]
    return pages


class _Linked:
    """Makes a number lead to where it is from."""

    def __init__(self, made: Contents) -> None:
        self._made = made

    def __call__(self, text: str, behind: Behind) -> Markup:
        return Markup(linked(self._made.traces, behind, text))


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
        ("jobs", "The sweep", made.standing is not None),
        ("left-out", "Left out", bool(made.torn)),
        ("study", "The study", made.study is not None),
        ("table", "Results", made.table is not None),
        ("claims", "Claims", bool(made.claims_html)),
        ("effects", "Effects", bool(made.effects)),
        ("attribution", "What did how much", bool(made.bars)),
        ("scatters", "Length and cost", bool(made.scatters)),
        ("curves", "Learning curves", made.curves is not None),
        ("data", "Data", bool(made.cards)),
        ("reading", "Answers to read", bool(made.links) or any(run.reading for run in made.runs)),
        ("sources", "Where each number is from", bool(made.runs)),
        ("origin", "Made by", True),
    ]


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

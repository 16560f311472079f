"""The parts of docs/ that commands write: `make docs` writes them anew.

Such a part stands between `<!-- python -m alpaca_exp.options teacher -->`, the command, and `<!-- end -->`.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from alpaca_exp import options
from alpaca_exp.config import groups
from alpaca_exp.report import __main__ as report

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ROOT / "docs" / "options"
PART = re.compile(r"<!-- python -m (\S+)(.*?) -->\n.*?<!-- end -->", re.DOTALL)
COMMANDS = {"alpaca_exp.options": options.main, "alpaca_exp.report": report.main}


def outdated() -> Iterator[tuple[Path, str | None]]:
    """Each page that is not what its commands print now, with what it should be; None: it should not be."""
    wanted = {OPTIONS / f"{name}.md" for name in (options.INDEX, *groups())}
    for page in sorted({*(ROOT / "docs").rglob("*.md"), *wanted}):
        before = page.read_text(encoding="utf-8") if page.exists() else None
        gone = page.parent == OPTIONS and page not in wanted
        after = None if gone else renewed(before or _empty(page.stem))
        if before != after:
            yield page, after


def renewed(page: str) -> str:
    """The page with what its commands print now; headings within a page are one lower."""

    def part(found: re.Match[str]) -> str:
        text = _printed(found[1], shlex.split(found[2])).strip()
        if found.start():
            text = re.sub(r"^#", "##", text, flags=re.MULTILINE)
        return f"<!-- python -m {found[1]}{found[2]} -->\n\n{text}\n\n<!-- end -->"

    return PART.sub(part, page)


def _empty(group: str) -> str:
    words = f" {group}" if group != options.INDEX else ""
    return f"<!-- python -m alpaca_exp.options{words} -->\n<!-- end -->\n"


def _printed(module: str, words: list[str]) -> str:
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(told):
        COMMANDS[module](words)
    told.seek(0)
    return told.read()


def main() -> None:
    """Write anew what is out of date, and say what that is."""
    for page, text in outdated():
        print(f"{page.relative_to(ROOT)}: {'written' if text else 'deleted'}")
        if text is None:
            page.unlink()
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())

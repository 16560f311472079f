"""A sweep's page and its summary, left as they lie there where nothing they are made from has changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from alpaca_exp.paths import PACKAGE, data_root
from alpaca_exp.report.page_asked import Asked
from alpaca_exp.report.page_writing import SETTINGS, file_of, page
from alpaca_exp.report.studied import OVERVIEW
from alpaca_exp.sweep_folder import JOBS, SUBMISSIONS, described

SUMMARY = "summary.md"
"""Beside the page: its table and claims, as Markdown."""
MADE_BY = (
    *(PACKAGE / name for name in ("report", "references", "statistics")),
    data_root() / "conf" / "claims",
)
_KEY = "<!-- of {} -->\n"


def kept_page(name: str, outputs: Path) -> tuple[Path, str]:
    """The page of the sweep `name`, made where it is not, or of another state; and its summary.

    Raises InputError where there is nothing to show, or no room for it.
    """
    file = file_of(name, outputs)
    summary, key = file.with_name(SUMMARY), _KEY.format(_state(name, outputs))
    lies = _read(summary)
    if lies.startswith(key) and file.exists():
        return file, lies.removeprefix(key)
    summary.unlink(missing_ok=True)  # first: it must not speak of another page
    made = page(Asked(name), outputs)
    if made.left_out:  # what is made again changes none of the files that the page is known by
        key = ""
    told = "\n".join(filter(None, (made.table, made.claims)))
    summary.write_text(key + told, encoding="utf-8", newline="\n")
    return made.file, told


def _state(name: str, outputs: Path) -> str:
    """What the sweep's own files say, and which code and claims there are.

    When it was started, and where its jobs run, makes no other page. Artifacts are not looked at: a run names
    them by their fingerprints.
    """
    sweep, found = outputs / "sweeps" / name, hashlib.sha256()
    asked = described(sweep)
    found.update(json.dumps([asked.get(key) for key in ("kind", "jobs", "numbers")]).encode())
    told = (sweep / one for one in (JOBS, SUBMISSIONS, SETTINGS, OVERVIEW))
    for file in (*told, *sorted(sweep.glob("*/run.json"))):
        found.update(f"{file.relative_to(sweep)}\n{_read(file)}\n".encode())
    for file in sorted(one for folder in MADE_BY for one in folder.rglob("*.*") if one.suffix != ".pyc"):
        state = file.stat()
        found.update(f"{file.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""

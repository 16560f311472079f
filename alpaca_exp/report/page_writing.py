"""Writing the page of a sweep, of an experiment, or of all runs: which runs, how arranged, and the file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp.errors import InputError
from alpaca_exp.report.choosing import chosen
from alpaca_exp.report.design import check_factors, varied
from alpaca_exp.report.jobs import Standing, standing
from alpaca_exp.report.kept import kept
from alpaca_exp.report.page_asked import ALL, Asked, command
from alpaca_exp.report.runs import Run, Runs, check, collect, read, sound

if TYPE_CHECKING:
    from alpaca_exp.report.page_contents import Contents

SETTINGS = "report.json"
"""In a sweep's folder: the `report:` settings that it was started with."""
TAKEN = "reading"
"""The folder of the page of answers."""
METRICS = ("understanding", "truthfulness", "judge.percent", "judge.win_rate", "words", "usd")


@dataclass(frozen=True)
class Page:
    """A page that was written."""

    file: Path
    table: str
    """Its table, in Markdown; empty where it has none."""
    claims: str = ""
    """Its claims with their verdicts, in Markdown."""
    left_out: tuple[str, ...] = ()
    """Why runs are not on it that came to their end."""


def page(asked: Asked, outputs: Path) -> Page:
    """Write `<outputs>/reports/<name>/index.html`.

    Where there is a sweep of that name the page is of the runs that the sweep was last asked for, arranged
    as its own settings say; what `asked` says comes before these. Raises InputError where there is nothing
    to show.
    """
    made, file = contents_of(asked, outputs), file_of(asked.name, outputs)
    write(made, file)
    kept(outputs).save()
    return told(made, file)


def contents_of(asked: Asked, outputs: Path) -> Contents:
    """What the page shows. Raises InputError where there is nothing to show."""
    from alpaca_exp.report.page_contents import contents

    file_of(asked.name, outputs)
    sweep = outputs / "sweeps" / asked.name
    asked = replace(asked, sweep=sweep.is_dir())
    of = standing(sweep) if asked.sweep else None
    every = _runs(asked, of, outputs)
    found = Runs(chosen(every, asked.where), every.left_out)
    check_factors(found, asked.factors if found else ())
    asked = _settled(asked, noted(sweep), found, of)
    return contents(asked, found, of, outputs, command(asked, outputs))


def told(made: Contents, file: Path) -> Page:
    """What is said of a page that lies in `file`."""
    from alpaca_exp.report.markdown import markdown

    return Page(file, markdown(made.table) if made.table else "", made.claims, made.torn)


def write(made: Contents, file: Path, live: str = "") -> None:
    """Write the page, whole or not at all; `live`: when it was made, where it is made anew all the time."""
    from alpaca_exp.report.page_html import html

    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(html(made, live), encoding="utf-8", newline="\n")
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(f"{file} cannot be written: {error.strerror}; make room for it there") from None


def file_of(name: str, outputs: Path) -> Path:
    """Where the page of this name lies. Raises InputError for a name that can be no page's."""
    if name == TAKEN or Path(name).name != name:
        raise InputError(f"--name {name} cannot be a page's folder; choose another name")
    return outputs / "reports" / name / "index.html"


def note(sweep: Path, settings: Mapping[str, object]) -> None:
    """Leave a sweep's own settings in its folder, for pages of it that are made later."""
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (sweep / SETTINGS).write_text(text, encoding="utf-8")


def _runs(asked: Asked, of: Standing | None, outputs: Path) -> Runs:
    """The runs that the page is of, each once; of a sweep that has only begun, none."""
    if asked.sweep:
        found, unreadable = read(outputs, (f"sweeps/{asked.name}/*/run.json",))
        return sound([run for run in found if of is None or _number(run) in of.numbers], unreadable, outputs)
    every = collect(outputs)
    if asked.name == ALL:
        return every
    check("sweep or experiment", asked.name, sorted({run.label("experiment") for run in every}))
    return Runs((run for run in every if run.label("experiment") == asked.name), every.left_out)


def _number(run: Run) -> int:
    """Of the job whose run it is."""
    name = run.folder.name
    return int(name) if name.isdecimal() else -1


def _settled(asked: Asked, noted: Mapping[str, object], runs: Sequence[Run], of: Standing | None) -> Asked:
    """With what the sweep says, and what suits its runs, where the command said nothing.

    A study's trials are listed one by one: no axis arranges them, unless one is named. A sweep's own baseline
    counts only where some run stands at it: another grid may have been asked for.
    """
    known = {field.name for field in fields(Asked)} - {"name", "where", "sweep"}
    own = {
        key: tuple(map(str, value)) if isinstance(value, list) else value
        for key, value in noted.items()
        if key in known and value and not getattr(asked, key)
    }
    asked = replace(asked, **own)  # type: ignore[arg-type]
    asked = replace(asked, metrics=asked.metrics or METRICS)
    if of is not None and of.kind == "study" and not asked.rows:
        return asked
    axes = varied(runs) if runs else []
    rows = asked.rows or (axes[-1] if axes else "experiment")
    there = {run.label(rows) for run in runs if rows}
    baseline = None if "baseline" in own and asked.baseline not in there else asked.baseline
    return replace(asked, rows=rows, baseline=baseline, factors=asked.factors or tuple(axes[:3]))


def noted(sweep: Path) -> dict[str, object]:
    """The settings that `note` left in a sweep's folder; none where it left none."""
    try:
        return dict(json.loads((sweep / SETTINGS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        raise InputError(f"{sweep / SETTINGS} cannot be read as JSON; delete it, and name the rows") from None

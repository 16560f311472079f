"""One page of a sweep, or of all runs: `python -m alpaca_exp.report page outputs --name factorial`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from alpaca_exp.commands import add_outputs
from alpaca_exp.errors import InputError
from alpaca_exp.report.design import varied
from alpaca_exp.report.kept import kept
from alpaca_exp.report.page_asked import ALL, Asked, command
from alpaca_exp.report.runs import Run, check, collect, standing

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
    """Its table, in Markdown."""
    claims: str = ""
    """Its claims with their verdicts, in Markdown."""


def main(words: Sequence[str]) -> None:
    """Write the page and say where it lies. Raises InputError for what is not there."""
    told = _parser().parse_args(words)
    asked = Asked(
        name=told.name,
        rows=told.rows,
        columns=told.columns,
        metrics=_names(told.metrics),
        baseline=told.baseline,
        factors=_names(told.factors),
        where=tuple(told.where),
        claims=told.claims,
    )
    print(page(asked, told.outputs).file)


def page(asked: Asked, outputs: Path) -> Page:
    """Write `<outputs>/reports/<name>/index.html`.

    Where there is a sweep of that name the page is of its runs, arranged as its own settings say; what
    `asked` says comes before these. Raises InputError where there is nothing to show.
    """
    from alpaca_exp.report.markdown import markdown
    from alpaca_exp.report.page_contents import contents
    from alpaca_exp.report.page_html import html

    if asked.name == TAKEN or Path(asked.name).name != asked.name:
        raise InputError(f"--name {asked.name} cannot be a page's folder; choose another name")
    sweep = outputs / "sweeps" / asked.name
    found = _runs(asked, sweep, outputs)
    asked = _settled(asked, _noted(sweep), found)
    made = contents(asked, found, sweep, outputs, command(asked, outputs))
    file = outputs / "reports" / asked.name / "index.html"
    _write(html(made), file)
    kept(outputs).save()
    return Page(file, markdown(made.table), made.claims)


def note(sweep: Path, settings: Mapping[str, object]) -> None:
    """Leave a sweep's own settings in its folder, for pages of it that are made later."""
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (sweep / SETTINGS).write_text(text, encoding="utf-8")


def _runs(asked: Asked, sweep: Path, outputs: Path) -> list[Run]:
    """The runs that the page is of, each once."""
    try:
        found = collect(outputs)
    except InputError:
        if sweep.is_dir():  # it has only begun
            return []
        raise
    if sweep.is_dir():
        own = f"sweeps/{asked.name}/"
        found = [run for run in found if run.name.startswith(own) or run.label("experiment") == asked.name]
    elif asked.name != ALL:
        names = sorted({run.label("experiment") for run in found})
        check("sweep or experiment", asked.name, names)
        found = [run for run in found if run.label("experiment") == asked.name]
    for word in asked.where:
        axis, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"--where {word} names no value; write it as --where dataset_variant=cleaned")
        found = standing(found, axis, value)
    return found


def _settled(asked: Asked, noted: Mapping[str, object], runs: Sequence[Run]) -> Asked:
    """With what the sweep says, and what suits its runs, where the command said nothing."""
    known = {field.name for field in fields(Asked)} - {"name", "where"}
    own = {
        key: tuple(map(str, value)) if isinstance(value, list) else value
        for key, value in noted.items()
        if key in known and value and not getattr(asked, key)
    }
    asked = replace(asked, **own)  # type: ignore[arg-type]
    axes = varied(runs) if runs else []
    rows = asked.rows or (axes[-1] if axes else "experiment")
    return replace(
        asked, rows=rows, metrics=asked.metrics or METRICS, factors=asked.factors or tuple(axes[:3])
    )


def _noted(sweep: Path) -> dict[str, object]:
    try:
        return dict(json.loads((sweep / SETTINGS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        raise InputError(f"{sweep / SETTINGS} cannot be read as JSON; delete it, and name the rows") from None


def _write(text: str, file: Path) -> None:
    draft = file.with_name(f"{file.name}.draft")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(f"{file} cannot be written: {error.strerror}; make room for it there") from None


def _names(words: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in words.split(",") if name.strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report page",
        description="One page of a sweep or of all runs: tables, figures, and where each number is from.",
    )
    add_outputs(parser, positional=True)
    parser.add_argument("--name", default=ALL, help="a sweep, or an experiment; default: all runs")
    parser.add_argument("--rows", help="the axis of the rows; default: as the sweep's file says")
    parser.add_argument("--columns", help="the axis of the columns")
    parser.add_argument("--metrics", default="", help="by comma")
    parser.add_argument("--baseline", help="the row that the others are compared with")
    parser.add_argument("--factors", default="", help="by comma: to what changes are attributed")
    text = "an option of conf/claims, or a YAML file; default: those that the runs were configured with"
    parser.add_argument("--claims", metavar="NAME|FILE", help=text)
    parser.add_argument("--where", action="append", default=[], metavar="AXIS=VALUE", help="only these runs")
    return parser

"""Published numbers: `python -m alpaca_exp.report references`, and what an audit finds in them."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.references.audit import RULES, Finding, audit, of_names
from alpaca_exp.references.files import FORMATS, Table
from alpaca_exp.references.library import Known, known, load, read, shipped, taken_from_elsewhere
from alpaca_exp.references.names import models, sets
from alpaca_exp.references.rows import Reference

ABSENT = "\u2013"
HEAD = ("place", "model", "task", "metric", "printed", "source says", "n", "really")
STRICT = 4
"""The exit code of --strict where something was found."""


def main(words: Sequence[str]) -> None:
    """List the published numbers, or audit them. Raises InputError for a file that cannot be read."""
    asked = _parser().parse_args(words)
    if asked.strict and not asked.audit:
        raise InputError("--strict is the exit code of an audit; add --audit")
    tables = read(asked.rows) if asked.rows else list(shipped())
    by_id = known([*load(), *(row for table in tables for row in table.rows)])
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    if not asked.audit:
        print(_rows_as_json(tables, by_id) if asked.format == "json" else listing(tables, by_id), end="")
        return
    audited = tables if asked.rows else taken_from_elsewhere(tables)
    sources = [] if asked.rows else [table for table in tables if table not in audited]
    found = sorted([*audit(audited, by_id, sources), *of_names()], key=lambda one: RULES.index(one.rule))
    print(
        _findings_as_json(found) if asked.format == "json" else findings_text(found, audited, asked.rows),
        end="",
    )
    if asked.strict and found:
        raise SystemExit(STRICT)


def listing(tables: Sequence[Table], by_id: Known) -> str:
    """Every table in Markdown: what was printed, what its source says, and what it really is."""
    parts = []
    for table in tables:
        lines = [HEAD, ["---"] * len(HEAD), *(_listed(row, by_id) for row in table.rows)]
        parts.append(
            f"## {table.name}\n\n" + "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
        )
    return "\n\n".join(parts) + "\n"


def findings_text(found: Sequence[Finding], tables: Sequence[Table], file: Path | None) -> str:
    """The findings in Markdown, rule by rule, with the command that made them."""
    rows = sum(len(table.rows) for table in tables)
    counted = _count(len(found), "finding") if found else "nothing found"
    command = f"python -m alpaca_exp.report references --audit{f' --rows {file}' if file else ''}"
    of = f"{_count(rows, 'printed number')} in {_count(len(tables), 'table')}"
    parts = [f"# Audit of published numbers\n\n{of}: {counted}."]
    for rule in RULES:
        lines = _lines([one for one in found if one.rule == rule])
        if lines:
            parts.append(f"## {rule.title} (`{rule.name}`)\n\n{rule.why}\n\n" + "\n".join(lines))
    return "\n\n".join([*parts, f"    {command}"]) + "\n"


def _lines(found: Sequence[Finding]) -> list[str]:
    """A line a finding; cells of one place of which the same is said stand in one line."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        place = f"{one.row.source}, {one.row.place}" if one.row else one.table
        alike.setdefault((place, one.reason), []).append(one)
    return [f"- {place}: {_cells(group)}{reason}." for (place, reason), group in alike.items()]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _cells(group: Sequence[Finding]) -> str:
    """The cells of a line; nothing where it speaks of a table."""
    rows = [one.row for one in group if one.row]
    names = [" ".join(part for part in (row.model.strip("-"), row.task) if part) for row in rows]
    metrics = [row.metric for row in rows]
    told = [
        f"{name}, {metric}" if rows[0].model == "-" else name
        for name, metric in zip(names, metrics, strict=True)
    ]
    return f"{'; '.join(told)}: " if told else ""


def _listed(row: Reference, by_id: Known) -> list[str]:
    source, value = by_id.source(row), by_id.value(row)
    says = ABSENT if row.own else f"{value} ({source.source if source else row.cited_source})"
    n = by_id.really(row).n
    count = f"{n:,}" if n else ABSENT
    place, metric = f"{row.source}, {row.place}", row.metric or ABSENT
    return [place, row.model, row.task, metric, _printed(row), says, count, _really(row, by_id)]


def _printed(row: Reference) -> str:
    unit = (
        f" % of {row.reference}" if row.unit == "% of" else "" if row.unit == "yes is 1" else f" {row.unit}"
    )
    error = f" ± {row.stderr}" if row.stderr is not None else ""
    bounds = f" [{row.low}, {row.high}]" if row.low is not None else ""
    return f"{row.printed}{error}{bounds}{unit}"


def _really(row: Reference, by_id: Known) -> str:
    """Model, set, metric and harness at first hand, as far as they are known."""
    really = by_id.really(row)
    model = models()[really.checkpoint].title if really.checkpoint in models() else ""
    of = sets()[really.dataset].title if really.dataset in sets() else ""
    pivot = f"through {really.pivot}" if really.pivot else ""
    parts = (
        model,
        of,
        really.measure if of else "",
        pivot,
        really.harness,
        really.frame and f"{really.frame} prompt",
    )
    return ", ".join(part for part in parts if part) or ABSENT


def _rows_as_json(tables: Sequence[Table], by_id: Known) -> str:
    rows = [_plain(row) | {"table": table.name, "source_says": str(by_id.value(row))}
            for table in tables for row in table.rows]  # fmt: skip
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _findings_as_json(found: Sequence[Finding]) -> str:
    rows = [
        {
            "rule": one.rule.name,
            "table": one.table,
            "row": one.row.id if one.row else None,
            "reason": one.reason,
        }
        for one in found
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _plain(row: Reference) -> dict[str, object]:
    """The filled fields, numbers as they were printed."""
    return dict(_filled(row))


def _filled(row: Reference) -> Iterator[tuple[str, object]]:
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if value not in ("", None, ()):
            yield field.name, value if isinstance(value, (str, int, tuple)) else str(value)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report references",
        allow_abbrev=False,
        description="Published numbers with their sources, and what is wrong with them.",
        epilog=_FORMAT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--audit", action="store_true", help="what the rules find, each with its reason")
    own = f"a table of your own in the place of those that come along: {FORMATS}"
    parser.add_argument("--rows", type=Path, metavar="FILE", help=own)
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown")
    parser.add_argument(
        "--strict", action="store_true", help=f"exit with {STRICT} where the audit finds something"
    )
    return parser


_FORMAT = """a row, at the least:
  - {id: mine.1, source: Me 2026, place: Table 2, model: Alpaca-7B, task: BoolQ, metric: acc, unit: "%",
     printed: 73.1, cites: gpt4all.alpaca-7b.boolq}
instead of cites (the id of a row) the number itself: cited: 73.9, cited_source: where
per cent of a model: unit "% of", reference: that model, pivot: the model between,
     parts: 583.0/704.0 x 638.0/693.0
against: the id of the row that it is compared with; stderr, or low and high; n, harness, frame, num_fewshot
beside the rows of a YAML table: total, the sum of what is printed; checked, the day when each cell was
     compared with its source (the audit says the digest to write behind it, so that a later change shows)
flags: what the table says of itself (unresolved, constant_gold, other_harness, confounded_recipe, ...)
"""

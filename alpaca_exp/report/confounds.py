"""Which of the compared data sets differ in more than one thing: what no table can tell apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from alpaca_exp.lineage import Lineage, confound
from alpaca_exp.report.runs import Run

MOST = 12
"""More sentences than these are counted, not printed."""


def confounds(runs: Sequence[Run], axes: Sequence[str], baseline: str | None, outputs: Path) -> list[str]:
    """One sentence for each compared pair whose data differs in more than one thing, and for missing cards.

    `axes` are those of the table, rows first. Compared are its rows, with `baseline` where there is one,
    else each with each; and its columns. A row whose runs were tuned on data of different lineages is
    left to the other axis.
    """
    known: dict[str, Lineage] = {}
    said: dict[str, None] = {}
    for axis in axes:
        found = _lineages(runs, axis, outputs)
        known |= {name: lineages[0] for name, lineages in found.items() if len(lineages) == 1}
    known = {**_variants(runs, outputs), **known}
    for number, axis in enumerate(axes):
        names = [name for name in dict.fromkeys(run.label(axis) for run in runs) if name in known]
        compared = _pairs(names, baseline if number == 0 else None)
        said |= dict.fromkeys(text for a, b in compared if (text := confound(a, b, known)))
    texts = [f"{text}." for text in said]
    return [*texts[:MOST], *_more(texts), *_without_card(runs, outputs)]


def _pairs(names: Sequence[str], baseline: str | None) -> Iterator[tuple[str, str]]:
    """Pairs, the original last: what is told is what the other one did to it."""
    for a, b in combinations(sorted(names, key=lambda name: (name == "original", name)), 2):
        if baseline is None or b == baseline:
            yield a, b
        elif a == baseline:
            yield b, a


def _variants(runs: Sequence[Run], outputs: Path) -> dict[str, Lineage]:
    """What the variants are that were run at all: one of them may be a controlled partner."""
    found = _lineages(runs, "dataset_variant", outputs)
    return {name: lineages[0] for name, lineages in found.items() if len(lineages) == 1}


def _lineages(runs: Sequence[Run], axis: str, outputs: Path) -> dict[str, list[Lineage]]:
    """The different lineages of the data at each place of an axis."""
    found: dict[str, list[Lineage]] = {}
    for run in runs:
        lineage = _lineage(run, outputs)
        if lineage and lineage not in found.setdefault(run.label(axis), []):
            found[run.label(axis)].append(lineage)
    return found


def _lineage(run: Run, outputs: Path) -> Lineage | None:
    """As the card of the run's data says; None where there is no card, or none that tells."""
    file = _card(run, outputs)
    try:
        row = json.loads(file.read_text(encoding="utf-8"))["lineage"] if file else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Lineage.of_row(row) if isinstance(row, dict) else None


def _card(run: Run, outputs: Path) -> Path | None:
    """None where the run tuned on no data, or did not get so far."""
    name = run.artifacts.get("curate")
    return outputs / "curate" / name / "card.json" if name else None


def _without_card(runs: Sequence[Run], outputs: Path) -> Iterator[str]:
    lacking = {run.artifacts["curate"] for run in runs if _card(run, outputs) and not _lineage(run, outputs)}
    if lacking:
        folders = ", ".join(f"curate/{name}" for name in sorted(lacking))
        yield f"Where the data is from is not known, since card.json is missing or does not say: {folders}."


def _more(texts: Sequence[str]) -> list[str]:
    left = len(texts) - MOST
    return [f"{left} more pairs differ in more than one thing; --baseline ROW names its own."] * (left > 0)

"""What differences these runs could show: `python -m alpaca_exp.report power --baseline original`.

For each row and metric: how much seeds alone move it, the smallest difference from the baseline that so many
seeds and documents find four times out of five, and what more of either would find. It says how a sweep is to
be sized before it is run, and why a difference that is smaller was not found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alpaca_exp.commands import add_outputs
from alpaca_exp.errors import InputError
from alpaca_exp.report.cells import Sample, sample
from alpaca_exp.report.choosing import add_out, add_where, chosen, names, put
from alpaca_exp.report.doubt import independent
from alpaca_exp.report.evidence import Evidence, paired
from alpaca_exp.report.kept import kept
from alpaca_exp.report.lacking import choice, why_not
from alpaca_exp.report.likeness import unlike
from alpaca_exp.report.metrics import USUAL, known
from alpaca_exp.report.runs import Run, check, check_axis, collect
from alpaca_exp.statistics.planning import minimal_detectable_difference, noise_floor, spread

SEEDS = (3, 5, 10)
MORE_DOCUMENTS = 4
NONE = "-"


@dataclass(frozen=True)
class Power:
    """Of one row and metric, in the metric's own numbers; None where one seed or document tells nothing.

    Nor do values that are all alike: nothing tells by how much others would differ.
    """

    row: str
    metric: str
    seeds: int
    documents: int
    noise: float | None
    """Two runs that differ in their seed alone stay within it in 95 % of pairs."""
    found: float | None
    """The smallest difference from the baseline that is found with a probability of .8."""
    with_seeds: tuple[float, ...] = ()
    """The same with as many seeds as `SEEDS` says."""
    with_documents: float | None = None
    """The same with four times the documents."""
    why: str = ""
    """Why a number lacks; "" where none does."""


def main(words: Sequence[str]) -> None:
    """Print the table. Raises InputError for what is not there."""
    asked = _parser().parse_args(words)
    runs = chosen(collect(asked.outputs), asked.where)
    found = list(powers(runs, asked.rows, names(asked.metrics), asked.baseline, asked.outputs))
    put(_told(found), asked.out)
    kept(asked.outputs).save()


def powers(
    runs: Sequence[Run], rows: str, metrics: Sequence[str], baseline: str | None, outputs: Path
) -> Iterator[Power]:
    """Each row's, of each metric that it has; without a baseline of the metric, not of a difference."""
    check_axis(rows, runs)
    there = known([run.artifacts for run in runs], outputs)
    at: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.label(rows)):
        at.setdefault(run.label(rows), []).append(run)
    if baseline is not None:
        check(rows, baseline, list(at))
        if set(at) == {baseline}:
            raise InputError(
                f"all runs stand at {baseline} on {rows}; leave --baseline out, or name other rows"
            )
    for metric in metrics:
        check("metric", metric, there)
        cells = {row: sample(metric, here, outputs) for row, here in at.items()}
        against = None if baseline is None else (baseline, cells[baseline])
        yield from (_power(row, cell, against, outputs) for row, cell in cells.items() if row != baseline)


def _power(row: str, cell: Sample, against: tuple[str, Sample] | None, outputs: Path) -> Power:
    bare = Power(row, cell.metric, 0, 0, None, None)
    if cell.evidence is None:
        return replace(bare, why=_without(cell))
    own = independent(cell.evidence)
    # Readings that happen to be equal tell no more of two others than one reading does.
    noise = noise_floor(own.readings.tolist()) if np.ptp(own.readings) else None
    bare = replace(bare, seeds=len(own.readings), documents=len(own.documents), noise=noise)
    apart = _apart(cell, *against, outputs) if against else cell.evidence
    if isinstance(apart, str):
        return replace(bare, why=apart)
    rows = independent(apart)
    seeds, documents = len(rows.readings), len(rows.documents)
    bare = replace(bare, seeds=seeds, documents=documents)
    if why := _unknown(rows):
        return replace(bare, why=why)
    varies = spread(rows.values, rows.clusters)
    return replace(
        bare,
        found=minimal_detectable_difference(varies, seeds, documents),
        with_seeds=tuple(minimal_detectable_difference(varies, count, documents) for count in SEEDS),
        with_documents=minimal_detectable_difference(varies, seeds, MORE_DOCUMENTS * documents),
        why="" if noise is not None else _still(own),
    )


def _still(own: Evidence) -> str:
    """Why nothing tells what seeds alone do to a row's own readings."""
    alone = len(own.readings) < 2
    return f"{'it is one model, whatever the seed' if alone else 'its seeds read alike'}: no seeds alone"


def _apart(cell: Sample, baseline: str, against: Sample, outputs: Path) -> Evidence | str:
    """The row's difference from the baseline, or why there is none."""
    assert cell.evidence is not None, "the row has the metric"
    if against.evidence is None:
        return f"not compared with {baseline}: {_without(against)}"
    said = unlike(cell.metric, cell.done, against.done, outputs)
    found = ", ".join(said) or paired(cell.evidence, against.evidence)
    return f"not compared with {baseline}: {found}" if isinstance(found, str) else found


def _without(cell: Sample) -> str:
    choose = choice(cell)
    return why_not(cell) + (f"; choose one: {choose}" if choose else "")


def _unknown(rows: Evidence) -> str:
    """Why nothing tells what others would do."""
    if len(rows.readings) < 2:
        return "one seed tells nothing of others"
    if len(rows.documents) < 2:
        return "it is no mean over documents"
    return (
        "" if np.ptp(rows.values) else "all values are alike: nothing tells by how much others would differ"
    )


def _told(found: Sequence[Power]) -> str:
    wider = [f"{count} seeds" for count in SEEDS]
    head = [
        "row",
        "metric",
        "seeds x documents",
        "seeds alone",
        "found",
        *wider,
        f"{MORE_DOCUMENTS} x documents",
    ]
    lines = [head, ["---"] * len(head), *(_line(one) for one in found)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    lacking = "".join(f"- {text}.\n" for text in _lacking(found))
    return (
        f"{table}\n{lacking}{chr(10) * bool(lacking)}"
        "seeds alone: two runs of a row that differ in their seed stay within it in 95 % of pairs.\n"
        "found: the smallest true difference that these seeds and documents call one (p < .05) four times "
        "out of five;\nthen with other numbers of seeds, and with more documents, each document and seed "
        "varying as these do.\nVariances told by few seeds are rough: a size, not a promise.\n"
    )


def _lacking(found: Sequence[Power]) -> Iterator[str]:
    """Why numbers lack: each reason once, with the metrics and rows that it holds for."""
    reasons: dict[str, list[Power]] = {}
    for one in found:
        if one.why:
            reasons.setdefault(one.why, []).append(one)
    for why, those in reasons.items():
        rows, metrics = (dict.fromkeys(getattr(one, name) for one in those) for name in ("row", "metric"))
        yield f"{', '.join(rows)} ({', '.join(metrics)}): {why}"


def _line(one: Power) -> list[str]:
    numbers = (one.noise, one.found, *(one.with_seeds or [None] * len(SEEDS)), one.with_documents)
    design = f"{one.seeds} x {one.documents}" if one.seeds else NONE
    return [one.row, one.metric, design, *(NONE if each is None else f"{each:.3g}" for each in numbers)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report power",
        allow_abbrev=False,
        description="What differences these runs could show, and what more seeds or documents would show.",
    )
    add_outputs(parser, positional=True)
    parser.add_argument(
        "--rows", default="experiment", help="what tells the rows apart; default: %(default)s"
    )
    parser.add_argument("--metrics", default=",".join(USUAL), help="by comma; default: %(default)s")
    parser.add_argument("--baseline", help="the row whose difference from the others is to be found")
    add_where(parser)
    add_out(parser)
    return parser

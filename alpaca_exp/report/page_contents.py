"""What stands on the report page, each part only where there is something to show."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.report import claims_shown
from alpaca_exp.report.attributed import Asked as Factors
from alpaca_exp.report.attributed import Attribution, attribution
from alpaca_exp.report.cells import Cell
from alpaca_exp.report.claim_files import check_claims, claims_in, claims_of_runs
from alpaca_exp.report.curves import curves_of
from alpaca_exp.report.figures import Figure, against, attributed, curves, effects
from alpaca_exp.report.html import table_html
from alpaca_exp.report.jobs import Standing
from alpaca_exp.report.metrics import counted, known
from alpaca_exp.report.page_asked import ALL, Asked
from alpaca_exp.report.page_origin import Card, Listed, Origin, cards, listed, origins, versions
from alpaca_exp.report.runs import Run, left_out_of
from alpaca_exp.report.studied import Study, Trial, study_of, trials_of
from alpaca_exp.report.study_figures import study_figures
from alpaca_exp.report.tables import Layout, Table, table
from alpaca_exp.report.texts import warnings
from alpaca_exp.report.traces import Behind, Traces, of_cell, of_verdict
from alpaca_exp.report.verdicts import NOT_TESTABLE, Verdict, judged

LENGTH, COSTS = "words", ("usd", "gpu_hours")
SCORES = ("judge.percent", "judge.win_rate")
"""What a length may have to do with."""
MOST_ARTIFACTS = 2000
NONE_WHOLE = "No run that ended is whole."


@dataclass(frozen=True)
class Contents:
    """All of it."""

    name: str
    command: str
    outputs: Path
    standing: Standing | None
    """None where the page is not of a sweep."""
    study: Study | None
    trials: tuple[Trial, ...]
    searched: tuple[Figure, ...]
    """The study's figures."""
    axes: tuple[str, ...]
    runs: tuple[Listed, ...]
    table: Table | None
    """None where no run has ended, and where nothing says how to arrange them."""
    table_html: str
    problem: str
    """Why a sweep that still runs has no table yet."""
    effects: tuple[Figure, ...]
    scatters: tuple[Figure, ...]
    attribution: Attribution | None
    bars: tuple[Figure, ...]
    curves: Figure | None
    cards: tuple[Card, ...]
    origins: tuple[Origin, ...]
    left_out: int
    """Artifacts beyond those that are listed."""
    versions: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    claims: str
    """In Markdown."""
    claims_html: str
    traces: Traces
    torn: tuple[str, ...]
    """Why runs are left out that came to their end, and what makes them again."""

    def export_of(self, *words: str) -> str:
        """The command that packs the runs that these words name."""
        return shlex.join(
            ["python", "-m", "alpaca_exp.store", "export", *words, "--outputs", str(self.outputs)]
        )

    @property
    def export(self) -> str:
        """The command that packs the page's runs."""
        return self.export_of(*[] if self.name == ALL else [self.name])


def contents(asked: Asked, runs: Sequence[Run], of: Standing | None, outputs: Path, command: str) -> Contents:
    """Everything there is to say of these runs. Raises InputError for names that no run knows.

    Of a sweep that still runs such a name may be of a metric that nobody has measured yet.
    """
    traces = Traces(runs)
    study = study_of(outputs / "sweeps" / asked.name) if of and of.kind == "study" else None
    made, problem = _table(asked, runs, of, outputs, command)
    bars = _attribution(asked, runs, outputs, command) if made else None
    verdicts, judged_by = _claims(asked, runs, of, outputs, command) if runs else ([], "")
    all_origins = origins(runs, outputs)
    return Contents(
        name=asked.name,
        command=command,
        outputs=outputs,
        standing=of,
        study=study,
        trials=tuple(trials_of(study, runs, outputs)) if study else (),
        searched=tuple(study_figures(study)) if study else (),
        axes=_axes(asked),
        runs=tuple(listed(runs, _axes(asked), outputs)),
        table=made,
        table_html=table_html(made, _numbers(made, traces)) if made else "",
        problem=problem,
        effects=tuple(effects(made)) if made else (),
        scatters=tuple(_scatters(runs, made.layout, outputs)) if made else (),
        attribution=bars,
        bars=tuple(attributed(bars)) if bars else (),
        curves=curves(curves_of(runs, _label(asked), outputs)),
        cards=tuple(cards(runs, outputs)),
        origins=tuple(all_origins[:MOST_ARTIFACTS]),
        left_out=max(len(all_origins) - MOST_ARTIFACTS, 0),
        versions=tuple(versions(runs, outputs)),
        links=tuple(_links(outputs)),
        warnings=tuple(dict.fromkeys(warnings(made))) if made else (),
        claims=claims_shown.markdown(verdicts, judged_by) if verdicts else "",
        claims_html=claims_shown.html(verdicts, judged_by, number=_claimed(traces)) if verdicts else "",
        traces=traces,
        torn=left_out_of(runs),
    )


def linked(traces: Traces, behind: Behind, text: str) -> str:
    """A number as markup: it leads to where it is from."""
    return f'<a class="n" href="#{traces.id(behind)}">{escape(text)}</a>'


def _table(
    asked: Asked, runs: Sequence[Run], of: Standing | None, outputs: Path, command: str
) -> tuple[Table | None, str]:
    if not asked.rows or not runs:
        return None, "" if runs else NONE_WHOLE if left_out_of(runs) else "No run has ended yet."
    layout = Layout(asked.rows, asked.columns, asked.metrics, asked.baseline)
    try:
        return table(runs, layout, outputs, command), ""
    except InputError as error:
        if of is None or not of.runs:
            raise
        return None, f"So far: {error}"


def _numbers(made: Table, traces: Traces) -> Callable[[Cell, str, bool], str]:
    names = {id(one): ", ".join(filter(None, (row, column))) for (row, column, _), one in made.cells.items()}
    return lambda one, text, apart: linked(traces, of_cell(one, names[id(one)], apart=apart), text)


def _claimed(traces: Traces) -> Callable[[Verdict, str], str]:
    return lambda one, text: linked(traces, of_verdict(one), text)


def _label(asked: Asked) -> Callable[[Run], str]:
    if not asked.rows:
        return lambda run: f"trial {run.name.rpartition('/')[2]}"
    return lambda run: ", ".join(run.label(axis) for axis in _axes(asked))


def _axes(asked: Asked) -> tuple[str, ...]:
    return tuple(axis for axis in (asked.rows, asked.columns) if axis)


def _scatters(runs: Sequence[Run], layout: Layout, outputs: Path) -> Iterator[Figure]:
    """Score against length, and cost against score with the Pareto front."""
    there = known([run.artifacts for run in runs], outputs)
    first = next((one for one in layout.metrics if not counted(one) and one != LENGTH), None)
    score = next((one for one in SCORES if one in layout.metrics), first)
    metrics = tuple(dict.fromkeys(one for one in (LENGTH, *COSTS, score) if one in there))
    if not score or score not in metrics:
        return
    plain = table(runs, Layout(layout.rows, layout.columns, metrics), outputs, "")
    if LENGTH in metrics and (length := against(plain, LENGTH, score, front=False)):
        yield length
    costs = (against(plain, one, score, front=True) for one in COSTS if one in metrics)
    yield from filter(None, costs)


def _attribution(asked: Asked, runs: Sequence[Run], outputs: Path, command: str) -> Attribution | None:
    """None where nothing is varied, or the runs cannot be arranged by these factors."""
    there = known([run.artifacts for run in runs], outputs)
    metrics = tuple(one for one in asked.metrics if not counted(one) and one in there and one != LENGTH)
    if not asked.factors or not metrics:
        return None
    words = ["python", "-m", "alpaca_exp.report", "attribution", str(outputs)]
    words += ["--factors", ",".join(asked.factors), "--metrics", ",".join(metrics)]
    try:
        return attribution(runs, Factors(asked.factors, metrics), outputs, _told(asked, words, command))
    except InputError:
        return None


def _claims(
    asked: Asked, runs: Sequence[Run], of: Standing | None, outputs: Path, command: str
) -> tuple[list[Verdict], str]:
    """The verdicts, where any can be told, and the command that tells them; asked for, or the runs' own.

    Raises InputError with all that is wrong with claims that were asked for.
    """
    words = ["python", "-m", "alpaca_exp.report", "claims", str(outputs)]
    words += ["--claims", asked.claims] if asked.claims else []
    if not asked.rows and not asked.claims:  # the trials of a study are no design that speaks of claims
        return [], ""
    try:
        claims, where = claims_in(asked.claims) if asked.claims else claims_of_runs(runs)
        check_claims(claims, runs, outputs, where)
    except InputError:
        if asked.claims:
            raise
        return [], ""
    verdicts = [_waiting(one, of) for one in judged(claims, runs, outputs)]
    told = any(one.verdict != NOT_TESTABLE for one in verdicts)
    return (verdicts if told else []), _told(asked, words, command)


def _waiting(one: Verdict, of: Standing | None) -> Verdict:
    """Of a sweep that has not ended nobody needs to make what its own jobs may make."""
    if of is None or not of.left or one.verdict != NOT_TESTABLE or not one.remedy:
        return one
    jobs = f"{of.left} job{'s' * (of.left > 1)}"
    return replace(one, why=f"{one.why}, but {jobs} of the sweep may make it yet", remedy="")


def _told(asked: Asked, words: Sequence[str], command: str) -> str:
    """A command of its own for a part of the page; of a sweep's runs alone only the page's own tells."""
    if asked.sweep:
        return command
    places = [*([] if asked.name == ALL else [f"experiment={asked.name}"]), *asked.where]
    return shlex.join([*words, *(word for place in places for word in ("--where", place))])


def _links(outputs: Path) -> Iterator[tuple[str, str]]:
    """Pages that are there already: answers to read."""
    if (outputs / "reports" / "reading" / "index.html").exists():
        yield "Answers side by side, to read and to vote on", "reports/reading/index.html"

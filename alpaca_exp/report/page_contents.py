"""What stands on the report page, each part only where there is something to show."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.report import claims_shown
from alpaca_exp.report.attributed import Asked as Factors
from alpaca_exp.report.attributed import Attribution, attribution
from alpaca_exp.report.claim_files import check_claims, claims_in, claims_of_runs
from alpaca_exp.report.curves import curves_of
from alpaca_exp.report.figures import Figure, against, attributed, curves, effects
from alpaca_exp.report.jobs import Job, jobs_of
from alpaca_exp.report.made import STAGES, made
from alpaca_exp.report.metrics import counted, known
from alpaca_exp.report.page_asked import ALL, Asked
from alpaca_exp.report.runs import Run
from alpaca_exp.report.tables import Layout, Table, table
from alpaca_exp.report.texts import heads, warnings
from alpaca_exp.report.verdicts import NOT_TESTABLE, Verdict, judged

LENGTH, COSTS = "words", ("usd", "gpu_hours")
SCORES = ("judge.percent", "judge.win_rate")
"""What a length may have to do with."""
MOST_ARTIFACTS = 2000
MOST_FIELDS = 40
"""More fields that an artifact's settings differ in are counted, not told."""


@dataclass(frozen=True)
class Card:
    """The data card of one data set."""

    variants: tuple[str, ...]
    source: str
    rows_in: int
    rows: int
    removed: tuple[tuple[str, int], ...]
    page: bool
    """Whether it has a page of its own."""


@dataclass(frozen=True)
class Origin:
    """One artifact, with what tells it from the others of its stage."""

    source: str
    runs: int
    differs: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """All of it."""

    name: str
    command: str
    jobs: tuple[Job, ...]
    table: Table
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
    sources: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Row, column and metric of each number, and the artifacts it is from."""
    links: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    claims: str
    """In Markdown."""
    claims_html: str


def contents(asked: Asked, runs: Sequence[Run], sweep: Path, outputs: Path, command: str) -> Contents:
    """Everything there is to say of these runs. Raises InputError for names that no run knows."""
    assert asked.rows, "the page's settings are settled"
    layout = Layout(asked.rows, asked.columns, asked.metrics, asked.baseline)
    made_ = table(runs, layout, outputs, command)
    bars = _attribution(asked, runs, outputs)
    origins = _origins(runs, outputs)
    verdicts, judged_by = _claims(asked, runs, outputs)
    return Contents(
        name=asked.name,
        command=command,
        jobs=tuple(jobs_of(sweep)),
        table=made_,
        effects=tuple(effects(made_)),
        scatters=tuple(_scatters(runs, layout, outputs)),
        attribution=bars,
        bars=tuple(attributed(bars)) if bars else (),
        curves=curves(curves_of(runs, _label(layout), outputs)),
        cards=tuple(_cards(runs, outputs)),
        origins=tuple(origins[:MOST_ARTIFACTS]),
        left_out=max(len(origins) - MOST_ARTIFACTS, 0),
        versions=tuple(_versions(runs, outputs)),
        sources=tuple(_sources(made_)),
        links=tuple(_links(outputs)),
        warnings=tuple(dict.fromkeys(warnings(made_))),
        claims=claims_shown.markdown(verdicts, judged_by) if verdicts else "",
        claims_html=claims_shown.html(verdicts, judged_by) if verdicts else "",
    )


def _label(layout: Layout) -> Callable[[Run], str]:
    return lambda run: ", ".join(run.label(axis) for axis in (layout.rows, layout.columns) if axis)


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


def _attribution(asked: Asked, runs: Sequence[Run], outputs: Path) -> Attribution | None:
    """None where nothing is varied, or the runs cannot be arranged by these factors."""
    there = known([run.artifacts for run in runs], outputs)
    metrics = tuple(one for one in asked.metrics if not counted(one) and one in there and one != LENGTH)
    if not asked.factors or not metrics:
        return None
    words = f"--factors {','.join(asked.factors)} --metrics {','.join(metrics)}"
    where = "".join(f" --where {word}" for word in _places(asked))
    told = f"python -m alpaca_exp.report attribution {outputs} {words}{where}"
    try:
        return attribution(runs, Factors(asked.factors, metrics), outputs, told)
    except InputError:
        return None


def _places(asked: Asked) -> list[str]:
    """What another command is told so that it takes the same runs."""
    return [*([] if asked.name == ALL else [f"experiment={asked.name}"]), *asked.where]


def _claims(asked: Asked, runs: Sequence[Run], outputs: Path) -> tuple[list[Verdict], str]:
    """The verdicts, where any can be told, and the command that tells them; asked for, or the runs' own.

    Raises InputError with all that is wrong with claims that were asked for.
    """
    words = ["python", "-m", "alpaca_exp.report", "claims", str(outputs)]
    words += ["--claims", asked.claims] if asked.claims else []
    words += [word for place in _places(asked) for word in ("--where", place)]
    try:
        claims, where = claims_in(asked.claims) if asked.claims else claims_of_runs(runs)
        check_claims(claims, runs, outputs, where)
    except InputError:
        if asked.claims:
            raise
        return [], ""
    verdicts = judged(claims, runs, outputs)
    told = any(one.verdict != NOT_TESTABLE for one in verdicts)
    return (verdicts if told else []), shlex.join(words)


def _cards(runs: Sequence[Run], outputs: Path) -> Iterator[Card]:
    named: dict[str, dict[str, None]] = {}
    for run in runs:
        if "curate" in run.artifacts:
            named.setdefault(run.artifacts["curate"], {})[run.label("dataset_variant")] = None
    for name, variants in named.items():
        folder = outputs / "curate" / name
        try:
            counts = json.loads((folder / "card.json").read_text(encoding="utf-8"))["counts"]
            removed = tuple(
                sorted((str(rule), int(count)) for rule, count in counts["removed"].items() if count)
            )
            ends = int(counts["rows_in"]), int(counts["rows_out"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield Card(tuple(variants), f"curate/{name}", *ends, removed, (folder / "card.html").exists())


def _origins(runs: Sequence[Run], outputs: Path) -> list[Origin]:
    """Every artifact behind the runs, by stage, with the settings in which those of a stage differ."""
    used: dict[tuple[str, str], int] = {}
    for run in runs:
        for place in dict.fromkeys((STAGES.get(part, part), name) for part, name in run.artifacts.items()):
            used[place] = used.get(place, 0) + 1
    found = {place: one for place in used if (one := made(*place, outputs))}
    values: dict[tuple[str, str], set[str]] = {}
    for (stage, _), one in found.items():
        for key in one.settings:
            values.setdefault((stage, key), set()).add(one.settings[key])
    counts = {stage: sum(place[0] == stage for place in found) for stage in {stage for stage, _ in found}}
    have: dict[tuple[str, str], int] = {}
    for (stage, _), one in found.items():
        for key in one.settings:
            have[stage, key] = have.get((stage, key), 0) + 1
    told = []
    for (stage, name), one in found.items():
        differs = [
            f"{key}={value[:80]}"
            for key, value in one.settings.items()
            if len(values[stage, key]) > 1 or have[stage, key] < counts[stage]
        ]
        left = len(differs) - MOST_FIELDS
        more = [f"and {left} more"] * (left > 0)
        told.append(Origin(f"{stage}/{name}", used[stage, name], (*differs[:MOST_FIELDS], *more)))
    order = list(dict.fromkeys(stage for stage, _ in found))
    return sorted(told, key=lambda one: (order.index(one.source.partition("/")[0]), one.differs, one.source))


def _versions(runs: Sequence[Run], outputs: Path) -> Iterator[str]:
    """Of each package and of the code, every version that any artifact was made with."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for part, name in run.artifacts.items():
            one = made(part, name, outputs)
            for package, version in ({**one.packages, "git": one.git[:7]} if one else {}).items():
                found.setdefault(package, set()).add(version)
    for package, versions in sorted(found.items()):
        told = ", ".join(sorted(filter(None, versions)))
        if told:
            yield f"{package} {told}"


def _sources(made_: Table) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for row in made_.rows:
        for head in heads(made_, differences=False):
            one = made_.cells[row, head.column, head.metric]
            if one.estimate and one.sources:
                yield row, ", ".join(filter(None, (head.column, head.name))), one.sources


def _links(outputs: Path) -> Iterator[tuple[str, str]]:
    """Pages that are there already: answers to read."""
    for file in sorted((outputs / "reports").glob("*/index.html")):
        if file.parent.name == "reading":
            yield "Answers side by side, to read and to vote on", "../reading/index.html"


def statuses(jobs: Sequence[Job]) -> Mapping[str, int]:
    """How many jobs are in each state."""
    return {
        state: sum(job.status == state for job in jobs) for state in dict.fromkeys(j.status for j in jobs)
    }

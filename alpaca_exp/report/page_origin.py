"""What the runs of a page were made of, and by what: data sets, artifacts with their settings, versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.report.made import STAGES, Made, made
from alpaca_exp.report.runs import Run
from alpaca_exp.report.traces import Behind
from alpaca_exp.sweep_folder import LOG

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

    @property
    def behind(self) -> Behind:
        """What its numbers rest on."""
        return Behind(", ".join(self.variants), (self.source,))


@dataclass(frozen=True)
class Origin:
    """One artifact, with what tells it from the others of its stage."""

    source: str
    runs: int
    differs: tuple[str, ...]


@dataclass(frozen=True)
class Listed:
    """One run. Files are named below the outputs folder; empty where there is none."""

    name: str
    places: tuple[str, ...]
    """Where it stands on the page's axes."""
    seeds: str
    status: str
    error: str
    seconds: float
    usd: float
    reading: str
    """The page of its answers beside its opponent's and its base's."""
    log: str


def cards(runs: Sequence[Run], outputs: Path) -> Iterator[Card]:
    """One for each data set that some run learnt from."""
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


def origins(runs: Sequence[Run], outputs: Path) -> list[Origin]:
    """Every artifact behind the runs, by stage, with the settings in which those of a stage differ."""
    used: dict[tuple[str, str], int] = {}
    for run in runs:
        for place in dict.fromkeys((STAGES.get(part, part), name) for part, name in run.artifacts.items()):
            used[place] = used.get(place, 0) + 1
    found = {place: one for place in used if (one := made(*place, outputs))}
    by_stage: dict[str, list[Made]] = {}
    for (stage, _), one in found.items():
        by_stage.setdefault(stage, []).append(one)
    unlike = {stage: _unlike(these) for stage, these in by_stage.items()}
    told = [
        Origin(f"{stage}/{name}", used[stage, name], _differs(one, unlike[stage]))
        for (stage, name), one in found.items()
    ]
    order = list(by_stage)
    return sorted(told, key=lambda one: (order.index(one.source.partition("/")[0]), one.differs, one.source))


def versions(runs: Sequence[Run], outputs: Path) -> Iterator[str]:
    """Of each package and of the code, every version that any artifact was made with."""
    found: dict[str, set[str]] = {}
    for part, name in dict.fromkeys(place for run in runs for place in run.artifacts.items()):
        one = made(part, name, outputs)
        for package, version in ({**one.packages, "git": one.git[:7]} if one else {}).items():
            found.setdefault(package, set()).add(version)
    for package, these in sorted(found.items()):
        told = ", ".join(sorted(filter(None, these)))
        if told:
            yield f"{package} {told}"


def listed(runs: Sequence[Run], axes: Sequence[str], outputs: Path) -> Iterator[Listed]:
    """The runs one by one, with their places on the axes."""
    for run in runs:
        compared = f"compare/{run.artifacts.get('compare', '')}/index.html"
        yield Listed(
            name=run.name,
            places=tuple(run.label(axis) for axis in axes),
            seeds=", ".join(run.seeds),
            status=str(run.row["status"]),
            error=str(run.row.get("error") or ""),
            seconds=float(run.row.get("seconds") or 0.0),
            usd=float(run.row.get("usd") or 0.0),
            reading=compared if "compare" in run.artifacts and (outputs / compared).exists() else "",
            log=f"{run.name}/{LOG}" if (run.folder / LOG).exists() else "",
        )


def _unlike(made_: Sequence[Made]) -> set[str]:
    """The settings that these do not all have alike."""
    values: dict[str, set[str]] = {}
    have: dict[str, int] = {}
    for one in made_:
        for key, value in one.settings.items():
            values.setdefault(key, set()).add(value)
            have[key] = have.get(key, 0) + 1
    return {key for key in values if len(values[key]) > 1 or have[key] < len(made_)}


def _differs(one: Made, unlike: set[str]) -> tuple[str, ...]:
    differs = [f"{key}={value[:80]}" for key, value in one.settings.items() if key in unlike]
    left = len(differs) - MOST_FIELDS
    return (*differs[:MOST_FIELDS], *[f"and {left} more"] * (left > 0))

"""In what the rows of a table differ beside what is asked: settings, stages, versions, from their records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alpaca_exp.report.made import Made, made
from alpaca_exp.report.runs import Run

PARTS = ("generate", "curate", "pretrain", "train", "evaluate", "assess", "complete", "judge")
"""What is made for a row itself."""
NAMES = {"dataset_variant": "variant", "eval_suite": "suite"}
"""Groups that the stages know by another name."""
MOST_LINES, MOST_ROWS, MOST_VALUES = 24, 6, 4
COMMIT = 7
"""So many digits of a commit."""

_Values = Mapping[str, frozenset[str]]
"""By row, all values that its runs have."""


def differing(by_row: Mapping[str, Sequence[Run]], axes: Sequence[str], outputs: Path) -> list[str]:
    """A line for each setting in which the rows differ, `axes` left out, then for each version.

    A setting counts as the stages were told it, whatever it was called on a command line; seeds that every
    row has differ in none.
    """
    records = {row: _records(runs, outputs) for row, runs in by_row.items()}
    settings = [*_options(by_row, axes), *_absent(records), *_settings(records, axes)]
    left = len(settings) - MOST_LINES
    more = [f"and {left} more settings; record.json of each artifact holds them all"] * (left > 0)
    return [*settings[:MOST_LINES], *more, *_versions(records)]


def _records(runs: Sequence[Run], outputs: Path) -> dict[str, list[Made]]:
    """By part of the experiment, the records of a row's artifacts, each once."""
    found: dict[str, list[Made]] = {}
    for part in PARTS:
        names = dict.fromkeys(run.artifacts[part] for run in runs if part in run.artifacts)
        records = [one for name in names if (one := made(part, name, outputs))]
        if records:
            found[part] = records
    return found


def _options(by_row: Mapping[str, Sequence[Run]], axes: Sequence[str]) -> Iterator[str]:
    """The options of the groups: `trainer: lora (a), miniature (b)`."""
    groups = dict.fromkeys(group for runs in by_row.values() for run in runs for group in run.row["labels"])
    for group in ("preset", "scale", *sorted(groups)):
        if group not in axes:
            yield from _line(
                group, {row: frozenset(run.label(group) for run in runs) for row, runs in by_row.items()}
            )


def _absent(records: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """Stages that some rows went without."""
    for part in PARTS:
        without = [row for row, found in records.items() if found and part not in found]
        if len(without) < sum(map(bool, records.values())) and without:
            yield f"{part}: none ({_few(without, MOST_ROWS)})"


def _settings(records: Mapping[str, Mapping[str, Sequence[Made]]], axes: Sequence[str]) -> Iterator[str]:
    shown = tuple(_told(axis) for axis in axes)
    found: dict[str, dict[str, set[str]]] = {}
    for row, parts in records.items():
        for part, artifacts in parts.items():
            for one in artifacts:
                for key, value in one.settings.items():
                    name = key if "." in key else f"{part}.{key}"
                    found.setdefault(name, {}).setdefault(row, set()).add(value)
    for key, values in found.items():
        if not any(key == axis or key.startswith(f"{axis}.") for axis in shown) and not key.endswith(
            ".texts"
        ):
            yield from _line(key, {row: frozenset(map(_portable, these)) for row, these in values.items()})


def _told(axis: str) -> str:
    """An axis as the stages know it: `suite.frame` of `eval_suite.frame`, `train.seed` of `seed`."""
    group, dot, field = axis.partition(".")
    return "train.seed" if axis == "seed" else f"{NAMES.get(group, group)}{dot}{field}"


def _versions(records: Mapping[str, Mapping[str, Sequence[Made]]]) -> Iterator[str]:
    """Of stages, of packages, and of the code, where rows were made with more than one."""
    found: dict[str, dict[str, set[str]]] = {}
    for row, parts in records.items():
        for part, artifacts in parts.items():
            for one in artifacts:
                told = {f"version of {part}": one.version, **one.packages, "commit": _commit(one.git)}
                for name, version in told.items():
                    if version:
                        found.setdefault(name, {}).setdefault(row, set()).add(version)
    for name in sorted(found, key=lambda name: (name == "commit", not name.startswith("version"), name)):
        yield from _line(name, {row: frozenset(these) for row, these in found[name].items()})


def _line(name: str, values: _Values) -> Iterator[str]:
    """`name: 3 (cleaned); 5 (original, uncapped)`, unless all have the same, or each its own name."""
    rows: dict[frozenset[str], list[str]] = {}
    for row, these in values.items():
        rows.setdefault(these, []).append(row)
    if len(rows) > 1 and any(these != {row} for row, these in values.items()):
        told = [f"{_few(sorted(these), MOST_VALUES)} ({_few(of, MOST_ROWS)})" for these, of in rows.items()]
        yield f"{name}: {_few(told, 2 * MOST_VALUES, '; ')}"


def _few(words: Sequence[str], most: int, between: str = ", ") -> str:
    left = len(words) - most
    return between.join([*words[:most], *([f"and {left} more"] if left > 0 else [])])


def _commit(git: str) -> str:
    return git[:COMMIT] + "+" * git.endswith("+")


def _portable(value: str) -> str:
    """Without the folders of one machine."""
    return Path(value).name if value.startswith("/") else value

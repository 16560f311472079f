"""The runs under an outputs folder, each as its `run.json` tells it."""

from __future__ import annotations

import difflib
import functools
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path

from alpaca_exp import schemas
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.report.settings import of_overrides, same, settings
from alpaca_exp.report.whole import torn as torn_of

OWN_AXES = ("experiment", "preset", "scale", "seed")
ABSENT = "\u2013"
"""What a table shows where there is nothing."""
PATTERNS = ("runs/*/*/run.json", "sweeps/*/*/run.json")
NEEDED = {
    **dict.fromkeys(("experiment", "preset", "scale", "status", "started"), str),
    **{"seed": int, "labels": dict, "artifacts": dict, "overrides": list},
}
"""What every `run.json` holds, and of which kind."""


@dataclass(frozen=True)
class Run:
    """One run: its place below the outputs folder, and its `run.json`."""

    name: str
    row: Row
    folder: Path

    def label(self, axis: str) -> str:
        """Where the run stands on an axis: experiment, preset, scale, seed, a group's option, or a field."""
        if "." in axis:
            without = self.row["labels"].get(axis.partition(".")[0]) == "none"  # an untuned model has no rate
            return ABSENT if without else self.settings.get(axis, ABSENT)
        value = self.row[axis] if axis in OWN_AXES else self.row["labels"].get(axis, ABSENT)
        return str(value)

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The fields that it was configured with, by their keys with dots."""
        return settings(self.folder) or of_overrides(self.row["overrides"])

    @cached_property
    def artifacts(self) -> dict[str, str]:
        """Fingerprints by the parts of the experiment."""
        return dict(self.row["artifacts"])

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return bool(self.row["status"] == "done")

    @property
    def refused(self) -> bool:
        """Whether it ended with bad input: what was asked for could not be, and was asked otherwise since."""
        return bool(self.row.get("refused", False))

    @property
    def stopped(self) -> bool:
        """Whether a budget or a signal stopped it: the same command goes on."""
        return bool(self.row["status"] == "stopped")

    @cached_property
    def recipe(self) -> tuple[str, ...]:
        """All that was asked for but for seeds, and where and how it ran."""
        labels = sorted(self.row["labels"].items())
        own = [f"{axis}={self.row[axis]}" for axis in ("preset", "scale")]
        return (*own, *(f"{key}={value}" for key, value in labels), *sorted(self._overrides(seeds=False)))

    @cached_property
    def seeds(self) -> tuple[str, ...]:
        """Every seed that was asked for."""
        return (f"seed={self.row['seed']}", *sorted(self._overrides(seeds=True)))

    def _overrides(self, seeds: bool) -> list[str]:
        chosen = []
        for override in self.row["overrides"]:
            key = override.lstrip("+~").partition("=")[0]
            elsewhere = (
                "runtime.",
                "logger.",
                "claims.",
                "report.",
                "hydra",
                "experiment",
                "sweep",
                "action",
            )
            where = key.startswith(elsewhere)
            where = where or key.rpartition(".")[2] in _runtime()
            if not where and key != "seed" and "." in key and key.endswith(".seed") == seeds:
                chosen.append(override)
        return chosen


@functools.cache
def _runtime() -> frozenset[str]:
    """Names of fields that never decide what is made: budgets, addresses, keys, how many at once."""
    kinds = [kind for kind in vars(schemas).values() if isinstance(kind, type) and is_dataclass(kind)]
    told = {(field.name, field.metadata.get("role")) for kind in kinds for field in fields(kind)}
    names = {name for name, role in told if role == "runtime"}
    return frozenset(names - {name for name, role in told if role != "runtime"})


class Runs(list[Run]):
    """Runs that count, and why others were left out, in a sentence each."""

    def __init__(self, runs: Iterable[Run] = (), left_out: Iterable[str] = ()) -> None:
        super().__init__(runs)
        self.left_out = tuple(left_out)


def collect(outputs: Path, *, torn: bool = False) -> Runs:
    """The runs of `outputs` in a fixed order; of those that were repeated, the ones that count.

    A run that did not end counts only where the same run never did, whatever its budget or server was; of
    the same run made twice (from other code, say) the newer counts. A `run.json` that cannot be read is
    left out, and so is, unless `torn`, a finished run of which some artifact is gone or torn; both are told
    on stderr.
    Raises InputError where there are no runs.
    """
    if not outputs.is_dir():
        raise InputError(f"{outputs} is no folder; name the folder that runtime.outputs named")
    runs, unreadable = read(outputs)
    if not runs:
        _tell(unreadable)
        raise InputError(f"{outputs} holds no runs; start one: python -m alpaca_exp +experiment=original")
    found = sound(runs, unreadable, outputs, torn=torn)
    if not found:
        raise InputError(f"no run below {outputs} is whole; make them again as said above")
    return found


def sound(runs: Iterable[Run], unreadable: Iterable[str], outputs: Path, *, torn: bool = False) -> Runs:
    """Of runs that were repeated the ones that count, without `torn` ones unless asked; tells of these."""
    those = counting(runs)
    finished = {} if torn else {run.name: run.artifacts for run in those if run.done}
    out, problems = torn_of(finished, outputs)
    found = Runs((run for run in those if run.name not in out), (*unreadable, *problems))
    _tell(found.left_out)
    return found


def left_out_of(runs: Sequence[Run]) -> tuple[str, ...]:
    """Why others were left out, where the runs know."""
    return runs.left_out if isinstance(runs, Runs) else ()


def _tell(left_out: Iterable[str]) -> None:
    print("".join(f"left out: {problem}\n" for problem in left_out), end="", file=sys.stderr)


def counting(runs: Iterable[Run]) -> list[Run]:
    """Of runs that were repeated the ones that count, in a fixed order."""
    latest: dict[tuple[object, ...], Run] = {}
    for run in sorted(runs, key=lambda run: (run.done, run.row["started"], run.name)):
        latest[run.label("experiment"), run.recipe, run.seeds] = run
    return sorted(latest.values(), key=lambda run: (run.label("experiment"), run.recipe, run.seeds))


def read(outputs: Path, patterns: Iterable[str] = PATTERNS) -> tuple[list[Run], list[str]]:
    """Every run below `outputs`, by name; and one sentence for each `run.json` that is none."""
    runs, unreadable = [], []
    for file in sorted(file for pattern in patterns for file in outputs.glob(pattern)):
        try:
            runs.append(_read(file, outputs))
        except InputError as error:
            unreadable.append(str(error))
    return runs, unreadable


def axes(runs: Iterable[Run]) -> list[str]:
    """Every axis that these runs can be arranged on, but for the fields of their configurations."""
    return [*OWN_AXES, *sorted({label for run in runs for label in run.row["labels"]})]


def check_axis(name: str, runs: Sequence[Run]) -> str:
    """`name` if it is an axis of these runs, or a field of theirs; InputError, naming the nearest, if not."""
    known = axes(runs)
    if name in known:
        return name
    fields_ = {key for run in runs for key in run.settings}
    ends = sorted(key for key in fields_ if key.endswith(f".{name}"))
    if ends and "." not in name:
        raise InputError(f"there is no axis {name}; did you mean {' or '.join(ends[:4])}?")
    return check("axis", name, [*known, *fields_] if "." in name else known)


def standing(runs: Sequence[Run], axis: str, value: str) -> list[Run]:
    """The runs that stand at `value` on an axis. Raises InputError, naming the nearest, where none does."""
    check_axis(axis, runs)
    found = [run for run in runs if same(run.label(axis), value)]
    if not found:
        check(axis, value, sorted({run.label(axis) for run in runs}))
    return found


def check(kind: str, name: str, known: Sequence[str]) -> str:
    """`name` if it is among the known; InputError, naming the nearest, if not."""
    if name in known:
        return name
    near = [] if _is_number(name) else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise InputError(f"there is no {kind} {name}; {hint}")


def _is_number(word: str) -> bool:
    """Numbers are near by their size, not by their digits."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _read(file: Path, outputs: Path) -> Run:
    remedy = "delete its folder, or run that job again"
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{file} cannot be read as JSON; {remedy}") from None
    kinds = row if isinstance(row, dict) else {}
    wrong = [key for key, kind in NEEDED.items() if not isinstance(kinds.get(key), kind)]
    if wrong:
        raise InputError(f"{file} is not a run's: it lacks {', '.join(wrong)}; {remedy}")
    return Run(str(file.parent.relative_to(outputs)), row, file.parent)

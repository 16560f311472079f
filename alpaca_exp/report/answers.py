"""Which answers a word names: those of a run, by experiment, name or folder, or those of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.report.runs import ABSENT, Run, axes, collect, read

ANSWERS, VERDICTS = "completions.jsonl", "verdicts.jsonl"
TELLING = ("experiment", "preset", "scale", "dataset_variant", "base_model", "trainer", "seed")
"""What labels are made of, the most telling first."""
MOST = 6
"""So many runs of a name are told apart, by so many fields."""


@dataclass(frozen=True)
class Answers:
    """Where a side's answers lie, and what a judge said of them beside its opponent's."""

    label: str
    file: Path
    opponent: Path | None = None
    verdicts: Path | None = None


def find(words: Sequence[str], outputs: Path, *, newest: bool = False) -> list[Answers]:
    """The answers of each word, in this order, under labels that tell them apart.

    Where a name is that of several runs, `newest` takes the one that was started last.
    Raises InputError where a word names nothing, nothing that answered, or the same as another one.
    """
    found = [_found(word, outputs, newest) for word in words]
    runs = [one for one in found if isinstance(one, _Place)]
    labels = iter(_labels([one.run for one in runs]))
    named = [
        replace(_answers(one, word), label=next(labels)) if isinstance(one, _Place) else one
        for word, one in zip(words, found, strict=True)
    ]
    for number, one in enumerate(named):
        twins = [word for word, other in zip(words[:number], named, strict=False) if other.file == one.file]
        if twins:
            raise InputError(f"{twins[0]} and {words[number]} are the same answers; name each once")
    return _apart(named)


@dataclass(frozen=True)
class _Place:
    """A run, and the outputs folder that holds what it made."""

    run: Run
    outputs: Path


def _found(word: str, outputs: Path, newest: bool) -> _Place | Answers:
    path = Path(word).expanduser()
    if path.is_file() and path.name != "run.json":
        stem = path.stem.removeprefix("answer_")
        return Answers(stem if path.name != ANSWERS else path.parent.name, path)
    if (path / ANSWERS).is_file():
        return Answers(path.name, path / ANSWERS)
    file = path if path.is_file() else path / "run.json"
    if file.is_file():
        return _of_folder(file)
    return _Place(_of_name(word, outputs, newest), outputs)


def _of_folder(file: Path) -> _Place:
    """A run by its folder, wherever its outputs folder lies."""
    above = [folder for folder in file.absolute().parents if folder.name in ("runs", "sweeps")]
    if not above:
        raise InputError(f"{file} lies in no outputs folder; name a run's folder below runs or sweeps")
    outputs = above[-1].parent
    runs, unreadable = read(outputs)
    name = str(file.absolute().parent.relative_to(outputs))
    for run in runs:
        if run.name == name:
            return _Place(run, outputs)
    raise InputError(next((text for text in unreadable if name in text), f"{file} is no run's"))


def _of_name(word: str, outputs: Path, newest: bool) -> Run:
    """A run by the end of its name, or the one run of an experiment that counts."""
    runs = collect(outputs)
    every, _ = read(outputs)
    exact = [run for run in every if f"/{run.name}".endswith(f"/{word.strip('/')}")]
    called = [run for run in runs if run.label("experiment") == word]
    named = exact or called
    if not named:
        known = ", ".join(sorted({run.label("experiment") for run in runs}))
        raise InputError(f"{word} names no run, folder or file; there are runs of {known}")
    named = sorted(named, key=lambda run: (run.row["started"], run.name), reverse=True)
    if len(named) > 1 and not newest:
        told = "; ".join(f"{run.name} ({_differing(run, named)})" for run in named[:MOST])
        more = f"; and {len(named) - MOST} more" if len(named) > MOST else ""
        raise InputError(
            f"{word} is what {len(named)} runs are called; name one of them, or add --newest "
            f"for the first of these: {told}{more}"
        )
    return named[0]


def _answers(place: _Place, word: str) -> Answers:
    """Where the run's answers and verdicts are; a run without a judge has none."""
    made = place.run.artifacts
    if "complete" not in made:
        raise InputError(f"{word} ({place.run.name}) answered no questions; name a run that has a judge")
    file = place.outputs / "complete" / made["complete"] / ANSWERS
    if not file.is_file():
        raise InputError(f"the answers of {word} are no longer there ({file}); run it again to remake them")
    opponent, verdicts = (
        place.outputs / stage / made[name] / kept if name in made else None
        for stage, name, kept in (("complete", "opponent", ANSWERS), ("judge", "judge", VERDICTS))
    )
    there = [path if path is not None and path.is_file() else None for path in (opponent, verdicts)]
    return Answers(word, file, *there)


def _labels(runs: Sequence[Run]) -> list[str]:
    """Of each run as few of its labels as tell all of them apart; its name where none do."""
    differing = [axis for axis in _axes(runs) if len({run.label(axis) for run in runs}) > 1]
    chosen = [differing.pop(0)] if differing else ["experiment"]
    while len({_told(run, chosen) for run in runs}) < len(runs) and differing:
        chosen.append(differing.pop(0))
    labels = [_told(run, chosen) for run in runs]
    return labels if len(set(labels)) == len(runs) else [run.name for run in runs]


def _differing(run: Run, runs: Sequence[Run]) -> str:
    """What tells a run apart: labels, fields that some command set, its own first, and when it started."""
    axes_told = [axis for axis in _axes(runs) if len({one.label(axis) for one in runs}) > 1]
    own, others = _fields([run]), _fields(runs)
    apart = [key for key in others if len({one.label(key) for one in runs}) > 1 and run.label(key) != ABSENT]
    fields = sorted(apart, key=lambda key: (key not in own, key))[:MOST]
    told = [_told(run, axes_told)] * bool(axes_told) + [f"{key}={run.label(key)}" for key in fields]
    return ", ".join([*told, f"started {run.row['started']}"])


def _fields(runs: Iterable[Run]) -> set[str]:
    """The fields that the runs' commands set, but for those that only say where and how they ran."""
    keys = (part.lstrip("+~").partition("=")[0] for run in runs for part in (*run.recipe, *run.seeds))
    return {key for key in keys if "." in key}


def _axes(runs: Iterable[Run]) -> list[str]:
    known = axes(runs)
    return [*(axis for axis in TELLING if axis in known), *(axis for axis in known if axis not in TELLING)]


def _told(run: Run, chosen: Sequence[str]) -> str:
    """`cleaned, large, seed 1`."""
    return ", ".join(f"seed {run.label(axis)}" if axis == "seed" else run.label(axis) for axis in chosen)


def _apart(found: Sequence[Answers]) -> list[Answers]:
    """Files may be called like runs, or like one another: then with the folder that they lie in."""
    labels = [one.label for one in found]
    return [
        replace(one, label=f"{one.label} ({one.file.parent.name})") if labels.count(one.label) > 1 else one
        for one in found
    ]

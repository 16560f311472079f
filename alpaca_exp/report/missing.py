"""The command that makes the runs which a claim lacks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from alpaca_exp.commands import OUTPUTS
from alpaca_exp.paths import data_root
from alpaca_exp.report.runs import Run
from alpaca_exp.schemas.claims import Selection

SEEDS = ("0", "1", "2")
"""Of runs without partners, whose seeds they could take."""
BASE, UNTUNED = "base", "none"
ELSEWHERE = ("runtime", "logger", "hydra", "claims", "experiment", "sweep", "name", "action")
"""Overrides that are of where and how a run was made, or are chosen anew."""
LEARNT = ("teacher", "critic", "rater", "dataset_variant", "trainer")


def command(selection: Selection, partners: Sequence[Run], outputs: Path) -> str:
    """What makes runs at `selection` with all else, seeds too, as in the runs that they will stand beside."""
    words = _outputs(outputs) | _shared(partners, selection)
    untuned = UNTUNED in (*selection.get("trainer", ()), *selection.get("dataset_variant", ()))
    if untuned:
        words = {
            key: values for key, values in words.items() if key.partition(".")[0] not in (*LEARNT, "seed")
        }
        chosen = {axis: values for axis, values in selection.items() if axis not in LEARNT}
        return _written({"+experiment": (BASE,), **words, **chosen})
    return _written({**({} if partners else {"seed": SEEDS}), **words, **dict(_chosen(selection))})


def _outputs(folder: Path) -> dict[str, tuple[str, ...]]:
    """Where the runs lie, if it is not where they lie anyway; quoted where Hydra would read more into it."""
    told = str(folder)
    plain = re.fullmatch(r"[\w./~-]+", told)
    return {} if folder == OUTPUTS else {"runtime.outputs": (told if plain else f"'{told}'",)}


def options(group: str) -> list[str]:
    """The options of a config group, by its files; none where it is no group."""
    return sorted(file.stem for file in (data_root() / "conf" / group).glob("*.yaml"))


def _shared(partners: Iterable[Run], selection: Selection) -> dict[str, tuple[str, ...]]:
    """What was set in every one of the partners, and is not chosen by the selection."""
    told = [dict(_set(run, selection)) for run in partners]
    keys = [key for key in (told[0] if told else ()) if all(key in one for one in told)]
    found = {key: tuple(dict.fromkeys(one[key] for one in told)) for key in keys}
    if told:
        found["seed"] = tuple(dict.fromkeys(str(run.row["seed"]) for run in partners))
    return found


def _set(run: Run, selection: Selection) -> Iterator[tuple[str, str]]:
    for override in run.row["overrides"]:
        key, _, value = override.lstrip("+~").partition("=")
        group = key.partition(".")[0]
        if key != "seed" and group not in (*ELSEWHERE, *selection):
            yield key, value


def _chosen(selection: Selection) -> Iterator[tuple[str, Sequence[str]]]:
    """An experiment of that name brings the variant along, and names the runs."""
    for axis, values in selection.items():
        named = axis in ("experiment", "dataset_variant") and set(values) <= set(options("experiment"))
        yield ("+experiment" if named else axis), values


def _written(words: Mapping[str, Sequence[str]]) -> str:
    ordered = sorted(words.items(), key=lambda word: (word[0] != "+experiment", word[0] == "seed"))
    several = ["--multirun"] if any(len(values) > 1 for _, values in ordered) else []
    told = [f"{key}={','.join(values)}" for key, values in ordered]
    return shlex.join(["python", "-m", "alpaca_exp", *several, *told])

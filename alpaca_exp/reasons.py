"""Why a stage is to be made: what differs from the likest one that was made, a short line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import RECORD, Artifact, Stage, find
from alpaca_exp.errors import ArtifactError
from alpaca_exp.identity import differences
from alpaca_exp.records import Row
from alpaca_exp.report.runs import Run, read
from alpaca_exp.schemas import ExperimentConfig

LONGEST = 40
"""Characters of a value."""
MOST_NAMED = 3
"""More differing fields than these are counted, not named."""
KEYS = {
    "variant": "dataset_variant",
    "suite": "eval_suite",
    "weights": "base_model",
    "frame": "trainer.frame",
    "questions": "judge.questions",
    "curate.seed": "teacher.seed",
}
"""What a parameter, of one stage or of all, is called on the command line, where that is another name."""
GONE = 100
"""How far away an input is of which nothing is left to compare: further than any that is left."""


def why(
    config: ExperimentConfig, stages: Mapping[str, Stage], outputs: Path
) -> Iterator[tuple[str, str, str]]:
    """For each part of an experiment: found or to make, because of what, and what it was compared with.

    Compared is the same part of the run in which the fewest settings of it, and of all that it reads, were
    others; of several the one of the same experiment, preset, scale and seed, then the newest. Where no run
    has that part, an artifact that reads the same kinds of inputs.
    """
    runs = _alike(config, outputs)
    for name, stage in stages.items():
        try:
            found = find(stage, outputs)
        except ArtifactError as error:
            yield name, str(error), ""
            continue
        yield (name, "found", "") if found else (name, *_reason(name, stage, stages, runs, outputs))


def _alike(config: ExperimentConfig, outputs: Path) -> list[Run]:
    """All runs, the likest to `config` first, the newest of those before the others."""
    wanted = {"experiment": config.name, "preset": config.preset, "scale": config.scale, "seed": config.seed}

    def likeness(run: Run) -> tuple[object, ...]:
        return (*(run.row[axis] == value for axis, value in wanted.items()), str(run.row["started"]))

    return sorted(read(outputs)[0], key=likeness, reverse=True)


def _reason(
    name: str, stage: Stage, stages: Mapping[str, Stage], runs: Sequence[Run], outputs: Path
) -> tuple[str, str]:
    if stage.path(outputs).exists():
        return f"begun at {stage.path(outputs)} and not finished", ""
    for run in runs:
        if run.artifacts.get(name) == stage.fingerprint:
            return "to make: its artifact was deleted", run.name
    made = [(Artifact(outputs / stage.name / run.artifacts.get(name, "none")), run.name) for run in runs]
    left = [one for one in made if (one[0] / RECORD).is_file()]
    left = left or [(one, f"{stage.name}/{one.path.name}") for one in _kin(stage, outputs)]
    if not left:
        return f"to make: no such {stage.name} was ever made under {outputs}", ""
    artifact, against = min(left, key=lambda one: _distance(stage, one[0].record, outputs, set()))
    parts = {made.fingerprint: part for part, made in [*stages.items()][::-1]}
    causes = [*_own(stage, artifact.record), *_inputs(stage, artifact.record, parts, outputs)]
    return f"to make: {'; '.join(causes) or 'its record names another fingerprint'}", against


def _distance(stage: Stage, before: Row, outputs: Path, seen: set[str]) -> int:
    """How many settings are others than in the record `before`, here and in all that is read, each once."""
    count = len(list(_changes(stage, before))) + GONE * len(before["inputs"].keys() - stage.inputs.keys())
    for name, needed in stage.inputs.items():
        old = before["inputs"].get(name)
        if old == needed.fingerprint or needed.fingerprint in seen:
            continue
        seen.add(needed.fingerprint)
        folder = outputs / needed.name / str(old)
        there = (folder / RECORD).is_file()
        count += max(1, _distance(needed, Artifact(folder).record, outputs, seen)) if there else GONE
    return count


def _kin(stage: Stage, outputs: Path) -> list[Artifact]:
    """Artifacts of this stage that were told, and read, the same kinds of things; the newest first."""
    inputs = {name: needed.name for name, needed in stage.inputs.items()}
    found = [Artifact(path.parent) for path in outputs.glob(f"{stage.name}/*/{RECORD}")]
    kin = [
        artifact
        for artifact in found
        if set(artifact.record["identity"]) == set(stage.recipe["identity"])
        and inputs == {name: _maker(needed, outputs) for name, needed in artifact.record["inputs"].items()}
    ]
    return sorted(kin, key=lambda artifact: str(artifact.record["started"]), reverse=True)


def _maker(fingerprint: str, outputs: Path) -> str:
    """The stage that made an artifact."""
    return next((path.parent.name for path in outputs.glob(f"*/{fingerprint}")), "")


def _inputs(stage: Stage, before: Row, parts: Mapping[str, str], outputs: Path) -> list[str]:
    """The inputs that are others than then. Why they are, their own lines say."""
    found = []
    for name, needed in stage.inputs.items():
        if before["inputs"].get(name) != needed.fingerprint:
            state = "another" if (needed.path(outputs) / RECORD).is_file() else "new"
            found.append(f"its input {parts.get(needed.fingerprint, needed.name)} is {state}")
    return [*found, *(f"its input {name} is gone" for name in before["inputs"] if name not in stage.inputs)]


def _own(stage: Stage, before: Row) -> list[str]:
    changed = [_field(stage, where, old, new) for where, old, new in _changes(stage, before)]
    named, left = changed[:MOST_NAMED], len(changed) - MOST_NAMED
    return [", ".join(named) + (f" and {left} more" if left > 0 else "")] if changed else []


def _changes(stage: Stage, before: Row) -> Iterator[tuple[str, Any, Any]]:
    yield from differences(before["identity"], stage.recipe["identity"])
    if before["version"] != stage.version:
        yield f"the version of {stage.name}", before["version"], stage.version


def _field(stage: Stage, where: str, old: Any, new: Any) -> str:
    if where == "texts":
        return "the words that models are shown"
    first, dot, rest = where.partition(".")
    key = KEYS.get(f"{stage.name}.{first}") or KEYS.get(first, first)
    return f"{key}{dot}{rest} {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."

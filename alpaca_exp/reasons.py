"""Why a stage is to be made: what differs from the run before, followed upwards through what it reads."""

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

MOST_NAMED = 3
"""More differing fields than these are counted, not named."""
KEYS = {
    "variant": "dataset_variant",
    "suite": "eval_suite",
    "weights": "base_model",
    "frame": "trainer.frame",
}
"""What a stage's parameter is called on the command line, where that is another name."""


def why(
    config: ExperimentConfig, stages: Mapping[str, Stage], outputs: Path
) -> Iterator[tuple[str, str, str]]:
    """For each part of an experiment: found or to make, because of what, and what it was compared with.

    Compared is the same part of the newest run of the same kind: same experiment, then same preset,
    scale and seed. Where no run has that part, the newest artifact that reads the same kinds of inputs.
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
        before = run.artifacts.get(name, "")
        if before == stage.fingerprint:
            return "to make: its artifact was deleted", run.name
        if (outputs / stage.name / before / RECORD).is_file():
            artifact, against = Artifact(outputs / stage.name / before), run.name
            break
    else:
        kin = _kin(stage, outputs)
        if not kin:
            return f"to make: no such {stage.name} was ever made under {outputs}", ""
        artifact, against = kin[-1], f"{stage.name}/{kin[-1].path.name}"
    parts = {made.fingerprint: part for part, made in [*stages.items()][::-1]}
    causes = _causes(stage, artifact.record, parts, outputs, set())
    return f"to make because {' and '.join(causes) or 'its record names another fingerprint'}", against


def _kin(stage: Stage, outputs: Path) -> list[Artifact]:
    """Artifacts of this stage that were told, and read, the same kinds of things; the newest last."""
    inputs = {name: needed.name for name, needed in stage.inputs.items()}
    found = [Artifact(path.parent) for path in outputs.glob(f"{stage.name}/*/{RECORD}")]
    kin = [
        artifact
        for artifact in found
        if set(artifact.record["identity"]) == set(stage.recipe["identity"])
        and inputs == {name: _maker(needed, outputs) for name, needed in artifact.record["inputs"].items()}
    ]
    return sorted(kin, key=lambda artifact: str(artifact.record["started"]))


def _maker(fingerprint: str, outputs: Path) -> str:
    """The stage that made an artifact."""
    return next((path.parent.name for path in outputs.glob(f"*/{fingerprint}")), "")


def _causes(stage: Stage, before: Row, parts: Mapping[str, str], outputs: Path, told: set[str]) -> list[str]:
    """What differs from the record `before`: fields of its own, then inputs, each with its own causes.

    An input that was `told` of is not told of again: a page reads answers, and verdicts on those answers.
    """
    causes = _own(stage, before)
    for name, needed in stage.inputs.items():
        old = before["inputs"].get(name)
        if old == needed.fingerprint or needed.fingerprint in told:
            continue
        told.add(needed.fingerprint)
        folder = outputs / needed.name / str(old)
        behind = (
            _causes(needed, Artifact(folder).record, parts, outputs, told)
            if (folder / RECORD).is_file()
            else ["it reads what it did not read before" if old is None else f"{folder} is gone"]
        )
        state = "another" if (needed.path(outputs) / RECORD).is_file() else "new"
        part = parts.get(needed.fingerprint, needed.name)
        causes += [f"{part} is {state} because {' and '.join(behind)}"] if behind else []
    return causes + [f"its input {name} is gone" for name in before["inputs"] if name not in stage.inputs]


def _own(stage: Stage, before: Row) -> list[str]:
    changed = [_field(where, old, new) for where, old, new in _changes(stage, before)]
    named, left = changed[:MOST_NAMED], len(changed) - MOST_NAMED
    return [", ".join(named) + (f" and {left} more" if left > 0 else "")] if changed else []


def _changes(stage: Stage, before: Row) -> Iterator[tuple[str, Any, Any]]:
    yield from differences(before["identity"], stage.recipe["identity"])
    if before["version"] != stage.version:
        yield f"the version of {stage.name}", before["version"], stage.version


def _field(where: str, old: Any, new: Any) -> str:
    if where == "texts":
        return "the words that models are shown"
    first, dot, rest = where.partition(".")
    return f"{KEYS.get(first, first)}{dot}{rest} {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""What lies under `outputs`: its artifacts, who uses them, what nobody uses, and why a stage is new."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.artifacts import RECORD, Artifact, Stage, find
from alpaca_exp.errors import ArtifactError
from alpaca_exp.identity import difference

NOT_STAGES = frozenset({"runs", "sweeps", "reports", "journal"})
RUN_FILES = ("runs/*/*/run.json", "sweeps/*/*/run.json")
OLD_S = 24 * 3600.0
"""What is younger than this may belong to a run that is still going: only its end names its artifacts."""


@dataclass(frozen=True)
class Entry:
    """One folder `<stage>/<fingerprint>`, finished or not."""

    path: Path
    finished: bool
    bytes: int
    age_s: float
    usd: float
    runs: int
    """How many runs name it, themselves or through what they read."""

    @property
    def name(self) -> str:
        """stage/fingerprint."""
        return f"{self.path.parent.name}/{self.path.name}"


def entries(outputs: Path) -> list[Entry]:
    """Every artifact and every unfinished folder, oldest first."""
    used = _uses(outputs)
    found = [_entry(path, used) for path in _folders(outputs)]
    return sorted(found, key=lambda entry: (-entry.age_s, entry.name))


def unused(outputs: Path) -> list[Entry]:
    """What no run names, and unfinished folders; neither touched for a day."""
    return [
        entry for entry in entries(outputs) if entry.age_s > OLD_S and not (entry.finished and entry.runs)
    ]


def remove(entry: Entry) -> None:
    """Delete one artifact: its record first, so that a kill half-way leaves no false one."""
    (entry.path / RECORD).unlink(missing_ok=True)
    shutil.rmtree(entry.path, ignore_errors=True)


def why(stages: Mapping[str, Stage], outputs: Path) -> Iterator[tuple[str, str]]:
    """For each part of an experiment: found, or the first field that differs from its nearest kin."""
    for name, stage in stages.items():
        try:
            found = find(stage, outputs)
        except ArtifactError as error:
            yield name, str(error)
            continue
        yield name, "found" if found else f"to make: {_reason(stage, outputs)}"


def _reason(stage: Stage, outputs: Path) -> str:
    kin = [Artifact(path) for path in _folders(outputs, stage.name) if (path / RECORD).exists()]
    if stage.path(outputs).exists():
        return f"begun at {stage.path(outputs)} and not finished"
    if not kin:
        return f"no stage {stage.name} was ever made under {outputs}"
    nearest = min(kin, key=lambda artifact: _distance(artifact.record, stage.recipe))
    first = next(_differences(nearest.record, stage.recipe), "its record names another fingerprint")
    return f"{first} (against {stage.name}/{nearest.path.name})"


def _differences(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for key in ("identity", "version", "inputs"):
        found = difference(old.get(key), new.get(key), "" if key == "identity" else key)
        if found:
            yield found


def _distance(old: Mapping[str, object], new: Mapping[str, object]) -> int:
    """In how many plain values two recipes differ."""
    a, b = dict(_leaves(old.get("identity"))), dict(_leaves(new.get("identity")))
    a |= dict(_leaves(old.get("inputs"), "inputs."))
    b |= dict(_leaves(new.get("inputs"), "inputs."))
    return sum(a.get(key) != b.get(key) for key in a.keys() | b.keys())


def _leaves(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{prefix}{key}.")
    else:
        yield prefix, json.dumps(value)


def _entry(path: Path, used: Mapping[str, int]) -> Entry:
    files = [file for file in path.rglob("*") if file.is_file()]
    newest = max((file.stat().st_mtime for file in files), default=path.stat().st_mtime)
    finished = (path / RECORD).exists()
    usd = float(Artifact(path).record["usage"]["usd"]) if finished else 0.0
    size = sum(file.stat().st_size for file in files)
    return Entry(path, finished, size, time.time() - newest, usd, used.get(path.name, 0))


def _folders(outputs: Path, stage: str = "*") -> list[Path]:
    return [
        path
        for path in sorted(outputs.glob(f"{stage}/*"))
        if path.is_dir() and path.parent.name not in NOT_STAGES and not path.parent.name.startswith(".")
    ]


def _uses(outputs: Path) -> dict[str, int]:
    """Fingerprint -> how many runs need it, inputs of inputs included."""
    inputs = {
        path.name: list(Artifact(path).record["inputs"].values())
        for path in _folders(outputs)
        if (path / RECORD).exists()
    }
    used: dict[str, int] = {}
    for pattern in RUN_FILES:
        for file in outputs.glob(pattern):
            needed = _with_inputs(_named(file), inputs)
            for fingerprint in needed:
                used[fingerprint] = used.get(fingerprint, 0) + 1
    return used


def _named(run_file: Path) -> list[str]:
    try:
        return list(json.loads(run_file.read_text(encoding="utf-8"))["artifacts"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        raise ArtifactError(f"{run_file} cannot be read; delete its folder") from None


def _with_inputs(named: list[str], inputs: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    left = list(named)
    while left:
        fingerprint = left.pop()
        if fingerprint not in found:
            found.add(fingerprint)
            left += inputs.get(fingerprint, [])
    return found

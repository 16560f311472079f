"""Stages and the artifacts they leave: find it, or make it.

A stage is a function, the config that identifies it, and the stages whose artifacts it reads.
An artifact is the folder `<outputs>/<stage>/<fingerprint>` that a finished stage leaves. Its
`record.json` is written last and atomically, so that it exists means that the stage finished.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from alpaca_exp import provenance
from alpaca_exp.content import files_below, sha256
from alpaca_exp.errors import ArtifactError, InputError
from alpaca_exp.identity import fingerprint, identity
from alpaca_exp.locks import hold
from alpaca_exp.records import Row, Usage, write_json

RECORD = "record.json"
WEIGHTS = (".safetensors", ".bin")
"""How files of a model's weights end."""
MADE_WITH = "made_with.json"
"""Beside what a stage made with models: a name for the weights of each."""
USAGE = "usage.json"
FEWEST_DIGITS = 4
"""Of a fingerprint, to be taken for the beginning of one."""


@dataclass(frozen=True)
class Artifact:
    """The folder that a finished stage left behind."""

    path: Path

    def __truediv__(self, name: str) -> Path:
        """The file or folder `name` of this artifact."""
        return self.path / name

    @cached_property
    def record(self) -> Row:
        """How this artifact was made. Raises ArtifactError where the record cannot be read."""
        try:
            record = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
            return {**record, "files": dict(record["files"]), "usage": dict(record["usage"])}
        except (OSError, ValueError, KeyError, TypeError):
            raise ArtifactError(
                f"{self.path / RECORD} is not a record; delete {self.path} and run again to remake it"
            ) from None

    def damage(self) -> list[str]:
        """What is no longer as the record says: one phrase a file; empty for a sound artifact."""
        found = []
        for name, digest in self.record["files"].items():
            if not (self.path / name).is_file():
                found.append(f"{name} is missing")
            elif sha256(self.path / name) != digest:
                found.append(f"{name} was changed")
        return found


@dataclass(frozen=True)
class Stage:
    """One step of an experiment. Making one runs nothing; `run` does."""

    name: str
    function: Callable[..., None]
    config: Mapping[str, Any]
    """What the function is told, and what identifies its artifact."""
    inputs: Mapping[str, Stage] = field(default_factory=dict)
    """The stages whose artifacts the function reads, by the names of its parameters."""
    runtime: Mapping[str, Any] = field(default_factory=dict)
    """Where and how the function runs: told to it, but no part of its artifact's identity."""
    version: int = 1
    """Raised by hand when the code makes something else of the same config."""
    texts: tuple[str, ...] = ()
    """The prompts that the function shows to models: a change of theirs makes a new artifact."""

    @cached_property
    def recipe(self) -> Row:
        """Everything that decides what this stage makes, as plain JSON."""
        return {
            "stage": self.name,
            "version": self.version,
            "identity": identity(self.config) | ({"texts": fingerprint(self.texts)} if self.texts else {}),
            "inputs": {name: stage.fingerprint for name, stage in self.inputs.items()},
        }

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name the recipe."""
        return fingerprint(self.recipe)

    def path(self, outputs: Path) -> Path:
        """Where its artifact is, or will be."""
        return outputs / self.name / self.fingerprint


Watch = Callable[[Stage, str, float], None]
"""Is told of each stage: what happens to it ("make", "made", "found"), and the seconds it took."""


def run(stage: Stage, outputs: Path, *, remake_damaged: bool = False, watch: Watch | None = None) -> Artifact:
    """The stage's artifact: the one under `outputs` if it was made before, a new one if not.

    Safe against other processes that want the same artifact: one makes it, the others wait and
    find it. Raises ArtifactError where a found artifact is damaged and `remake_damaged` is false.
    """
    tell = watch or (lambda stage, event, seconds: None)
    found = find(stage, outputs, remake_damaged=remake_damaged)
    if found:
        tell(stage, "found", 0.0)
        return found
    inputs = {
        name: run(needed, outputs, remake_damaged=remake_damaged, watch=watch)
        for name, needed in stage.inputs.items()
    }
    with hold(outputs / ".locks" / f"{stage.name}-{stage.fingerprint}.lock", f"the stage {stage.name}"):
        found = find(stage, outputs, remake_damaged=remake_damaged, discard=True)
        if found:
            tell(stage, "found", 0.0)
            return found
        tell(stage, "make", 0.0)
        seconds = _make(stage, outputs, inputs)
        tell(stage, "made", seconds)
    return Artifact(stage.path(outputs))


def find(
    stage: Stage, outputs: Path, *, remake_damaged: bool = False, discard: bool = False
) -> Artifact | None:
    """The stage's finished and sound artifact, or None. With `discard`, a damaged one is deleted."""
    artifact = Artifact(stage.path(outputs))
    if not (artifact / RECORD).exists():
        return None
    damage = artifact.damage() + list(_outdated(stage, artifact, outputs))
    if not damage:
        return artifact
    if not remake_damaged:
        raise ArtifactError(
            f"{artifact.path} is damaged: {'; '.join(damage)}. Put the files back, or add "
            "runtime.remake_damaged=true to make it again"
        )
    if discard:
        shutil.rmtree(artifact.path)
    return None


def finished(outputs: Path, stage: str) -> list[Path]:
    """The folders of all finished artifacts of a stage, by fingerprint."""
    return [record.parent for record in sorted(outputs.glob(f"{stage}/*/{RECORD}"))]


def by_fingerprint(word: str, outputs: Path, stage: str) -> Path | None:
    """The finished artifact whose fingerprint is `word`, or begins so; also as `<stage>/<word>`.

    Raises InputError where several begin so.
    """
    prefix = word.removeprefix(f"{stage}/")
    known = finished(outputs, stage) if len(prefix) >= FEWEST_DIGITS else []
    found = [folder for folder in known if folder.name.startswith(prefix)]
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise InputError(f"{word} begins {len(found)} fingerprints: {names}; give more digits")
    return found[0] if found else None


def _outdated(stage: Stage, artifact: Artifact, outputs: Path) -> Iterator[str]:
    """A recipe names its inputs by theirs, and a model that was trained twice may have other weights."""
    if MADE_WITH not in artifact.record["files"]:
        return
    for name, known in json.loads((artifact / MADE_WITH).read_text(encoding="utf-8")).items():
        needed = Artifact(stage.inputs[name].path(outputs))
        if (needed / RECORD).exists() and _weights(needed) != known:
            yield f"it was made with other weights than {needed.path.parent.name}/{needed.path.name} has now"


def _weights(artifact: Artifact) -> str | None:
    """A name for the weights that it holds; None where it holds none."""
    files = artifact.record["files"].items()
    held = {name: digest for name, digest in files if name.startswith("model/") and name.endswith(WEIGHTS)}
    return fingerprint(held) if held else None


def _make(stage: Stage, outputs: Path, inputs: Mapping[str, Artifact]) -> float:
    """Run the function, then write the record. Returns the seconds it took."""
    path = stage.path(outputs)
    path.mkdir(parents=True, exist_ok=True)
    started, clock = provenance.now(), time.monotonic()
    stage.function(**stage.config, **inputs, **stage.runtime, out=path)
    seconds = time.monotonic() - clock
    if weights := {name: known for name, needed in inputs.items() if (known := _weights(needed))}:
        write_json(weights, path / MADE_WITH)
    files = [file for file in files_below(path) if file.name != USAGE]
    usage, servers = _reported(path)
    record = {
        **stage.recipe,
        "fingerprint": stage.fingerprint,
        "files": {str(file.relative_to(path)): sha256(file) for file in files},
        "started": started,
        "seconds": round(seconds, 3),
        "machine": provenance.machine() | servers,
        "git": provenance.commit(),
        "packages": provenance.packages(),
        "usage": usage,
    }
    write_json(record, path / RECORD)
    (path / USAGE).unlink(missing_ok=True)
    return seconds


def _reported(path: Path) -> tuple[Row, Row]:
    """What the stage used (see `ledger.report`), and which servers answered: from here on in the record."""
    file = path / USAGE
    reported = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    usage = {name: reported.get(name, none) for name, none in dataclasses.asdict(Usage()).items()}
    return usage, {"servers": reported["servers"]} if "servers" in reported else {}

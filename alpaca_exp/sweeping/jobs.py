"""A job of a sweep: what it is known by, what it needs, and whether its result is there."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.artifacts import RECORD, Stage
from alpaca_exp.experiment import labels
from alpaca_exp.identity import fingerprint
from alpaca_exp.schemas import ExperimentConfig


@dataclass(frozen=True)
class Part:
    """One stage of a job: its name in the experiment, its artifact, and what that is made of."""

    name: str
    stage: str
    fingerprint: str
    inputs: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is called among files."""
        return f"{self.stage}-{self.fingerprint}"

    def made(self, outputs: Path) -> bool:
        """Whether the artifact is there; that it is sound is looked at by who reads it."""
        return (outputs / self.stage / self.fingerprint / RECORD).exists()


@dataclass(frozen=True)
class Job:
    """One configuration of a sweep, small enough to keep thousands of them."""

    number: int
    """Its folder in the sweep's; given once, and kept."""
    overrides: tuple[str, ...]
    label: str
    key: str
    """What it is known by: its stages' fingerprints, and where it stands in a table."""
    parts: tuple[Part, ...]
    choices: Mapping[str, str]
    packed: bytes

    @property
    def config(self) -> ExperimentConfig:
        """What it is to do."""
        config = pickle.loads(zlib.decompress(self.packed))
        assert isinstance(config, ExperimentConfig)
        return config

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprints by the parts of the experiment, as `run.json` has them."""
        return {part.name: part.fingerprint for part in self.parts}

    @property
    def needs(self) -> set[str]:
        """The fingerprints of all that it is made of."""
        return {part.fingerprint for part in self.parts}

    def has_result(self, sweep: Path, outputs: Path) -> bool:
        """Whether it came to its end, in this sweep's folder, and what it made is still there."""
        try:
            row = json.loads((sweep / str(self.number) / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        done = isinstance(row, dict) and row.get("status") == "done"
        same = done and row.get("artifacts") == self.fingerprints
        return same and all(part.made(outputs) for part in self.parts)


def job(
    config: ExperimentConfig,
    stages: Mapping[str, Stage],
    *,
    overrides: Sequence[str],
    choices: Mapping[str, str],
    label: str = "",
) -> Job:
    """The job that runs `stages`; not numbered yet."""
    parts = tuple(
        Part(name, stage.name, stage.fingerprint, tuple(n.fingerprint for n in stage.inputs.values()))
        for name, stage in stages.items()
    )
    told = {
        "stages": {part.name: part.fingerprint for part in parts},
        "place": [config.name, config.preset, config.scale, config.seed, labels(config, choices)],
    }
    packed = zlib.compress(pickle.dumps(config))
    return Job(-1, tuple(overrides), label, fingerprint(told), parts, dict(choices), packed)

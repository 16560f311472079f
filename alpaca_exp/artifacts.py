"""Stages and the artifacts they leave: find it, or make it.

A stage is a function, the config that identifies it, and the stages whose artifacts it reads.
An artifact is the folder `<outputs>/<stage>/<fingerprint>` that a finished stage leaves. Its
`record.json` is written last and atomically, so that it exists means that the stage finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

RECORD = "record.json"


@dataclass(frozen=True)
class Artifact:
    """The folder that a finished stage left behind."""

    path: Path

    def __truediv__(self, name: str) -> Path:
        """The file or folder `name` of this artifact."""
        return self.path / name


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

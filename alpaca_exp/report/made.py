"""How a run's artifacts were made, as their records tell: with what settings, by what code, at what cost."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp.errors import ArtifactError

STAGES = {"opponent": "complete", "base": "complete"}
"""The stage of a part of an experiment, where it is called otherwise."""


@dataclass(frozen=True)
class Made:
    """What a `record.json` says."""

    stage: str
    version: str
    git: str
    packages: Mapping[str, str]
    settings: Mapping[str, str]
    """Each field of its identity as text, by its key with dots: "trainer.learning_rate"."""
    usage: Mapping[str, float] | None
    """None where it does not say."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Its files below its folder, and the sha256 of each."""


def made(part: str, name: str, outputs: Path) -> Made | None:
    """How the artifact `name` of a part of an experiment was made; None where there is no record.

    Raises ArtifactError where the record cannot be read.
    """
    return _made(STAGES.get(part, part), name, outputs)


@functools.cache
def _made(stage: str, name: str, outputs: Path) -> Made | None:
    file = outputs.joinpath(stage, name, "record.json")
    try:
        record = json.loads(file.read_bytes())
        return _of_record(stage, record)
    except OSError:
        return None
    except (ValueError, TypeError, AttributeError):
        raise ArtifactError(
            f"{file} is not a record; delete {file.parent} and run again to remake it"
        ) from None


def _of_record(stage: str, record: Mapping[str, Any]) -> Made:
    version = {"lm-eval": record["identity"]["lm_eval"]} if "lm_eval" in record.get("identity", {}) else {}
    packages = {**record.get("packages", {}), **version}
    return Made(
        stage=stage,
        version=str(record.get("version", "")),
        git=str(record.get("git") or ""),
        packages={sys.intern(key): sys.intern(str(value)) for key, value in packages.items()},
        settings=dict(_leaves(record.get("identity", {}))),
        usage={"usd": 0.0, "usd_avoided": 0.0, "gpu_hours": 0.0, **record["usage"]}
        if "usage" in record
        else None,
        files={str(file): str(digest) for file, digest in dict(record.get("files", {})).items()},
    )


def _leaves(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        key = f"{above}.{name}" if above else name
        if isinstance(value, dict):
            yield from _leaves(value, key)
        else:
            yield sys.intern(key), sys.intern(_text(value))


def _text(value: Any) -> str:
    """As it would stand on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)

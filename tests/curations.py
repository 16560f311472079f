"""The stage curate on what the tiny world's teacher wrote, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.content import files_below, sha256
from alpaca_exp.identity import identity
from alpaca_exp.miniature.teacher import MiniatureTeacher
from alpaca_exp.records import Row, content_id, read_jsonl, write_json, write_jsonl
from alpaca_exp.schemas import (
    DatasetVariantConfig,
    MiniatureCriticConfig,
    MiniatureTeacherConfig,
    RuntimeConfig,
    WorldConfig,
)
from alpaca_exp.stages.curate import curate

WORLD = WorldConfig(people=24, corpus_tokens=120_000, tasks=160, questions=20, documents=40)
TEACHER = MiniatureTeacherConfig(model="miniature-teacher", world=WORLD, defect_rate=0.1)
CRITIC = MiniatureCriticConfig(
    model="miniature-critic", world=WORLD, recall=1.0, false_alarm=0.0, fixes=False
)
CLEANED: dict[str, Any] = {"rules": ["all"], "critic": True}


def generated_in(outputs: Path) -> Artifact:
    """What the stage generate leaves of the tiny world's teacher."""
    teacher = MiniatureTeacher(TEACHER)
    examples = [task.example(teacher.output(task, brief=True)) for task in teacher.world.offered[:120]]
    path = outputs / "generate" / "0123456789abcdef"
    path.mkdir(parents=True)
    rows = [
        {"id": content_id(one.instruction, one.input, one.output), "instruction": one.instruction}
        | {"input": one.input, "output": one.output}
        for one in examples
    ]
    write_jsonl({row["id"]: row for row in rows}.values(), path / "examples.jsonl")
    asked = identity(TEACHER)
    write_json({"identity": {"teacher": asked}, "files": {}, "usage": {}}, path / "record.json")
    return Artifact(path)


def curated(tmp_path: Path, name: str = "out", **told: Any) -> Path:
    """Run the stage; keyword arguments that are the variant's go to the variant."""
    own = {
        key: told.pop(key) for key in ("critic_model", "teacher", "rater", "examples", "seed") if key in told
    }
    out = tmp_path / "outputs" / "curate" / name
    out.mkdir(parents=True, exist_ok=True)
    curate(
        DatasetVariantConfig(**told),
        own.get("critic_model"),
        own.get("teacher"),
        own.get("seed", 0),
        rater=own.get("rater"),
        examples=own.get("examples"),
        runtime=RuntimeConfig(outputs=tmp_path / "outputs"),
        out=out,
    )
    return out


def rows(path: Path) -> list[Row]:
    return list(read_jsonl(path))


def card(out: Path) -> Row:
    loaded: Row = json.loads((out / "card.json").read_text(encoding="utf-8"))
    return loaded


def listing(out: Path) -> dict[str, str]:
    names = ("usage.json",)
    return {file.name: sha256(file) for file in files_below(out) if file.name not in names}

"""The reading page: this run's, the opponent's and the base's answers side by side, and the judge's words."""

from __future__ import annotations

import json
import os
from pathlib import Path

from alpaca_exp.artifacts import RECORD, Artifact
from alpaca_exp.reading.contents import Judged, questions, read_side
from alpaca_exp.reading.page import Contents, page
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.scoreboard import by_category, constant, named, notes

THIS_RUN, OPPONENT, BASE = "this run", "the opponent", "the base, untuned"


def compare(
    title: str,
    *,
    completions: Artifact,
    opponent: Artifact | None = None,
    verdicts: Artifact | None = None,
    scores: Artifact | None = None,
    base: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `index.html`: one self-contained page, all texts escaped, nothing loaded from elsewhere.

    What there is none of is left out. Questions come in the order of `completions`.
    """
    answers = {THIS_RUN: completions, OPPONENT: opponent, BASE: base}
    sides = [read_side(label, one / "completions.jsonl") for label, one in answers.items() if one]
    judged = Judged(OPPONENT, THIS_RUN, _rows(verdicts, "verdicts.jsonl"))
    contents = Contents(
        title,
        sides,
        questions([*sides[0].answers], sides, [judged]),
        scores=_scores(scores, verdicts),
        warnings=[*_flags(scores), *_notes(verdicts)],
        card=_card(completions),
    )
    draft = out / "index.html.draft"
    draft.write_text(page(contents), encoding="utf-8")
    os.replace(draft, out / "index.html")


def _card(completions: Artifact) -> str | None:
    """Where the data card lies, seen from this page: that of the data which the answering model learnt."""
    outputs = completions.path.parent.parent
    trained = _input(completions.path, "model")
    data = _input(outputs / "train" / trained, "dataset") if trained else None
    return f"../../curate/{data}/card.html" if data else None


def _input(folder: Path, name: str) -> str | None:
    """The fingerprint of what a stage read; None where it read none, or left no record."""
    if not (folder / RECORD).is_file():
        return None
    found = Artifact(folder).record.get("inputs", {}).get(name)
    return str(found) if found else None


def _rows(artifact: Artifact | None, name: str) -> list[Row]:
    return list(read_jsonl(artifact / name)) if artifact and (artifact / name).exists() else []


def _scores(evaluation: Artifact | None, judge: Artifact | None) -> list[Row]:
    """The rows of both, the evaluation's each with the best constant answer's score and its notes."""
    audits = _audits(evaluation)
    return [
        row | {"name": named(row), "constant": constant(row, audits), "notes": notes(row, audits)}
        for row in _rows(evaluation, "scores.jsonl") + _rows(judge, "scores.jsonl")
        if not by_category(row)
    ]


def _flags(evaluation: Artifact | None) -> list[str]:
    return [flag["sentence"] for audit in _audits(evaluation).values() for flag in audit.get("flags", [])]


def _notes(judge: Artifact | None) -> list[str]:
    """What the judge's scores must be read with; none where there is no file of it."""
    file = judge / "notes.json" if judge else None
    told = json.loads(file.read_text(encoding="utf-8"))["notes"] if file and file.exists() else []
    return [f"judge: {sentence}" for sentence in told]


def _audits(evaluation: Artifact | None) -> dict[str, Row]:
    """Each task's audit; none where there is no file of them."""
    file = evaluation / "audit.json" if evaluation else None
    told = json.loads(file.read_text(encoding="utf-8"))["tasks"] if file and file.exists() else []
    return {row["task"]: row for row in told}

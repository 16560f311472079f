"""The reading page: this run's, the opponent's and the base's answers side by side, and the judge's words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from alpaca_exp import prompts
from alpaca_exp.artifacts import RECORD, Artifact
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.scoreboard import constant, named, notes

THIS_RUN, OPPONENT = "this run", "the opponent"


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
    sides = [
        _side(THIS_RUN, completions),
        *([_side(OPPONENT, opponent)] if opponent else []),
        *([_side("the base, untuned", base)] if base else []),
    ]
    readings = _by_question(_rows(verdicts, "verdicts.jsonl"))
    questions = [_question(row, sides, readings.get(name, [])) for name, row in sides[0].answers.items()]
    table = _scores(scores, verdicts)
    warnings = [flag["sentence"] for audit in _audits(scores).values() for flag in audit.get("flags", [])]
    draft = out / "index.html.draft"
    draft.write_text(_page(title, sides, questions, table, warnings, _card(completions)), encoding="utf-8")
    os.replace(draft, out / "index.html")


@dataclass(frozen=True)
class _Side:
    """One column of the page: whose answers, by question."""

    label: str
    model: str
    answers: dict[str, Row]


def _side(label: str, completions: Artifact) -> _Side:
    rows = list(read_jsonl(completions / "completions.jsonl", ("question_id", "prompt", "text")))
    model = str(rows[0].get("model", "unknown")) if rows else "unknown"
    return _Side(label, model, {str(row["question_id"]): row for row in rows})


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
    ]


def _audits(evaluation: Artifact | None) -> dict[str, Row]:
    """Each task's audit; none where there is no file of them."""
    file = evaluation / "audit.json" if evaluation else None
    told = json.loads(file.read_text(encoding="utf-8"))["tasks"] if file and file.exists() else []
    return {row["task"]: row for row in told}


def _by_question(verdicts: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for verdict in verdicts:
        found.setdefault(str(verdict["question_id"]), []).append(verdict)
    return found


def _question(row: Row, sides: Sequence[_Side], verdicts: Sequence[Row]) -> Row:
    name = str(row["question_id"])
    marks = _marks(verdicts)
    return {
        "id": name,
        "category": row.get("category") or "",
        "text": asked(row["prompt"]),
        "answers": [_answer(side, name, marks.get(side.label)) for side in sides],
        "verdicts": [{"order": _order(verdict), "text": verdict.get("text") or ""} for verdict in verdicts],
    }


def asked(prompt: str) -> str:
    """The question within a prompt: without Alpaca's frame, or the frame that a teacher is asked in."""
    _, framed, rest = prompt.partition("### Instruction:\n")
    if framed:
        return rest.partition("\n\n### Response:")[0].replace("\n\n### Input:\n", "\n").strip()
    if "\n[Instruction]\n" in prompt:
        parts = (prompts.section(prompt, "Instruction"), prompts.section(prompt, "Input"))
        return "\n".join(part for part in parts if part)
    return prompt.strip()


def _answer(side: _Side, question: str, score: float | None) -> Row:
    row = side.answers.get(question)
    text = str(row["text"]) if row else ""
    return {
        "label": side.label,
        "missing": row is None,
        "text": text,
        "words": len(text.split()),
        "score": score,
        "cut": row is not None and row.get("finish_reason") == "length",
    }


def _marks(verdicts: Sequence[Row]) -> Mapping[str, float | None]:
    """The judge's mean score of the two answers over its readings; in verdicts, model 2 is this run."""
    given = {
        label: [row[score] for row in verdicts if row.get(score) is not None]
        for label, score in ((OPPONENT, "score_1"), (THIS_RUN, "score_2"))
    }
    return {label: fmean(values) if values else None for label, values in given.items()}


def _order(verdict: Row) -> str:
    first = OPPONENT if verdict.get("order") == "12" else THIS_RUN
    unread = "" if verdict.get("parsed", True) else "; no scores could be read"
    return f"{first} shown first{unread}"


def _page(
    title: str,
    sides: Sequence[_Side],
    questions: Sequence[Row],
    scores: Sequence[Row],
    warnings: Sequence[str],
    card: str | None,
) -> str:
    from jinja2 import Environment, StrictUndefined

    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters["number"] = _number
    pages.filters["aligned"] = _aligned
    template = Path(__file__).with_name("compare.html.j2").read_text(encoding="utf-8")
    told: Row = {"title": title, "sides": sides, "questions": questions, "card": card}
    told |= {"scores": scores, "warnings": warnings}
    return pages.from_string(template).render(**told)


def _number(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:.3f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _aligned(value: float | None) -> str:
    """For a column of numbers: as many decimals everywhere."""
    return "\u2013" if value is None else f"{value:.3f}"

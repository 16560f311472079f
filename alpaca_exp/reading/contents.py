"""What stands on the reading page: for each question the answers of all sides, and what a judge said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from alpaca_exp import prompts
from alpaca_exp.records import Row, read_jsonl

INSPECTION = "inspection"
"""The category of the prompts that are answered to be read, not judged; what each is about is its kind."""
EQUAL = 1e-9
"""A mean preference as near as this to a half is a half."""


@dataclass(frozen=True)
class Side:
    """One column of the page: whose answers, by question."""

    label: str
    model: str
    answers: Mapping[str, Row]


@dataclass(frozen=True)
class Judged:
    """A judge's verdicts on two sides, by their labels; a side that is not on the page may be among them."""

    label_1: str
    label_2: str
    verdicts: Sequence[Row]


def read_side(label: str, file: Path) -> Side:
    """The answers of a `completions.jsonl`. Raises InputError where one lacks its question or its text."""
    rows = list(read_jsonl(file, ("question_id", "prompt", "text")))
    model = str(rows[0].get("model") or "unknown") if rows else "unknown"
    return Side(label, model, {str(row["question_id"]): row for row in rows})


def questions(names: Sequence[str], sides: Sequence[Side], judged: Sequence[Judged] = ()) -> list[Row]:
    """One row for each of the question_ids `names`, in their order; texts are those of the first side."""
    found = [(one, _by_question(one.verdicts)) for one in judged]
    told = []
    for name in names:
        here = [Judged(one.label_1, one.label_2, rows.get(name, [])) for one, rows in found]
        told.append(_question(name, sides, here))
    return told


def asked(prompt: str) -> str:
    """The question within a prompt: without Alpaca's frame, or the frame that a teacher is asked in."""
    _, framed, rest = prompt.partition("### Instruction:\n")
    if framed:
        return rest.partition("\n\n### Response:")[0].replace("\n\n### Input:\n", "\n").strip()
    if "\n[Instruction]\n" in prompt:
        parts = (prompts.section(prompt, "Instruction"), prompts.section(prompt, "Input"))
        return "\n".join(part for part in parts if part)
    return prompt.strip()


def _by_question(verdicts: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for verdict in verdicts:
        found.setdefault(str(verdict["question_id"]), []).append(verdict)
    return found


def _question(name: str, sides: Sequence[Side], judged: Sequence[Judged]) -> Row:
    row = next(side.answers[name] for side in sides if name in side.answers)
    category, kind = _place(row)
    marks = _marks(judged)
    answers = [_answer(side, name, marks.get(side.label)) for side in sides]
    return {
        "id": name,
        "category": category,
        "kind": kind,
        "text": asked(str(row["prompt"])),
        "answers": [_beside(answer, answers) for answer in answers],
        "verdicts": [_verdict(one, row, len(judged) > 1) for one in judged for row in one.verdicts],
        "judged": sorted({label for one in judged if one.verdicts for label in (one.label_1, one.label_2)}),
        "preferred": sorted({label for one in judged for label in _preferred(one)}),
        "found": sorted({word for one in judged for word in _remarkable(one)}),
    }


def _place(row: Row) -> tuple[str, str]:
    """Category and kind of a question."""
    category, kind = str(row.get("category") or ""), str(row.get("kind") or "")
    if row.get("inspection"):
        category, kind = INSPECTION, kind or category
    return category or (INSPECTION if kind else ""), kind.replace("_", " ")


def _answer(side: Side, question: str, score: float | None) -> Row:
    row = side.answers.get(question)
    text = str(row["text"]) if row else ""
    cut = row is not None and row.get("finish_reason") == "length"
    return {
        "label": side.label,
        "missing": row is None,
        "text": text,
        "words": len(text.split()),
        "score": score,
        "cut": cut,
    }


def _beside(answer: Row, answers: Sequence[Row]) -> Row:
    """The answer with its length beside that of the first side's answer and of the longest one."""
    first, longest = answers[0], max(one["words"] for one in answers)
    compared = answer is not first and not answer["missing"] and not first["missing"]
    more = answer["words"] - first["words"] if compared else None
    return answer | {"more": more, "share": round(100 * answer["words"] / longest) if longest else 0}


def _marks(judged: Sequence[Judged]) -> Mapping[str, float]:
    """The judge's mean score of each side's answer over its readings."""
    given: dict[str, list[float]] = {}
    for one in judged:
        for label, key in ((one.label_1, "score_1"), (one.label_2, "score_2")):
            given.setdefault(label, []).extend(row[key] for row in _first(one) if row.get(key) is not None)
    return {label: fmean(values) for label, values in given.items() if values}


def _first(one: Judged) -> list[Row]:
    """The verdicts that count: without those that were asked for again, to see whether the judge repeats."""
    return [row for row in one.verdicts if not row.get("retest")]


def _preferences(one: Judged) -> list[float]:
    """How far each reading prefers the second side, from 0 to 1."""
    return [row["preference"] for row in _first(one) if row.get("preference") is not None]


def _preferred(one: Judged) -> Iterator[str]:
    given = _preferences(one)
    if given and abs(fmean(given) - 0.5) > EQUAL:
        yield one.label_2 if fmean(given) > 0.5 else one.label_1


def _remarkable(one: Judged) -> Iterator[str]:
    """By what else verdicts are looked for."""
    given = _preferences(one)
    if given and abs(fmean(given) - 0.5) <= EQUAL:
        yield "equal"
    if given and min(given) < 0.5 < max(given):
        yield "disagree"
    if not all(row.get("parsed", True) for row in one.verdicts):
        yield "unread"


def _verdict(one: Judged, row: Row, several: bool) -> Row:
    """One reading: of which pair, whose answer was shown first, what was given, and the judge's words."""
    pair = f"{one.label_2} and {one.label_1}: " if several else ""
    first = one.label_1 if row.get("order") == "12" else one.label_2
    shown = "each rated by itself" if row.get("protocol") == "single" else f"{first} shown first"
    again = "; asked again" if row.get("retest") else ""
    unread = "" if row.get("parsed", True) else "; no verdict could be read"
    return {
        "order": f"{pair}{shown}{again}{unread}",
        "given": _given(one, row),
        "text": row.get("text") or "",
    }


def _given(one: Judged, row: Row) -> str:
    pairs = ((one.label_2, row.get("score_2")), (one.label_1, row.get("score_1")))
    scores = [f"{label} {score:g}" for label, score in pairs if score is not None]
    if scores or row.get("preference") is None:
        return ", ".join(scores)
    preference = row["preference"]
    if preference == 0.5:
        return "neither is preferred"
    label, share = (one.label_2, preference) if preference > 0.5 else (one.label_1, 1 - preference)
    return f"{label} is preferred" + (f" ({share:.2f})" if share < 1 else "")

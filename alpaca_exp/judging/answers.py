"""Answers that others gave to the judge's questions, from a file."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from alpaca_exp.cleaning.files import Unusable, records
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, content_id

FORMATS = (
    "question_id and text (Vicuna's, or our completions.jsonl), question_id and choices (MT-bench's), or "
    "instruction and output (AlpacaEval's)"
)


ANSWERED = ("model", "model_id", "answer_id", "generator", "prompt", "choices", "output", "usage")
"""A row with a category and none of these keys is a question: of an answer it is told whose it is."""
REMEDY = "give answers to the same questions, or set judge.opponent=teacher"
NAMED = 5


def answers_to(rows: Sequence[Row], file: Path) -> dict[str, Row]:
    """By question: what `file` answers to those of `rows` (questions.load_prompts) that it knows.

    Raises InputError as `load_answers` does, where it answers none of the questions that are judged, where
    its answer of a question's id is to another question, and where its answers are the questions themselves.
    """
    known = load_answers(file)
    found: dict[str, Row] = {}
    for row in rows:
        answer = known.get(row["question_id"])
        if answer is None:
            continue
        asked = str(answer.get("prompt") or row["text"])
        if row["text"].strip() not in asked:
            raise InputError(
                f"{file} answers another question {row['question_id']}: {_instruction(asked)[:60]!r}, "
                f"where {row['text'][:60]!r} was asked; {REMEDY}"
            )
        found[row["question_id"]] = answer
    if not any(row["question_id"] in found for row in rows if not row.get("inspection")):
        raise InputError(f"{file} has no answer to {unanswered(rows, found)}; {REMEDY}")
    repeated = [row for row in rows if _repeats(row, found.get(row["question_id"]))]
    if len(repeated) > len(found) / 2:
        raise InputError(f"{file} holds the questions, not answers to them; {REMEDY}")
    return found


def unchecked(rows: Sequence[Row], found: Mapping[str, Row]) -> int:
    """How many answers tell no question, so that only their ids say to which of `rows` they belong."""
    return sum(not found[row["question_id"]].get("prompt") for row in rows if row["question_id"] in found)


def unanswered(rows: Sequence[Row], found: Container[str]) -> str:
    """Which of the questions that are judged have no answer: "2 of the 9 questions (a, b)"; else empty."""
    asked = [row["question_id"] for row in rows if not row.get("inspection")]
    missing = [name for name in asked if name not in found]
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    named = f"{', '.join(missing[:NAMED])}{more}"
    return f"{len(missing)} of the {len(asked)} questions ({named})" if missing else ""


def load_answers(file: Path) -> dict[str, Row]:
    """By question: the rows of `file`, each with `text`, `model` and, where it is told, `prompt`.

    Of several turns it is the answer to the first. Raises InputError, with file and line, where one is
    broken, or is another answer to a question that was answered before, and where all are questions.
    """
    asked = True
    found: dict[str, Row] = {}
    places: dict[str, str] = {}
    for record in records(file):
        where = f"{file}, {record.unit} {record.number}"
        if isinstance(record.value, Unusable):
            raise InputError(f"{where}, {record.value}; mend or remove it")
        name, answer = _answer(record.value, where)
        asked = asked and "category" in record.value and not any(key in record.value for key in ANSWERED)
        if name in found and found[name]["text"] != answer["text"]:
            raise InputError(
                f"{where}, is another answer to question {name} than {places[name]}; leave one of them"
            )
        places[name] = f"{record.unit} {record.number}"
        found[name] = {**answer, "model": answer.get("model") or file.stem}
    if found and asked:
        raise InputError(
            f"{file} holds questions, not answers: no row tells whose answer it is; give a file of answers, "
            "or add a model to each row"
        )
    return found


def _repeats(question: Row, answer: Row | None) -> bool:
    return answer is not None and answer["text"].strip() == question["text"].strip()


def _instruction(prompt: str) -> str:
    """What was asked, without Alpaca's frame around it."""
    framed = prompt.partition("### Instruction:\n")[2].partition("\n\n### ")[0]
    return framed or prompt


def _answer(row: Row, where: str) -> tuple[str, Row]:
    """The question's id, and the answer."""
    told = dict(row)
    if "instruction" in row and "output" in row:
        told = {**row, "text": row["output"], "prompt": row["instruction"], "model": row.get("generator")}
        told.setdefault("question_id", content_id(str(row["instruction"])))
    elif "choices" in row and "text" not in row:
        try:
            turns = row["choices"][0]["turns"]
            told["text"] = turns if isinstance(turns, str) else turns[0]
        except (IndexError, KeyError, TypeError):
            raise InputError(f"{where}, has no choices with turns; an answer has {FORMATS}") from None
    missing = [key for key in ("question_id", "text") if key not in told]
    if missing:
        raise InputError(f"{where}, lacks {', '.join(missing)}; an answer has {FORMATS}")
    if not isinstance(told["text"], str):
        raise InputError(f"{where}, has an answer that is no text ({told['text']!r:.40}); give a text")
    told["model"] = str(told.get("model") or told.get("model_id") or "")
    return str(told["question_id"]), told

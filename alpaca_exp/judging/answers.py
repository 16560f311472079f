"""Answers that others gave to the judge's questions, from a file."""

from __future__ import annotations

from pathlib import Path

from alpaca_exp.cleaning.files import Unusable, records
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, content_id

FORMATS = (
    "question_id and text (Vicuna's, or our completions.jsonl), question_id and choices (MT-bench's), or "
    "instruction and output (AlpacaEval's)"
)


def load_answers(file: Path) -> dict[str, Row]:
    """By question: the rows of `file`, each with `text`, `model` and, where it is told, `prompt`.

    Of several turns it is the answer to the first. A later line of one question takes the place of an
    earlier one. Raises InputError, with file and line, where one is broken.
    """
    found = {}
    for record in records(file):
        where = f"{file}, {record.unit} {record.number}"
        if isinstance(record.value, Unusable):
            raise InputError(f"{where}, {record.value}; mend or remove it")
        name, answer = _answer(record.value, where)
        found[name] = {**answer, "model": answer.get("model") or file.stem}
    return found


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

"""The questions that are answered and whose answers are compared."""

from __future__ import annotations

from collections import Counter

from alpaca_exp.errors import InputError
from alpaca_exp.paths import find
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import FileQuestionsConfig, QuestionsConfig, WorldQuestionsConfig


def load_questions(config: QuestionsConfig) -> list[Row]:
    """The first `config.limit` questions: rows with `question_id` (text), `text`, `category`.

    Raises InputError where a line is broken, an id occurs twice, or there is no question at all.
    """
    rows = _rows(config)
    counts = Counter(row["question_id"] for row in rows)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise InputError(f"The question_id {twice[0]} occurs twice in {_origin(config)}; ids must differ")
    if not rows:
        raise InputError(f"{_origin(config)} holds no question; put one JSON object on each line")
    return rows[: config.limit]


def _rows(config: QuestionsConfig) -> list[Row]:
    match config:
        case FileQuestionsConfig():
            rows = list(read_jsonl(find(config.file), required=("question_id", "text")))
        case WorldQuestionsConfig():
            from alpaca_exp.miniature.questions import questions

            rows = questions(config.world)
        case _:
            raise InputError(f"{type(config).__name__} names no questions; use a file's or a world's")
    return [{"category": "", **row, "question_id": str(row["question_id"])} for row in rows]


def _origin(config: QuestionsConfig) -> str:
    return str(config.file) if isinstance(config, FileQuestionsConfig) else "the world"

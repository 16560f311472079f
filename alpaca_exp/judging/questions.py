"""The questions that are answered and whose answers are compared, from a file or a made-up world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from alpaca_exp.cleaning.files import Unusable, records
from alpaca_exp.errors import InputError
from alpaca_exp.paths import find
from alpaca_exp.records import Row, content_id
from alpaca_exp.schemas import FileQuestionsConfig, QuestionsConfig, WorldQuestionsConfig

FORMATS = "question_id and text (Vicuna's), question_id and turns (MT-bench's), or instruction (AlpacaEval's)"


def load_questions(config: QuestionsConfig) -> list[Row]:
    """The first `config.limit` questions: rows with `question_id` (text), `text`, `category`.

    Where one is known, `reference` is a right answer. Other keys are kept. Raises InputError, with file and
    line, where one is broken, where an id occurs twice, or where there is no question at all.
    """
    match config:
        case FileQuestionsConfig():
            rows = _read(config.file)
        case WorldQuestionsConfig():
            from alpaca_exp.miniature.questions import questions

            rows = questions(config.world)
        case _:
            raise InputError(f"{type(config).__name__} names no questions; use a file's or a world's")
    return rows[: config.limit]


def load_prompts(config: QuestionsConfig) -> list[Row]:
    """All that is answered: the questions, then the prompts for the reading page, marked `inspection`.

    Raises InputError as `load_questions` does, also where a prompt and a question have the same id.
    """
    rows = load_questions(config)
    file = config.inspection if isinstance(config, FileQuestionsConfig) else None
    if file is None:
        return rows
    prompts = _read(file)[: config.limit]
    taken = {row["question_id"] for row in rows} & {row["question_id"] for row in prompts}
    if taken:
        raise InputError(
            f"{file} has the id {min(taken)} of a question; rename it there, or leave the file "
            "out: judge.questions.inspection=null"
        )
    return rows + [{**row, "inspection": True} for row in prompts]


def _read(file: Path) -> list[Row]:
    rows = [_question(row, f"{file}, {place}") for place, row in _objects(find(file))]
    counts = Counter(row["question_id"] for row in rows)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise InputError(f"The question_id {twice[0]} occurs twice in {file}; ids must differ")
    if not rows:
        raise InputError(f"{file} holds no question; put one JSON object on each line")
    return rows


def _objects(file: Path) -> Iterator[tuple[str, Row]]:
    """The objects of JSON lines or a JSON array, each with its place in the file."""
    for record in records(file):
        if isinstance(record.value, Unusable):
            raise InputError(f"{file}, {record.unit} {record.number}, {record.value}; mend or remove it")
        yield f"{record.unit} {record.number}", record.value


def _question(row: Row, where: str) -> Row:
    """One question as all formats have it; each is told by its keys."""
    if "turns" in row:
        text = row["turns"][0] if isinstance(row["turns"], list) and row["turns"] else None
        told = {**row, "text": text}
    elif "prompt_id" in row:
        told = {**row, "question_id": row["prompt_id"], "category": row.get("kind") or ""}
    elif "instruction" in row and "text" not in row:
        text = row["instruction"]
        told = {**row, "text": text, "category": row.get("dataset") or ""}
        told["question_id"] = row.get("question_id", content_id(str(text)))
    else:
        told = dict(row)
    missing = [key for key in ("question_id", "text") if key not in told]
    if missing:
        raise InputError(f"{where}, lacks {', '.join(missing)}; a question has {FORMATS}")
    if not isinstance(told["text"], str) or not told["text"].strip():
        raise InputError(
            f"{where}, has no question in it, only {str(told['text'])[:40]!r}; write one or remove it"
        )
    if isinstance(told["question_id"], bool) or not isinstance(told["question_id"], str | int):
        raise InputError(f"{where}, has a question_id that is neither a number nor a name; give it one")
    told |= {"question_id": str(told["question_id"]), "category": str(told.get("category") or "")}
    return told | _reference(told, where)


def _reference(row: Row, where: str) -> Row:
    """The right answer to the question that is put: of several turns, the first one's."""
    given = row.get("reference")
    first = (given[0] if given else "") if isinstance(given, list) else given
    if first is not None and not isinstance(first, str):
        raise InputError(f"{where}, has a reference that is no text; give a text or leave it out")
    return {"reference": first} if "reference" in row else {}

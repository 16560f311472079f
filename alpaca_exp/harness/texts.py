"""The texts of a suite's documents as its models read them, for finding them again elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lm_eval.api.task import Task

from alpaca_exp.cleaning.overlap import Document
from alpaca_exp.harness.contamination import question_texts
from alpaca_exp.harness.quiet import muted
from alpaca_exp.harness.tasks import load_tasks
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.schemas import EvalSuiteConfig, QuestionsConfig

EXEMPLARS = 300
"""Documents of a task, at equal distances, from which its wording is told where only some are scored."""


def suite_texts(
    suite: EvalSuiteConfig,
    documents: Mapping[str, Path],
    questions: QuestionsConfig | None = None,
    *,
    offline: bool,
) -> list[Document]:
    """The documents of all tasks of `suite`, and the judge's questions as those of one more task.

    See `task_texts`. Raises InputError as `load_tasks` and `load_questions` do.
    """
    tasks = load_tasks(suite, documents, offline=offline)
    texts = [text for name, task in tasks.items() for text in task_texts(name, task, suite.limit)]
    return texts + question_texts(load_questions(questions) if questions else [])


def task_texts(name: str, task: Task, limit: int | None) -> Iterator[Document]:
    """The documents that are scored under `limit`, and as not scored some others of the same task.

    A text is what lm-eval makes of a document: the bare prompt, without solved examples or a frame
    around it, and every choice or target. `doc_id` is lm-eval's own.
    """
    docs = task.task_docs
    scored = len(docs) if limit is None else min(limit, len(docs))
    others = range(scored, len(docs), max(1, len(docs) // EXEMPLARS))
    with muted():
        for place in (*range(scored), *others):
            yield _document(name, task, place, docs[place], place < scored)


def _document(name: str, task: Task, place: int, doc: Any, scored: bool) -> Document:
    delimiter = task.config.target_delimiter
    prompt, target = task.doc_to_text(doc), task.doc_to_target(doc)
    choices = task.doc_to_choice(doc) if task.config.doc_to_choice is not None else []
    if getattr(task, "multiple_input", 0):
        # Each choice is a prompt of its own, and what follows is the same.
        prompt, follows = "", [f"{choice}{delimiter}{target}" for choice in choices]
    else:
        targets = target if isinstance(target, list) else [target]
        texts = choices or [each for each in targets if isinstance(each, str)]
        follows = [f"{delimiter}{text}" for text in texts]
    return Document(name, place, str(prompt), tuple(follows), scored)

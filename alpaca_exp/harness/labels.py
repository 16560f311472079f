"""Whether the documents of any task have a right choice: without one they would score 0 without a word."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from lm_eval.api.task import Task

from alpaca_exp.errors import InputError


def check_labels(name: str, task: Task) -> None:
    """Raises InputError for the first document whose label names none of its choices, with its number.

    Of tasks that lm-eval itself scores by choices; those with a scoring of their own know their labels.
    """
    if task.OUTPUT_TYPE != "multiple_choice" or task.config.process_results is not None:
        return
    if task.config.doc_to_choice is None:
        return
    for number, document in enumerate(task.task_docs, start=1):
        try:
            choices = list(task.doc_to_choice(document))
            several = getattr(task, "multiple_input", 0)
            told = task.doc_to_text(document) if several else task.doc_to_target(document)
        except Exception as error:  # whatever a task's own code raises on a document not made for it
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"document {number} of the task {name} does not suit it ({reason}); mend or remove it"
            ) from error
        wrong = [
            label for label in (told if isinstance(told, list) else [told]) if _chooses_none(label, choices)
        ]
        if wrong:
            raise InputError(
                f"document {number} of the task {name} has the label {wrong[0]!r}, which is none of its "
                f"{len(choices)} choices; mend or remove it"
            )


def _chooses_none(label: Any, choices: list[Any]) -> bool:
    if isinstance(label, str):
        return label not in choices
    return label is None or (isinstance(label, Integral) and not 0 <= int(label) < len(choices))

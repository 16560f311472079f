"""What the rows of the known tasks must hold: their columns, of which kind, and a label that chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alpaca_exp.harness.names import StockTask
from alpaca_exp.records import Row

Fault = Callable[[Row], str | None]
"""Says what is wrong with a row; None of one that can be scored."""


def read_columns(task: StockTask) -> tuple[str, ...]:
    """The columns that a task is known to read; empty where only loading it tells."""
    return tuple(KINDS.get(_known(task), ()))


def row_fault(task: StockTask) -> Fault | None:
    """What looks at one of the task's rows; None where only loading it tells."""
    kinds, labelled = KINDS.get(_known(task)), LABELS.get(_known(task))
    if kinds is None:
        return None

    def fault(row: Row) -> str | None:
        unfit = (said for column, kind in kinds.items() if (said := _unfit(row, column, kind)))
        return next(unfit, None) or (labelled(row) if labelled else None)

    return fault


def _known(task: StockTask) -> str:
    return task.name if task.name in KINDS else str(task.config.get("dataset_path"))


def _unfit(row: Row, column: str, kind: str) -> str | None:
    if column not in row:
        return f"lacks {column}"
    value = row[column]
    return None if IS[kind](value) else f"{column} is {_shown(value)}, not {kind}"


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _is_options(value: Any) -> bool:
    return _paired(value, "text", "label") and _is_texts(value["label"])


def _is_answers(value: Any) -> bool:
    return _paired(value, "choices", "labels") and set(value["labels"]) <= {0, 1}


def _paired(value: Any, texts: str, labels: str) -> bool:
    """Whether it holds as many labels as texts."""
    if not isinstance(value, dict) or not _is_texts(value.get(texts)):
        return False
    return isinstance(value.get(labels), list) and len(value[labels]) == len(value[texts])


def _one_of(column: str, *choices: str) -> Fault:
    """A whole number below the number of choices, or one of them word for word: what lm-eval understands."""
    return lambda row: _choice(row, column, choices)


def _one_of_columns(column: str, *choices: str) -> Fault:
    return lambda row: _choice(row, column, [row[choice] for choice in choices])


def _choice(row: Row, column: str, choices: Sequence[str]) -> str | None:
    label = row[column]
    if label in choices if isinstance(label, str) else 0 <= label < len(choices):
        return None
    return f"{column} is {_shown(label)}, not a whole number from 0 to {len(choices) - 1}"


def _ending(row: Row) -> str | None:
    """HellaSwag's label is a number or its digits."""
    label, count = row["label"], len(row["endings"])
    if str(label).isdecimal() and int(label) < count:
        return None
    return f"label is {_shown(label)}, and there are {count} endings, counted from 0"


def _letter(row: Row) -> str | None:
    known = row["choices"]["label"]
    if row["answerKey"] in known:
        return None
    return f"answerKey is {_shown(row['answerKey'])}, which is none of choices.label ({', '.join(known)})"


def _of_four(row: Row) -> str | None:
    if len(row["choices"]) != 4:
        return f"there are {len(row['choices'])} choices, not 4"
    return _choice(row, "answer", ["A", "B", "C", "D"])


def _blank(row: Row) -> str | None:
    if "_" not in row["sentence"]:
        return 'sentence has no "_", where an option is put'
    return None if row["answer"] in ("1", "2") else f'answer is {_shown(row["answer"])}, not "1" or "2"'


def _first_is_true(row: Row) -> str | None:
    """lm-eval takes the first choice for the true one, whatever the labels say."""
    labels = row["mc1_targets"]["labels"]
    return None if labels == [1] + [0] * (len(labels) - 1) else "mc1_targets.labels is not one 1, then 0s"


def _true_and_false(row: Row) -> str | None:
    """With one kind alone there is nothing to tell apart."""
    fine = {0, 1} == set(row["mc2_targets"]["labels"])
    return None if fine else "mc2_targets.labels does not hold both 1 and 0"


def _shown(value: Any) -> str:
    """As JSON and this project's configuration write it; of a long one its beginning."""
    text = "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


TEXT, TEXTS, LABEL = "a text", "a list of texts", "a whole number or a text"
WHOLE, NUMBER = "a whole number", "a number"
OPTIONS = "{text: [...], label: [...]} of texts"
ANSWERS = "{choices: [...], labels: [...]} of texts and of 1 or 0"
IS: Mapping[str, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    TEXTS: _is_texts,
    OPTIONS: _is_options,
    ANSWERS: _is_answers,
    LABEL: lambda value: isinstance(value, int | str),
    WHOLE: lambda value: isinstance(value, int),
    NUMBER: lambda value: isinstance(value, int | float) and value == value,
}
KINDS: Mapping[str, Mapping[str, str]] = {
    "allenai/ai2_arc": {"question": TEXT, "choices": OPTIONS, "answerKey": TEXT},
    "boolq": {"passage": TEXT, "question": TEXT, "label": LABEL},
    "cais/mmlu": {"question": TEXT, "choices": TEXTS, "answer": LABEL},
    "hellaswag": {"activity_label": TEXT, "ctx_a": TEXT, "ctx_b": TEXT, "endings": TEXTS, "label": LABEL},
    "jannalu/crows_pairs_multilingual": {"sent_more": TEXT, "sent_less": TEXT},
    "openbookqa": {"question_stem": TEXT, "choices": OPTIONS, "answerKey": TEXT},
    "oskarvanderwal/bbq": {
        **{"category": TEXT, "context": TEXT, "question": TEXT},
        **{"ans0": TEXT, "ans1": TEXT, "ans2": TEXT, "label": WHOLE},
    },
    "oskarvanderwal/simple-cooccurrence-bias": {"sentence": TEXT},
    "oskarvanderwal/winogender": {
        **{"sentence": TEXT, "pronoun": TEXT, "occupation": TEXT, "participant": TEXT},
        "label": LABEL,
    },
    "piqa": {"goal": TEXT, "sol1": TEXT, "sol2": TEXT, "label": LABEL},
    "toxigen": {"text": TEXT, "toxicity_ai": NUMBER, "toxicity_human": NUMBER},
    "truthfulqa_gen": {"question": TEXT, "correct_answers": TEXTS, "incorrect_answers": TEXTS},
    "truthfulqa_mc1": {"question": TEXT, "mc1_targets": ANSWERS},
    "truthfulqa_mc2": {"question": TEXT, "mc2_targets": ANSWERS},
    "winogrande": {"sentence": TEXT, "option1": TEXT, "option2": TEXT, "answer": TEXT},
}
"""The hub's columns that tasks read, by task or by data set; any other's are checked when it is loaded."""
LABELS: Mapping[str, Fault] = {
    "allenai/ai2_arc": _letter,
    "boolq": _one_of("label", "no", "yes"),
    "cais/mmlu": _of_four,
    "hellaswag": _ending,
    "openbookqa": _letter,
    "oskarvanderwal/bbq": _one_of_columns("label", "ans0", "ans1", "ans2"),
    "oskarvanderwal/winogender": _one_of_columns("label", "occupation", "participant"),
    "piqa": _one_of_columns("label", "sol1", "sol2"),
    "truthfulqa_mc1": _first_is_true,
    "truthfulqa_mc2": _true_and_false,
    "winogrande": _blank,
}
"""What of a row says which choice is right, where its columns are of their kinds."""

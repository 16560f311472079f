"""What it is tuned on: the data set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Optional

from alpaca_exp.schemas.fields import at_least, identity, identity_by_content

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class Answers(Enum):
    """Who wrote the outputs of a data set."""

    source = "source"
    teacher = "teacher"


class NoAnswer(Enum):
    """What becomes of a row whose new answer is empty, refused or cut off."""

    remove = "remove"
    keep = "keep"


class Task(Enum):
    """Which rows are instances of one task."""

    instruction = "instruction"
    pattern = "pattern"


class OnError(Enum):
    """What happens to rows of a source that cannot be used: all named and an end, or left out and counted."""

    stop = "stop"
    skip = "skip"


class Decontaminate(Enum):
    """What happens to rows that hold documents of the evaluation: they are reported, or removed as well."""

    none = "none"
    remove = "remove"


class FileFormat(Enum):
    """How a data set lies on disk."""

    jsonl = "jsonl"
    parquet = "parquet"


@dataclass
class ColumnsConfig:
    """In which columns a source has the three fields, or a conversation; null: under the usual names."""

    instruction: Optional[str] = identity("the column of the instruction", None)
    input: Optional[str] = identity("the column of the input", None)
    output: Optional[str] = identity("the column of the output", None)
    messages: Optional[str] = identity("the column of a conversation of one question and its answer", None)

    def given(self) -> dict[str, str]:
        """Field -> column, of those that are set."""
        return {name: column for name, column in vars(self).items() if column is not None}


@dataclass
class DatasetVariantConfig:
    """What is tuned on: its source, its answers' author, its cap, its cleaning, its size."""

    source: Optional[Path] = identity("a file: JSON, JSON lines, Parquet; null: the teacher's data", None)
    hub: Optional[str] = identity_by_content("a data set of the hub, or its folder, in place of a file", None)
    revision: Optional[str] = identity("with hub: the commit, 40 hex digits", None)
    split: str = identity("with hub: which split", "train")
    hub_config: Optional[str] = identity("with hub: which configuration; null: its default", None)
    published: Optional[str] = identity("the published file that `source` must be, such as alpaca", None)
    columns: ColumnsConfig = identity("unusual columns: {instruction: task, output: reply}", ColumnsConfig)
    on_error: OnError = identity("rows that cannot be used: stop, or skip and count them", OnError.stop)
    source_teacher: str = identity("who wrote the answers of the source, as far as is known", "unknown")
    source_cap: Optional[str] = identity(
        "words in the length sentence that the source was asked with; null: none", "unknown"
    )
    source_cleaning: str = identity("how the source was cleaned before, as far as is known", "none")
    answers: Answers = identity("outputs as in the source, or asked anew of the teacher", Answers.source)
    answer_words: Optional[int] = identity("with answers=teacher: the length sentence; null: none", None)
    on_no_answer: NoAnswer = identity(
        "a new answer that is empty, refused or cut off: remove the row, or keep it with its old answer",
        NoAnswer.remove,
    )
    rules: list[str] = identity("rules or categories; all: those on by default; -name: not this", [])
    critic: bool = identity("whether the critic, if there is one, reads what the rules left", False)
    min_rating: Optional[float] = identity("keep rows that the rater gives so much of 5; null: all", None)
    best_rated: Optional[int] = identity("keep so many rows, the best rated; null: all", None)
    max_words: Optional[int] = identity("leave out rows with longer outputs", None)
    decontaminate: Decontaminate = identity(
        "remove rows that share text with the evaluation's documents; none: they are only reported",
        Decontaminate.none,
    )
    decontaminate_ngram: int = identity("with decontaminate=remove: so many words in a row", 13)
    num_tasks: Optional[int] = identity("so many tasks, num_examples/num_tasks rows of each; null: all", None)
    task: Task = identity(
        "one task: the same instruction, or one but for names, numbers and quotations (pattern)",
        Task.instruction,
    )
    min_instances: int = identity("draw from tasks with so many rows: the same pool in a sweep", 1)
    num_examples: Optional[int] = identity("a sample of so many rows; null: all", None)
    file_format: FileFormat = identity("dataset.jsonl, or dataset.parquet for a large one", FileFormat.jsonl)

    @property
    def generated(self) -> bool:
        """Whether the rows are the teacher's, not a file's or the hub's."""
        return self.source is None and self.hub is None and self.published is None

    @property
    def rated(self) -> bool:
        """Whether ratings decide which rows stay."""
        return self.min_rating is not None or self.best_rated is not None

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from _source_problems(self)
        for name in ("answer_words", "max_words", "best_rated", "num_tasks", "num_examples"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                yield f"dataset_variant.{name} is {getattr(self, name)}; it must be 1 or more, or null"
        yield from at_least(self, "dataset_variant", min_instances=1, decontaminate_ngram=5)
        if self.decontaminate is Decontaminate.none and self.decontaminate_ngram != 13:
            yield (
                "dataset_variant.decontaminate_ngram is set, but nothing is removed; "
                "add dataset_variant.decontaminate=remove"
            )
        if self.min_rating is not None and not 0 <= self.min_rating <= 5:
            yield f"dataset_variant.min_rating is {self.min_rating}; it must be between 0 and 5, or null"
        if self.num_tasks and self.num_examples and self.num_examples % self.num_tasks:
            yield (
                f"dataset_variant.num_examples is {self.num_examples}; it must be a multiple of "
                f"dataset_variant.num_tasks ({self.num_tasks}), so that each task has as many rows"
            )


def _source_problems(variant: DatasetVariantConfig) -> Iterator[str]:
    """What a source cannot be."""
    where, hub = "dataset_variant", variant.hub
    if hub and (variant.source or variant.published):
        other = "source" if variant.source else "published"
        given = getattr(variant, other)
        yield (
            f"{where}.hub and .{other} are both set, and .{other} ({given}) may be a preset's: to take the "
            f"hub's data add {where}.{other}=null, to take the other {where}.hub=null"
        )
    if hub and Path(hub).expanduser().is_file():
        yield f"{where}.hub is {hub}, a file; name it with {where}.source={hub}"
    elif hub and not Path(hub).expanduser().is_dir() and not _COMMIT.fullmatch(variant.revision or ""):
        given = f"is {variant.revision}, which may move" if variant.revision else "is not set"
        yield (
            f"{where}.revision {given}; pin {hub} to a commit, 40 hex digits, "
            f"as listed at https://huggingface.co/datasets/{hub}/commits/main"
        )
    if not hub and (variant.revision or variant.hub_config):
        yield f"{where}.revision and .hub_config are for {where}.hub, which is not set"
    cap = variant.source_cap
    if cap not in (None, "unknown") and not _WORDS.fullmatch(cap):
        yield f"{where}.source_cap is {cap}; it must be 1 or more words, null for none, or unknown"


_COMMIT = re.compile("[0-9a-f]{40}")
_WORDS = re.compile("[1-9][0-9]*")


@dataclass
class NoDatasetConfig(DatasetVariantConfig):
    """No data: the untuned base."""

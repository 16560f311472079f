"""What it is tuned on, and how: the data set and the trainer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Optional

from alpaca_exp.schemas.fields import at_least, identity, runtime, shares

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class Answers(Enum):
    """Who wrote the outputs of a data set."""

    source = "source"
    teacher = "teacher"


class Frame(Enum):
    """How an instruction is put to a model: in Alpaca's frame or as it stands."""

    alpaca = "alpaca"
    raw = "raw"


@dataclass
class DatasetVariantConfig:
    """What is tuned on: its source, its answers' author, its cap, its cleaning, its size."""

    source: Optional[Path] = identity("instruction data in Alpaca's format; null: the teacher's", None)
    source_teacher: str = identity("who wrote the answers of `source`, as far as is known", "unknown")
    answers: Answers = identity("outputs as in the source, or asked anew of the teacher", Answers.source)
    answer_words: Optional[int] = identity("with answers=teacher: the length sentence; null: none", None)
    rules: list[str] = identity("cleaning rules by name; [all] for all", [])
    critic: bool = identity("whether the critic, if there is one, reads what the rules left", False)
    max_words: Optional[int] = identity("leave out rows with longer outputs", None)
    num_tasks: Optional[int] = identity("at most so many different instructions", None)
    num_examples: Optional[int] = identity("a sample of so many rows; null: all", None)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        for name in ("answer_words", "max_words", "num_tasks", "num_examples"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                yield f"dataset_variant.{name} is {getattr(self, name)}; it must be 1 or more, or null"


@dataclass
class NoDatasetConfig(DatasetVariantConfig):
    """No data: the untuned base."""


@dataclass
class TrainerConfig:
    """Supervised instruction tuning of all weights."""

    learning_rate: float = identity("peak", 2e-5)
    epochs: int = identity("times through the data", 3)
    global_batch_size: int = identity("examples an optimizer step", 128)
    micro_batch_size: int = runtime("examples at once on one device; changes no gradient", 4)
    max_seq_len: int = identity("tokens an example; longer ones are cut", 512)
    weight_decay: float = identity("AdamW's", 0.0)
    beta2: float = identity("AdamW's second", 0.999)
    warmup_ratio: float = identity("share of the steps that warm up", 0.03)
    schedule: str = identity("cosine, linear or constant, after the warm-up", "cosine")
    max_grad_norm: float = identity("clip the gradient's norm here; 0: never", 1.0)
    precision: str = identity("Lightning's: 32-true, bf16-true, bf16-mixed", "32-true")
    frame: Frame = identity("the prompt around an instruction", Frame.alpaca)
    mask_prompt: bool = identity("learn from the answer's tokens only", True)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from at_least(self, "trainer", epochs=1, global_batch_size=1, micro_batch_size=1)
        yield from at_least(self, "trainer", max_seq_len=8, max_grad_norm=0, weight_decay=0)
        if self.learning_rate <= 0:
            yield f"trainer.learning_rate is {self.learning_rate}; it must be above 0"
        if self.schedule not in ("cosine", "linear", "constant"):
            yield f"trainer.schedule is {self.schedule}; it must be cosine, linear or constant"
        if self.precision not in ("32-true", "bf16-true", "bf16-mixed"):
            yield f"trainer.precision is {self.precision}; it must be 32-true, bf16-true or bf16-mixed"
        if self.micro_batch_size >= 1 and self.global_batch_size % self.micro_batch_size:
            yield (
                f"trainer.global_batch_size is {self.global_batch_size}; it must be a multiple "
                f"of trainer.micro_batch_size ({self.micro_batch_size})"
            )
        yield from shares(self, "trainer", "warmup_ratio")


@dataclass
class NoTrainerConfig(TrainerConfig):
    """No tuning: the base model goes to the evaluation as it is."""

"""What is measured by tasks: the suites (judges.py: the questions and who judges their answers)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar, Optional

from omegaconf import MISSING

from alpaca_exp.schemas.fields import at_least, identity, runtime
from alpaca_exp.schemas.world import WorldConfig

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class TaskFrame(Enum):
    """How a task's document is put to a model: as lm-eval words it, or in Alpaca's frame."""

    raw = "raw"
    alpaca = "alpaca"


class Backend(Enum):
    """Who scores with weights that are here; the numbers of two differ in the last digits."""

    transformers = "transformers"
    vllm = "vllm"


@dataclass
class EvalSuiteConfig:
    """What is measured by lm-eval."""

    tasks: list[str] = identity("lm-eval task names", [])
    limit: Optional[int] = identity("documents a task, the first ones; null: all", None)
    num_fewshot: Optional[int] = identity("solved examples before each question; null: the task's own", None)
    shots: dict[str, int] = identity("the same for some tasks, groups or tags by name", {})
    fewshot_seed: int = identity("which solved examples are drawn; lm-eval's own is 1234", 1234)
    frame: TaskFrame = identity("the bare prompt, or Alpaca's frame around it", TaskFrame.raw)
    understanding: list[str] = identity("task.metric names whose mean is `understanding`", [])
    truthfulness: list[str] = identity("task.metric names whose mean is `truthfulness`", [])
    backend: Backend = identity("transformers, or vllm: lm-eval's own class for it", Backend.transformers)
    mirror: Optional[Path] = runtime("folder with the tasks' documents; null: the hub", None)
    batch_size: int = runtime("requests at once on the device", 32)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from at_least(self, "eval_suite", batch_size=1)
        counts = {"num_fewshot": self.num_fewshot or 0}
        for name, count in (counts | {f"shots.{task}": count for task, count in self.shots.items()}).items():
            if count < 0:
                yield f"eval_suite.{name} is {count}; it must be 0 or more"
        if not self.tasks:
            yield "eval_suite.tasks is empty; name at least one lm-eval task"
        if self.limit is not None and self.limit < 1:
            yield f"eval_suite.limit is {self.limit}; it must be 1 or more, or null for all"

    def means(self) -> dict[str, list[str]]:
        """The metrics of each mean whose tasks are all in `tasks`: a mean of fewer would be another one."""
        parts = {"understanding": self.understanding, "truthfulness": self.truthfulness}
        return {name: named for name, named in parts.items() if named and not self.lacking(name)}

    def lacking(self, mean: str) -> list[str]:
        """The tasks of a mean's metrics that are not in `tasks`; a mean that lacks one is left out."""
        named = (metric.rpartition(".")[0] for metric in getattr(self, mean))
        return [task for task in dict.fromkeys(named) if task not in self.tasks]


@dataclass
class WorldSuiteConfig(EvalSuiteConfig):
    """lm-eval tasks about the miniature world."""

    TASKS: ClassVar[tuple[str, ...]] = ("world_facts", "world_truth", "world_sums", "world_words")

    world: WorldConfig = identity("the world that is asked about", MISSING)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        for task in self.tasks:
            if task not in self.TASKS:
                yield f"the miniature has no task {task}; it has {', '.join(self.TASKS)}"
        if self.num_fewshot or self.shots:
            yield (
                "eval_suite.num_fewshot and .shots ask for solved examples, and the miniature's tasks "
                "have none; leave them out, or take lm-eval's tasks with eval_suite=paper"
            )


@dataclass
class InstructionSuiteConfig(EvalSuiteConfig):
    """Instructions whose answers are compared with references by ROUGE-L, as self-instruct's were."""

    TASKS: ClassVar[tuple[str, str]] = ("super_natural_instructions", "user_oriented_instructions")

    frame: TaskFrame = identity(
        "Alpaca's frame with the input in its place, or SuperNI's style", TaskFrame.alpaca
    )
    split: str = identity("Super-NaturalInstructions' split whose test tasks are taken", "default")
    only: list[str] = identity("these tasks of it instead (task1344_..., without .json)", [])
    instances: int = identity("of each of its tasks, the first ones", 100)
    positive_examples: int = identity("of its solved examples, shown with the definition", 0)
    max_tokens: int = identity("limit of an answer to one of its instances", 128)
    user_max_tokens: int = identity("limit of an answer to a user-oriented instruction", 512)
    natural_instructions: Optional[Path] = runtime("a clone of allenai/natural-instructions", None)
    user_oriented: Optional[Path] = runtime("self-instruct's user_oriented_instructions.jsonl", None)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, "eval_suite", instances=1, positive_examples=0)
        yield from at_least(self, "eval_suite", max_tokens=1, user_max_tokens=1)
        for task in self.tasks:
            if task not in self.TASKS:
                yield (
                    f"eval_suite.tasks names {task}, and eval_suite=instructions has "
                    f"{' and '.join(self.TASKS)}; lm-eval's tasks belong to the other suites"
                )
        if self.num_fewshot or self.shots:
            yield (
                "eval_suite.num_fewshot and .shots are for lm-eval's tasks, and these have their own solved "
                "examples; set eval_suite.positive_examples instead"
            )


@dataclass
class NoSuiteConfig(EvalSuiteConfig):
    """Nothing is measured and no judge asked: a plan ends with the model, or without a trainer the data."""

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from ()

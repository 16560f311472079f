"""What is judged: the questions, how they are answered, and who judges the answers in which way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Optional

from omegaconf import MISSING

from alpaca_exp.schemas.asked import CheckpointConfig, EndpointConfig, JournalConfig, LanguageModelConfig
from alpaca_exp.schemas.fields import at_least, identity, identity_by_content, runtime, shares
from alpaca_exp.schemas.world import WorldConfig

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


@dataclass
class QuestionsConfig:
    """The questions whose answers are compared, and how they are answered."""

    temperature: float = identity("sampling temperature of the answers", 0.0)
    max_tokens: int = identity("limit of one answer", 512)
    limit: Optional[int] = identity("the first so many questions, of each file; null: all", None)
    batch_size: int = runtime("answers written at once on the device", 32)


@dataclass
class FileQuestionsConfig(QuestionsConfig):
    """Questions from a file of Vicuna's, MT-bench's or AlpacaEval's format."""

    file: Path = identity("the questions that are judged", Path("seeds/judge_questions.jsonl"))
    inspection: Optional[Path] = identity(
        "prompts for the reading page, answered too and shown to no judge; null: none", None
    )


@dataclass
class WorldQuestionsConfig(QuestionsConfig):
    """Questions about the miniature world."""

    world: WorldConfig = identity("the world that is asked about", MISSING)


class JudgeProtocol(Enum):
    """What a judge is asked about two answers."""

    vicuna = "vicuna"
    pairwise = "pairwise"
    preference = "preference"
    single = "single"


@dataclass
class JudgeConfig(LanguageModelConfig):
    """The model that judges answers to the questions."""

    group: ClassVar[str] = "judge"

    questions: QuestionsConfig = identity("what was asked", QuestionsConfig)
    opponent: str = identity_by_content("teacher, or a file of answers to the same questions", "teacher")
    protocol: JudgeProtocol = identity(
        "vicuna: 1 to 10 for each of two; pairwise: the better one, or a tie; preference: the better one, by "
        "log-probabilities; single: 1 to 10 for one answer at a time",
        JudgeProtocol.vicuna,
    )
    temperature: float = identity("sampling temperature of the verdicts", 0.2)
    max_tokens: int = identity("limit of one verdict; protocol=preference reads one token", 1024)
    both_orders: bool = identity("ask a second time with the answers swapped", True)
    retest: float = identity("share of the verdicts asked for a second time, for test-retest", 0.05)
    retry_unreadable: int = identity("how often a reply that cannot be read is asked for again", 0)
    max_unreadable: float = runtime("end where a larger share of the replies cannot be read", 0.9)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from shares(self, self.group, "retest", "max_unreadable")
        yield from at_least(self, self.group, retry_unreadable=0)
        if hasattr(self, "batch_size"):
            yield from at_least(self, self.group, batch_size=1)

    def as_reader(self) -> JudgeConfig:
        """The judge as one who reads single answers: all that is about comparing is left at its default."""
        kept = {"temperature", "max_tokens", *(field.name for field in fields(LanguageModelConfig))}
        usual: dict[str, Any] = vars(JudgeConfig(model=self.model))
        return replace(self, **{name: value for name, value in usual.items() if name not in kept})


@dataclass
class NoJudgeConfig(JudgeConfig):
    """No judge: the stages that need one are left out."""

    model: str = identity("there is none", "none")


@dataclass
class OpenAIJudgeConfig(EndpointConfig, JudgeConfig):
    """A judge behind an OpenAI-compatible server."""

    questions: QuestionsConfig = identity("what was asked", FileQuestionsConfig)


@dataclass
class TransformersJudgeConfig(CheckpointConfig, JudgeConfig):
    """A judge that transformers loads: a hub name or a folder."""

    questions: QuestionsConfig = identity("what was asked", FileQuestionsConfig)


@dataclass
class RecordedJudgeConfig(JournalConfig, JudgeConfig):
    """A judge that was asked before: its verdicts come from a journal, for nothing."""

    questions: QuestionsConfig = identity("what was asked", FileQuestionsConfig)


@dataclass
class MiniatureJudgeConfig(JudgeConfig):
    """A judge that lives in the miniature world: its quality and its fondness for length are known."""

    questions: QuestionsConfig = identity("what was asked", WorldQuestionsConfig)
    world: WorldConfig = identity("the world it knows", MISSING)
    noise: float = identity("standard deviation of a score, in points of ten", 0.5)
    length_fondness: float = identity("points for each word beyond eight", 0.0)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, self.group, noise=0, length_fondness=0)

"""Models that read the data: the critic keeps, mends or removes a row, the rater gives it a score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from omegaconf import MISSING

from alpaca_exp.schemas.asked import CheckpointConfig, EndpointConfig, JournalConfig, LanguageModelConfig
from alpaca_exp.schemas.fields import at_least, identity, runtime, shares
from alpaca_exp.schemas.world import WorldConfig


class Unreadable(Enum):
    """What becomes of a row about which the model's reply cannot be read."""

    keep = "keep"
    remove = "remove"


@dataclass
class ReaderConfig(LanguageModelConfig):
    """Any model that reads a row and says what it thinks of it."""

    temperature: float = identity("sampling temperature", 0.0)
    max_tokens: int = identity("limit of one reply", 1024)
    on_unreadable: Unreadable = identity("a row whose reply cannot be read: keep or remove", Unreadable.keep)
    max_unreadable: float = runtime("end where a larger share of the replies cannot be read", 0.9)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from shares(self, self.group, "max_unreadable")
        if hasattr(self, "batch_size"):
            yield from at_least(self, self.group, batch_size=1)


@dataclass
class CriticConfig(ReaderConfig):
    """A model that reads each row and says keep, fix or remove, with a reason."""

    group: ClassVar[str] = "critic"

    fixes: bool = identity("whether it may mend a row, or only keep and remove", True)


@dataclass
class NoCriticConfig(CriticConfig):
    """No critic: the rules alone."""

    model: str = identity("there is none", "none")


@dataclass
class OpenAICriticConfig(EndpointConfig, CriticConfig):
    """A critic behind an OpenAI-compatible server."""


@dataclass
class TransformersCriticConfig(CheckpointConfig, CriticConfig):
    """A critic that transformers loads: a hub name or a folder."""


@dataclass
class RecordedCriticConfig(JournalConfig, CriticConfig):
    """A critic that was asked before: its verdicts come from a journal, for nothing."""


@dataclass
class MiniatureCriticConfig(CriticConfig):
    """A critic that lives in the miniature world, right at a known rate."""

    world: WorldConfig = identity("the world it knows", MISSING)
    recall: float = identity("share of the wrong rows that it finds", 0.9)
    false_alarm: float = identity("share of the right rows that it takes for wrong", 0.03)
    right_fixes: float = identity("share of its fixes that are right", 0.95)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from shares(self, self.group, "recall", "false_alarm", "right_fixes")


@dataclass
class RaterConfig(ReaderConfig):
    """A model that gives each row a score of 0 to 5, with a reason."""

    group: ClassVar[str] = "rater"

    max_tokens: int = identity("limit of one reply", 256)
    on_unreadable: Unreadable = identity(
        "a row whose score cannot be read: keep (without a score) or remove", Unreadable.remove
    )


@dataclass
class NoRaterConfig(RaterConfig):
    """No rater: variants that need ratings cannot be made."""

    model: str = identity("there is none", "none")


@dataclass
class OpenAIRaterConfig(EndpointConfig, RaterConfig):
    """A rater behind an OpenAI-compatible server."""


@dataclass
class TransformersRaterConfig(CheckpointConfig, RaterConfig):
    """A rater that transformers loads: a hub name or a folder."""


@dataclass
class RecordedRaterConfig(JournalConfig, RaterConfig):
    """A rater that was asked before: its scores come from a journal, for nothing."""


@dataclass
class MiniatureRaterConfig(RaterConfig):
    """A rater that lives in the miniature world and is off by a known amount."""

    world: WorldConfig = identity("the world it knows", MISSING)
    noise: float = identity("standard deviation of its error, in points of the five", 1.5)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, self.group, noise=0)

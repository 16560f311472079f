"""Models that are asked for text: how each is reached, and the teacher (readers.py: who reads the data)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import ClassVar, Optional
from urllib.parse import urlsplit

from omegaconf import MISSING

from alpaca_exp.schemas.fields import at_least, identity, identity_by_content, runtime, shares
from alpaca_exp.schemas.protocols import ProtocolConfig, protocol_problems
from alpaca_exp.schemas.world import WorldConfig

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class Endpoint(Enum):
    """How a prompt reaches a model."""

    chat = "chat"
    completions = "completions"


class SimilarityRecord(Enum):
    """What is noted of an instruction's similarity to the earlier ones."""

    decision = "decision"
    full = "full"


OFFICIAL = "https://api.openai.com/v1"


@dataclass
class LanguageModelConfig:
    """Any model that is asked for text: teacher, critic or judge."""

    group: ClassVar[str] = "model"

    model: str = identity("the model's name, as its server knows it")
    budget_usd: Optional[float] = runtime("hard limit of what this stage may spend; null: none", None)
    concurrency: int = runtime("requests under way at once", 16)
    usd_per_million_in: float = runtime("list price of a million prompt tokens", 0.0)
    usd_per_million_out: float = runtime("list price of a million answer tokens", 0.0)
    price_date: str = runtime("when that price was looked up, YYYY-MM-DD", "")
    price_of: str = runtime("the model that has that price; empty: whichever is asked", "")

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        where = self.group
        yield from at_least(self, where, concurrency=1)
        yield from at_least(self, where, usd_per_million_in=0, usd_per_million_out=0)
        if self.budget_usd is not None and not self.budget_usd >= 0:
            yield f"{where}.budget_usd is {self.budget_usd}; it must be 0 or more, or null for none"
        if self.price_date and not _is_date(self.price_date):
            yield f"{where}.price_date is {self.price_date}; it must be a date, YYYY-MM-DD"
        temperature = getattr(self, "temperature", 0.0)
        if not 0 <= temperature <= 2:
            yield f"{where}.temperature is {temperature}; it must be between 0 and 2"
        top_p = getattr(self, "top_p", 1.0)
        if not 0 < top_p <= 1:
            yield f"{where}.top_p is {top_p}; it must be above 0 and at most 1"
        if getattr(self, "max_tokens", 1) < 1:
            yield f"{where}.max_tokens is {getattr(self, 'max_tokens', 1)}; it must be 1 or more"
        if isinstance(self, EndpointConfig):
            yield from self.endpoint_problems(where)


@dataclass
class EndpointConfig:
    """How to reach an OpenAI-compatible server."""

    endpoint: Endpoint = identity("chat, or completions: the prompt as it is (legacy)", Endpoint.chat)
    base_url: Optional[str] = runtime("the server's address; null: OpenAI's own", None)
    api_key_env: str = runtime("environment variable that holds the key; empty: none", "OPENAI_API_KEY")
    key_header: str = runtime("Authorization (a bearer token), or api-key (Azure)", "Authorization")
    api_version: Optional[str] = runtime("Azure's api-version of each request; null: none", None)
    retired: str = runtime("since when nobody serves it, and what to take instead; empty: served", "")
    timeout_s: float = runtime("how long one attempt may take", 120.0)
    max_retries: int = runtime("further attempts where they can help: 429, 5xx, time-outs", 5)
    requests_per_minute: Optional[float] = runtime("the server's limit; null: none", None)
    tokens_per_minute: Optional[float] = runtime("the server's limit, both kinds together; null: none", None)
    batch: bool = runtime("ask through the Batch API: cheaper, within a day", False)
    batch_discount: float = runtime("share of the list price that a batch saves", 0.5)
    batch_wait_s: float = runtime("how long to wait for a batch before leaving to come back later", 0.0)

    @property
    def address(self) -> str:
        """Where it is asked, without what may be secret in that."""
        told = urlsplit(self.base_url or OFFICIAL)
        return told._replace(netloc=told.netloc.rpartition("@")[2], query="", fragment="").geturl()

    def endpoint_problems(self, where: str) -> Iterator[str]:
        """What cannot be."""
        yield from at_least(self, where, max_retries=0, batch_wait_s=0)
        budget, listed = (getattr(self, name, 0.0) for name in ("budget_usd", "usd_per_million_out"))
        if budget and not listed:
            yield (
                f"{where}.budget_usd is {budget}, and {where}.usd_per_million_out is 0, so that answers "
                "would count nothing; set the server's prices, or leave the budget out"
            )
        yield from shares(self, where, "batch_discount")
        for name in ("timeout_s", "requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                yield f"{where}.{name} is {value}; it must be above 0"
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            yield f"{where}.base_url is {self.base_url}; it must start with http:// or https://"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass
class TeacherConfig(ProtocolConfig, LanguageModelConfig):
    """The model that writes the instruction data."""

    group: ClassVar[str] = "teacher"

    seed: int = identity("which data is bought: the choice of demonstrations, subsets, answers", 0)
    num_examples: int = identity("how many new examples to collect", 52_000)
    seed_tasks: Path = identity("instructions written by people", Path("seeds/seed_tasks.jsonl"))
    num_demonstrations: int = identity("tasks shown in each prompt, seed tasks unless teacher.feedback", 3)
    tasks_per_request: int = identity("length of the list that the prompt asks for", 20)
    round_size: int = identity("requests in flight before their answers are read", 16)
    max_requests: int = identity("stop when so many requests did not bring enough examples", 100_000)
    temperature: float = identity("sampling temperature", 1.0)
    top_p: float = identity("nucleus sampling", 1.0)
    max_tokens: int = identity("limit of one answer", 3072)
    max_words: Optional[int] = identity("the length sentence of the prompt; null: no sentence", 100)
    max_similarity: float = identity("ROUGE-L F above which an instruction is a copy; 1: no filter", 0.7)
    similarity_record: SimilarityRecord = identity(
        "decision: a copy's nearest; full: each one's ten nearest and the mean",
        SimilarityRecord.decision,
    )

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from protocol_problems(self)
        yield from at_least(self, "teacher", num_examples=1, num_demonstrations=0, max_requests=1)
        yield from at_least(self, "teacher", tasks_per_request=1, round_size=1)
        if not 0 < self.max_similarity <= 1:
            yield f"teacher.max_similarity is {self.max_similarity}; it must be above 0 and at most 1"


@dataclass
class OpenAITeacherConfig(EndpointConfig, TeacherConfig):
    """A teacher behind an OpenAI-compatible server."""


@dataclass
class LocalConfig:
    """How weights that are here answer: in this process, in batches."""

    endpoint: Endpoint = identity(
        "completions: it goes on from the prompt; chat: in its chat template", Endpoint.completions
    )
    batch_size: int = runtime("answers written at once; at most `concurrency`", 16)


@dataclass
class CheckpointConfig(LocalConfig):
    """Weights that transformers loads: a hub name or a folder."""

    path: str = identity_by_content("hub name (with `revision`), or a folder (known by its files' content)")
    revision: Optional[str] = identity("commit, tag or branch on the hub", None)
    dtype: str = identity("float32, bfloat16, float16, or auto: as its makers saved it", "auto")


@dataclass
class JournalConfig:
    """Answers that were given before: they come from a journal, for nothing."""

    journal: Optional[Path] = identity("the journal of the run that is replayed", None)


@dataclass
class LocalTeacherConfig(LocalConfig, TeacherConfig):
    """A teacher whose weights are here: it writes in this process, in batches."""

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, "teacher", batch_size=1)
        if self.presence_penalty:
            yield f"teacher.presence_penalty is {self.presence_penalty}; weights that are here take only 0"


@dataclass
class TransformersTeacherConfig(CheckpointConfig, LocalTeacherConfig):
    """A teacher that transformers loads: a hub name or a folder."""


@dataclass
class BaseModelTeacherConfig(LocalTeacherConfig):
    """The experiment's own base model, before it is tuned: self-instruct proper."""

    model: str = identity("its name in the journal", "base_model")


@dataclass
class RecordedTeacherConfig(JournalConfig, TeacherConfig):
    """A teacher that was asked before: its answers come from a journal, for nothing."""


@dataclass
class MiniatureTeacherConfig(TeacherConfig):
    """A teacher that lives in the miniature world: it knows the truth and errs at a known rate."""

    world: WorldConfig = identity("the world it knows", MISSING)
    error_rate: float = identity("share of its facts that are wrong", 0.3)
    defect_rate: float = identity("share of its answers that carry each kind of format defect", 0.03)
    further_facts: int = identity("facts that it adds where nothing limits an answer's length", 2)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from shares(self, "teacher", "error_rate", "defect_rate")
        yield from at_least(self, "teacher", further_facts=0)
        if self.num_examples > self.world.offered:
            yield (
                f"teacher.num_examples is {self.num_examples:,}, and in this world the teacher can think of "
                f"{self.world.offered:,} tasks; ask for fewer, or set world.tasks (now {self.world.tasks:,})"
            )

"""What is tuned: the base models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Optional

from omegaconf import MISSING

from alpaca_exp.schemas.asked import Endpoint, EndpointConfig, LanguageModelConfig
from alpaca_exp.schemas.fields import at_least, identity, identity_by_content, runtime
from alpaca_exp.schemas.world import WorldConfig

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class Attention(Enum):
    """Who computes attention: auto takes the quickest that the machine and the model have."""

    auto = "auto"
    sdpa = "sdpa"
    flash_attention_2 = "flash_attention_2"
    eager = "eager"


@dataclass
class BaseModelConfig:
    """The model that is tuned."""

    seed: int = identity("pre-training and new rows of the embedding", 0)
    dtype: str = identity("float32, bfloat16 or float16", "float32")
    attention: Attention = runtime("auto, sdpa, flash_attention_2 or eager", Attention.auto)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        if self.dtype not in ("float32", "bfloat16", "float16"):
            yield f"base_model.dtype is {self.dtype}; it must be float32, bfloat16 or float16"


@dataclass
class PretrainedModelConfig(BaseModelConfig):
    """Weights that others trained: a Hugging Face name or a local folder."""

    path: str = identity_by_content("hub name (with `revision`), or a folder (known by its files' content)")
    revision: Optional[str] = identity("commit, tag or branch on the hub", None)
    licence: str = runtime("what its makers allow", "")


@dataclass
class MadeModelConfig(BaseModelConfig):
    """A model made and pre-trained here, with a tokenizer of its own."""

    vocab_size: int = identity("at most so many tokens in a tokenizer that is made here", 8000)
    tokenizer: str = identity("bpe (byte-level) or word (one token a word)", "bpe")
    steps: int = identity("pre-training steps; 0: random weights", 0)
    batch_size: int = identity("sequences a step", 64)
    block_size: int = identity("tokens a sequence", 64)
    learning_rate: float = identity("peak", 6e-3)
    weight_decay: float = identity("AdamW's", 0.01)
    beta2: float = identity("AdamW's second", 0.98)
    warmup_ratio: float = identity("share of the steps that warm up", 0.05)
    decay_ratio: float = identity("share of the steps, the last ones, that decay linearly", 0.5)
    max_grad_norm: float = identity("clip the gradient's norm here", 1.0)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, "base_model", steps=0, vocab_size=300, batch_size=1, block_size=2)


@dataclass
class ScratchModelConfig(MadeModelConfig):
    """A LLaMA made from a config and pre-trained here, with a tokenizer made from its corpus."""

    hidden_size: int = identity("width")
    num_hidden_layers: int = identity("depth")
    num_attention_heads: int = identity("heads")
    intermediate_size: int = identity("width of the feed-forward part")
    max_position_embeddings: int = identity("longest sequence", 512)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, "base_model", hidden_size=2, num_hidden_layers=1, num_attention_heads=1)
        if self.num_attention_heads > 0 and self.hidden_size % self.num_attention_heads:
            yield (
                f"base_model.hidden_size is {self.hidden_size}; it must be a multiple of "
                f"num_attention_heads ({self.num_attention_heads})"
            )
        if self.tokenizer not in ("bpe", "word"):
            yield f"base_model.tokenizer is {self.tokenizer}; it must be bpe or word"


@dataclass
class WorldModelConfig(ScratchModelConfig):
    """A base model that has read the miniature world's corpus."""

    world: WorldConfig = identity("the world whose corpus it reads", MISSING)


@dataclass
class FileModelConfig(ScratchModelConfig):
    """A base model whose tokenizer (and pre-training, if any) comes from a data file."""

    corpus: Optional[Path] = identity("instruction data or plain text to make the tokenizer from", None)


@dataclass
class ConfiguredModelConfig(MadeModelConfig):
    """A model of any architecture that transformers knows, made from its configuration."""

    config: Any = identity_by_content("a config.json (or its folder), or {model_type: ..., hidden_size: ...}")
    tokenizer: str = identity_by_content("bpe or word, made from the corpus; or a folder or hub name", "bpe")
    corpus: Optional[Path] = identity("what a tokenizer is made from, and what pre-training reads", None)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        if isinstance(self.config, str):
            if not Path(self.config).expanduser().exists():
                yield f"base_model.config is {self.config}, and there is no such file; give one that exists"
        elif not isinstance(self.config, dict):
            yield "base_model.config must be a config.json, or {model_type: llama, hidden_size: 256, ...}"
        elif "model_type" not in self.config:
            yield "base_model.config names no model_type; add one, such as model_type: llama"


class Scoring(Enum):
    """How a server's model is measured on tasks that choose among answers."""

    auto = "auto"
    loglikelihood = "loglikelihood"
    generative = "generative"


@dataclass
class ApiModelConfig(EndpointConfig, LanguageModelConfig, BaseModelConfig):
    """A model behind an OpenAI-compatible server: it is measured, and cannot be tuned."""

    group: ClassVar[str] = "base_model"

    scoring: Scoring = identity(
        "choices by their log-probabilities (loglikelihood) or by letter (generative); auto: by the endpoint",
        Scoring.auto,
    )
    tokenizer: Optional[str] = identity_by_content("hub name or folder; log-probabilities want it", None)
    tokenized_requests: bool = identity("prompts to be scored go out as token ids; false: as text", True)
    max_length: int = identity("tokens that it reads at most; longer prompts lose their beginning", 2048)
    max_gen_toks: int = identity("limit of an answer, and of a letter, where a task sets none", 256)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from BaseModelConfig.problems(self)
        yield from at_least(self, self.group, max_length=2, max_gen_toks=1)
        if self.endpoint is Endpoint.chat and self.scoring is Scoring.loglikelihood:
            yield (
                "base_model.scoring=loglikelihood wants base_model.endpoint=completions: no chat server "
                "tells the log-probabilities of a prompt"
            )
        if self.by_loglikelihood and not self.tokenizer:
            yield (
                "base_model.endpoint=completions scores tasks by log-probabilities, and base_model.tokenizer "
                "is not set; name the model's own (a folder or a hub name), or set "
                "base_model.scoring=generative"
            )

    @property
    def by_loglikelihood(self) -> bool:
        """Whether its choices are scored by their log-probabilities."""
        legacy = self.endpoint is Endpoint.completions
        return self.scoring is Scoring.loglikelihood or (self.scoring is Scoring.auto and legacy)

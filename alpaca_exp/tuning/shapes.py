"""What a model is made of, read from its configuration alone: no weights, no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpaca_exp.prefetched import hub_options
from alpaca_exp.schemas import (
    BaseModelConfig,
    ConfiguredModelConfig,
    PretrainedModelConfig,
    ScratchModelConfig,
)


@dataclass(frozen=True)
class Shape:
    """A decoder-only transformer. Vectors (norms, biases) are counted in `vectors`, an amount a layer."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    inner: int
    """Width of the feed-forward part."""
    vocabulary: int
    gated: bool = True
    """Three feed-forward matrices (SwiGLU), or two."""
    tied: bool = False
    """The output embedding is the input embedding."""
    vectors: int = 0
    last_vectors: int = 0

    @property
    def queries(self) -> int:
        """Width of all heads' queries."""
        return self.heads * self.head_size

    @property
    def keys(self) -> int:
        """Width of all heads' keys; the values are as wide."""
        return self.kv_heads * self.head_size

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """A layer's matrices by the names that LLaMA gave them: (in, out)."""
        gate = {"gate_proj": (self.hidden, self.inner)} if self.gated else {}
        return {
            "q_proj": (self.hidden, self.queries),
            "k_proj": (self.hidden, self.keys),
            "v_proj": (self.hidden, self.keys),
            "o_proj": (self.queries, self.hidden),
            **gate,
            "up_proj": (self.hidden, self.inner),
            "down_proj": (self.inner, self.hidden),
        }

    @property
    def layer_parameters(self) -> int:
        """Of one layer."""
        return sum(wide * high for wide, high in self.linear.values()) + self.vectors

    @property
    def embedding(self) -> int:
        """Of one of the two embeddings."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All of them."""
        embeddings = self.embedding * (1 if self.tied else 2)
        return embeddings + self.layers * self.layer_parameters + self.last_vectors

    @property
    def multiplied(self) -> int:
        """N of "6N": the parameters that every token is multiplied with. The input embedding is a table."""
        return self.embedding + self.layers * sum(wide * high for wide, high in self.linear.values())


GATED = ("llama", "mistral", "qwen2", "qwen3", "olmo", "olmo2", "gemma", "granite", "smollm3", "phi3")
"""Families whose feed-forward part has three matrices; of others (mixtures of experts) nothing is said."""
PLAIN = ("gpt_neox", "gpt2", "opt", "phi")


def _llama(layers: int, hidden: int, heads: int, inner: int, vocabulary: int, kv_heads: int = 0) -> Row:
    return {
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads or heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
    }


def _pythia(layers: int, hidden: int, heads: int, vocabulary: int) -> Row:
    return _llama(layers, hidden, heads, 4 * hidden, vocabulary) | {"model_type": "gpt_neox"}


Row = dict[str, Any]
KNOWN: Mapping[str, Row] = {
    "huggyllama/llama-7b": _llama(32, 4096, 32, 11008, 32000),
    "huggyllama/llama-13b": _llama(40, 5120, 40, 13824, 32000),
    "huggyllama/llama-30b": _llama(60, 6656, 52, 17920, 32000),
    "huggyllama/llama-65b": _llama(80, 8192, 64, 22016, 32000),
    "meta-llama/Llama-3.1-8B": _llama(32, 4096, 32, 14336, 128256, 8),
    "Qwen/Qwen2.5-7B": _llama(28, 3584, 28, 18944, 152064, 4) | {"model_type": "qwen2"},
    "allenai/OLMo-2-1124-7B": _llama(32, 4096, 32, 11008, 100352) | {"model_type": "olmo2"},
    "EleutherAI/pythia-70m": _pythia(6, 512, 8, 50304),
    "EleutherAI/pythia-160m": _pythia(12, 768, 12, 50304),
    "EleutherAI/pythia-410m": _pythia(24, 1024, 16, 50304),
    "EleutherAI/pythia-1b": _pythia(16, 2048, 8, 50304),
    "EleutherAI/pythia-1.4b": _pythia(24, 2048, 16, 50304),
    "EleutherAI/pythia-2.8b": _pythia(32, 2560, 32, 50304),
    "EleutherAI/pythia-6.9b": _pythia(32, 4096, 32, 50432),
    "EleutherAI/pythia-12b": _pythia(36, 5120, 40, 50688),
}
"""From the models' own config.json on the hub, for machines that have not fetched it."""


def shape_of(config: BaseModelConfig) -> Shape | None:
    """The shape of `config`'s model; None where its configuration is not here or of an unknown kind."""
    if isinstance(config, ScratchModelConfig):
        made = _llama(
            config.num_hidden_layers,
            config.hidden_size,
            config.num_attention_heads,
            config.intermediate_size,
            config.vocab_size,
        )
        return read_shape(made | {"tie_word_embeddings": True})
    if isinstance(config, ConfiguredModelConfig):
        told = dict(config.config) if isinstance(config.config, dict) else _read(_file(Path(config.config)))
        own = {"vocab_size": config.vocab_size} if config.tokenizer in ("bpe", "word") else {}
        return read_shape({"vocab_size": None} | told | own)
    if not isinstance(config, PretrainedModelConfig):
        return None
    file = _config_file(config)
    return read_shape(_read(file) if file else KNOWN.get(config.path, {}))


def _read(file: Path | None) -> Row:
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file(place: Path) -> Path:
    """A config.json, or the one in a folder."""
    place = place.expanduser()
    return place / "config.json" if place.is_dir() else place


def _config_file(config: PretrainedModelConfig) -> Path | None:
    """The model's config.json: of the folder, or of the hub's local cache."""
    folder = Path(config.path).expanduser()
    if folder.is_dir():
        return _file(folder)
    from huggingface_hub import try_to_load_from_cache

    try:
        place = hub_options(config.path, config.revision, offline=True).get("cache_dir")
        found = try_to_load_from_cache(config.path, "config.json", place, config.revision)
    except ValueError:  # no name that the hub could have
        return None
    return Path(found) if isinstance(found, str) else None


def read_shape(told: Mapping[str, Any]) -> Shape | None:
    """The shape that a config.json tells; None where it is of a kind that is not known here."""
    kind = told.get("model_type")
    if kind not in GATED + PLAIN:
        return None
    names = {"gpt2": ("n_layer", "n_embd", "n_head", "n_inner"), "opt": (*_NAMES[:3], "ffn_dim")}
    layers, hidden, heads, inner = (told.get(name) for name in names.get(kind, _NAMES))
    vocabulary = told.get("vocab_size")
    if not (layers and hidden and heads and vocabulary):
        return None
    kv_heads = told.get("num_key_value_heads") or heads
    head_size = told.get("head_dim") or hidden // heads
    tied = told.get("tie_word_embeddings", kind in ("gpt2", "opt", "gemma"))
    inner = inner or 4 * hidden
    vectors, last = _vectors(kind, hidden, heads * head_size, kv_heads * head_size, inner)
    return Shape(
        layers, hidden, heads, kv_heads, head_size, inner, vocabulary, kind in GATED, tied, vectors, last
    )


_NAMES = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")


def _vectors(kind: str, hidden: int, queries: int, keys: int, inner: int) -> tuple[int, int]:
    """Parameters in norms and biases, of a layer and of the last norm."""
    if kind in PLAIN:  # two norms with a bias each, and a bias for every matrix
        return 4 * hidden + queries + 2 * keys + hidden + inner + hidden, 2 * hidden
    more = {"qwen2": queries + 2 * keys, "olmo2": queries + keys}.get(kind, 0)
    return 2 * hidden + more, hidden

"""Whether a folder of weights can be a model, told from its small files before any work, without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TOKENIZERS = ("tokenizer.json", "vocab*", "*.model", "*.tiktoken", "tekken.json")
"""Any of these files makes a tokenizer; only the first kind tells here how many tokens it has."""
WEIGHTS = ("*.safetensors", "*.bin")
TEMPLATES = ("chat_template.*", "additional_chat_templates/*")
VOCABULARY = ("vocab_size", "padded_vocab_size")


def folder_problems(folder: Path, field: str) -> Iterator[str]:
    """One sentence for each thing that keeps `folder` from being read as a model; `field` names it.

    Looked at are that there are a configuration, weights and a tokenizer, and that the tokenizer has no
    token that the model has no row for. What a file does not tell is left to the loading.
    """
    config = _json(folder / "config.json")
    if config is None:
        yield f"{field}={folder} is no model: it has no config.json that can be read; name one that has"
        return
    if not _holds(folder, WEIGHTS):
        yield f"{field}={folder} holds no weights (model.safetensors); name a folder that does"
    if not _holds(folder, TOKENIZERS):
        yield f"{field}={folder} holds no tokenizer (tokenizer.json); copy the model's own beside its weights"
    rows, tokens = _rows(config), _tokens(folder / "tokenizer.json")
    if rows is not None and tokens is not None and tokens > rows:
        yield (
            f"the tokenizer in {field}={folder} has {tokens:,} tokens, but its model has rows for {rows:,}; "
            "they do not belong together: copy the model's own tokenizer there"
        )


def template_problems(folder: Path, group: str) -> Iterator[str]:
    """Why a model in `folder` cannot be asked in its chat template; `group` is where it was chosen."""
    told = _json(folder / "tokenizer_config.json") or {}
    if not (told.get("chat_template") or _holds(folder, TEMPLATES)):
        yield (
            f"{group}.path={folder} has no chat template, so it cannot be asked with {group}.endpoint=chat; "
            f"set {group}.endpoint=completions, or name a model that was made for chat"
        )


def tokenizer_problems(name: str, field: str) -> Iterator[str]:
    """The same of a tokenizer by itself, which may also be a name on the hub."""
    place = Path(name).expanduser()
    if place.is_dir():
        if not _holds(place, TOKENIZERS):
            yield f"{field}={name} holds no tokenizer (tokenizer.json); name the folder of the model's own"
    elif not may_be_on_the_hub(name):
        yield f"{field}={name} is no folder; name that of the model's own tokenizer, or its name on the hub"


def may_be_on_the_hub(name: str) -> bool:
    """Whether it could be a name there, owner/name or an old one's name alone, and not only a path."""
    return not name.startswith((".", "/", "~")) and len(Path(name).parts) <= 2


def _holds(folder: Path, patterns: Sequence[str]) -> bool:
    return any(True for pattern in patterns for _ in folder.glob(pattern))


def _rows(config: dict[str, Any]) -> int | None:
    """How many tokens the model knows, as its configuration or that of its text part says."""
    parts = [config, config.get("text_config"), config.get("llm_config")]
    found = [part[name] for part in parts if isinstance(part, dict) for name in VOCABULARY if name in part]
    return max((size for size in found if isinstance(size, int)), default=None)


def _tokens(file: Path) -> int | None:
    """The highest token's number and one; None where the file does not tell."""
    told = _json(file)
    if told is None:
        return None
    vocabulary = (told.get("model") or {}).get("vocab")
    added = [token.get("id", -1) for token in told.get("added_tokens") or []]
    if isinstance(vocabulary, dict):
        numbers = list(vocabulary.values())
    elif isinstance(vocabulary, list):
        numbers = [len(vocabulary) - 1]
    else:
        return None
    return max([*numbers, *added], default=-1) + 1


def _json(file: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None

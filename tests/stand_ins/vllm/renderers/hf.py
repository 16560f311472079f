"""Chat templates, as vLLM finds them."""

from __future__ import annotations

from typing import Any


def resolve_chat_template(tokenizer: Any, **_: object) -> str | None:
    """The tokenizer's own."""
    found: str | None = tokenizer.chat_template
    return found

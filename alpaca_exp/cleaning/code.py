"""Rules about code examples that hold no code."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_FENCE = re.compile(r"```[\w+#-]*\s*(.*?)```", re.DOTALL)
_COMMENT = re.compile(r"^\s*(?:#|//|--|/\*|\*|\"\"\"|''').*$")
_STUB = re.compile(r"^\s*(?:pass|\.\.\.|return)?\s*$")
_ASKED = re.compile(r"\b(?:empty|skeleton|stub|header|signature|declare)\b", re.IGNORECASE)
_HEAD = re.compile(r"^\s*(?:async )?(?:def|class) .*:\s*$")


def is_empty_code(example: Example) -> str | None:
    """A code block with nothing in it, or functions whose bodies are nothing but comments."""
    if any(not fenced.strip() for fenced in _FENCE.findall(example.output)):
        return "the output holds an empty code block"
    lines = [line for line in example.output.splitlines() if line.strip()]
    if not any(_HEAD.match(line) for line in lines):
        return None
    bare = all(_HEAD.match(line) or _COMMENT.match(line) or _STUB.match(line) for line in lines)
    return "the code has no body" if bare and not _ASKED.search(example.instruction) else None

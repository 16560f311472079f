"""Whether a server's tokens are those that our tokenizer makes: token ids say nothing of what they mean."""

from __future__ import annotations

import re
from typing import Any

from alpaca_exp.llm.echo import Echo

BLANKS = str.maketrans("▁ĠĊĉ", "  \n\t")
"""How vocabularies write a blank, a line's end and a tabulator; some servers tell tokens like this."""
BY_NUMBER = re.compile(r"token_id:(\d+)")
"""How vLLM names tokens with return_tokens_as_token_ids."""
ENDS = 2
"""Tokens of the server's around a text, at most: one for its beginning, one that it wrote or that ends it."""


def difference(tokenizer: Any, ids: list[int], echo: Echo) -> str:
    """Where the tokens of a whole prompt that the server told of are not `ids`, in words; empty if nowhere.

    `ids` are those of the prompt with or without what our tokenizer puts around it; blanks are told in
    many ways, and what is not plain text is not compared. A server that names no tokens has to be believed
    the number of them.
    """
    special = set(tokenizer.all_special_ids)
    wanted = [one for one in ids if one not in special]
    more = echo.count - len(wanted)
    if not 0 <= more <= ENDS + len(ids) - len(wanted):
        return f"{echo.count} tokens where the tokenizer makes {len(ids)}"
    if len(echo.tokens) != echo.count:
        return ""
    ours = [_plain(tokenizer.decode([one])) for one in wanted]
    theirs = [echo.tokens[start : start + len(wanted)] for start in range(more + 1)]
    found = [_first(wanted, ours, each) for each in theirs]
    return max(found)[1] if all(place < len(wanted) for place, _ in found) else ""


def _first(ids: list[int], ours: list[str], theirs: list[str]) -> tuple[int, str]:
    """The first place at which they differ, and how; behind the last one if nowhere."""
    for place, (number, text, told) in enumerate(zip(ids, ours, theirs, strict=True)):
        by_number, said = BY_NUMBER.fullmatch(told), _plain(told)
        if by_number:
            if int(by_number[1]) != number:
                return place, f"its token {by_number[1]} where the tokenizer makes {number}"
        elif text and said and said != text and _readable(text) and _readable(said):
            return place, f"it reads {said!r} where the tokenizer makes {text!r}"
    return len(ids), ""


def _plain(token: str) -> str:
    """A token without the blanks around it, which are told in as many ways as there are servers."""
    return token.translate(BLANKS).strip()


def _readable(text: str) -> bool:
    """Whether it is plain text, not a piece of a letter's bytes."""
    return text.isascii() and not text.startswith(("bytes:", "<0x"))

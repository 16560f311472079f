"""The tokens of many contexts and what continues them: lm-eval's, from a few calls of the tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import has_bos_prefix
from numpy.typing import NDArray

Tokens = NDArray[np.int32]
Pair = tuple[Tokens, Tokens]
"""The tokens of a context and of what continues it."""
Texts = tuple[str, str]

AT_ONCE = 1000


def encoded(lm: HFLM, pairs: Sequence[Texts]) -> dict[Texts, Pair]:
    """What lm-eval's `_encode_pair` makes of each (context, continuation); no context may be empty.

    Both are encoded as one text, which is cut where the context alone would end; blanks at the context's
    end belong to what follows.
    """
    begins = [context.rstrip() for context, _ in pairs]
    wholes = [context + continuation for context, continuation in pairs]
    known = _tokens(lm, {*begins, *wholes})
    return {
        pair: (known[begin], known[whole][len(known[begin]) :])
        for pair, begin, whole in zip(pairs, begins, wholes, strict=True)
    }


def _tokens(lm: HFLM, texts: Iterable[str]) -> dict[str, Tokens]:
    """As `lm.tok_encode` gives them, which asks the tokenizer for one text at a time."""
    first = lm.tokenizer.decode(lm.prefix_token_id)
    plain: list[str] = []
    known: dict[str, Tokens] = {}
    for text in texts:
        if text and not has_bos_prefix(text, first):
            plain.append(text)
        else:
            known[text] = np.asarray(lm.tok_encode(text), dtype=np.int32)
    special: dict[str, Any] = {} if lm.add_bos_token is None else {"add_special_tokens": lm.add_bos_token}
    for start in range(0, len(plain), AT_ONCE):
        some = plain[start : start + AT_ONCE]
        known |= zip(some, _ids(lm.tokenizer, some, special), strict=True)
    return known


def _ids(tokenizer: Any, texts: Sequence[str], special: dict[str, Any]) -> Iterator[Tokens]:
    if tokenizer.is_fast:  # without the places of the tokens in the text, which take half of the time
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
        found = tokenizer.backend_tokenizer.encode_batch_fast(list(texts), **special)
        return (np.asarray(each.ids, dtype=np.int32) for each in found)
    return (np.asarray(ids, dtype=np.int32) for ids in tokenizer(list(texts), **special)["input_ids"])

"""What lm-eval's generative tasks ask for, written with refill: the same texts as its own greedy batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

from alpaca_exp.llm.local import LocalModel
from alpaca_exp.llm.writing import Answer, Task, write

SAMPLING = {"temperature", "top_k", "top_p", "typical_p"}
"""Of no meaning to the likeliest token."""
HEEDED = SAMPLING | {
    "_from_model_config", "bos_token_id", "cache_implementation", "do_sample", "eos_token_id", "max_length",
    "max_new_tokens", "pad_token_id", "transformers_version", "use_cache",
}  # fmt: skip
"""What a model's generation config may say without changing a greedy text, or what is seen to here."""

Stock = Callable[[list[Instance]], list[str]]


def generate_until(lm: HFLM, requests: Sequence[Instance], *, slots: int, stock: Stock) -> list[str]:
    """The text of each request, up to the first of its stop texts; `lm.cache_hook` is told of each at once.

    Prompts are truncated and read as lm-eval does it. What is no plain greedy writing (sampling, beams,
    penalties) is left to `stock`, lm-eval's own method.
    """
    tasks = {number: _task(lm, *request.args) for number, request in enumerate(requests)}
    ours = [(number, task) for number, task in tasks.items() if task]
    left = [number for number, task in tasks.items() if not task]
    texts = dict(zip(left, stock([requests[number] for number in left]), strict=True)) if left else {}

    def done(index: int, answer: Answer) -> None:
        number = ours[index][0]
        texts[number] = answer.text
        lm.cache_hook.add_partial("generate_until", requests[number].args, answer.text)

    write(LocalModel(lm.model, lm.tokenizer), [task for _, task in ours], slots=slots, done=done)
    return [texts[number] for number in range(len(requests))]


def _task(lm: HFLM, context: str, given: dict[str, Any]) -> Task | None:
    """The request as a task; None where more is wanted than the likeliest tokens."""
    settings = normalize_gen_kwargs(given, lm.max_gen_toks)
    end = lm.tok_decode(lm.eot_token_id, skip_special_tokens=False)
    stops = handle_stop_sequences(settings.pop("until", None), eos=end)
    limit = settings.pop("max_gen_toks")
    drawn = settings.pop("do_sample", False) or settings.pop("temperature", 0.0)
    configured = {name for name, value in lm.model.generation_config.to_diff_dict().items() if value}
    if drawn or set(settings) - SAMPLING or configured - HEEDED or lm.think_end_token:
        return None
    room = lm.max_length - limit
    tokens, _ = lm.tok_batch_encode([context], left_truncate_len=room, truncation=lm.truncation)
    return Task(tokens[0].tolist(), limit, tuple(filter(None, stops)))

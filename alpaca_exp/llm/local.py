"""Answers from a local transformers checkpoint: loaded once, asked in batches."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from alpaca_exp.errors import InputError
from alpaca_exp.ledger import report
from alpaca_exp.records import Usage
from alpaca_exp.schemas import RuntimeConfig

STOP_EVERY = 8
"""Steps between two looks for a stop text: decoding costs, a few tokens too many cost less."""


@dataclass(frozen=True)
class LocalModel:
    """A causal language model in evaluation mode, with its tokenizer."""

    model: Any
    tokenizer: Any

    @property
    def context(self) -> int:
        """The longest sequence that it can read, in tokens."""
        config = self.model.config
        sizes = (getattr(config, name, None) for name in ("max_position_embeddings", "n_positions"))
        return int(next((size for size in sizes if size), 2048))

    @property
    def ends(self) -> set[int]:
        """The tokens that end an answer."""
        found = self.model.generation_config.eos_token_id
        ends = {found} if isinstance(found, int) else set(found or ())
        return ends | ({self.tokenizer.eos_token_id} - {None})

    def chat(self, prompt: str, system: str = "") -> str:
        """The prompt in the model's own chat template. Raises InputError where it has none."""
        if not self.tokenizer.chat_template:
            raise InputError(
                "the model has no chat template, so it cannot be asked with teacher.endpoint=chat; "
                "set teacher.endpoint=completions"
            )
        said = [{"role": "system", "content": system}] if system else []
        said.append({"role": "user", "content": prompt})
        return str(self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer and what it took. `finish_reason` is "stop" or "length"."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int


def load(
    source: str | Path,
    *,
    runtime: RuntimeConfig,
    dtype: str = "auto",
    revision: str | None = None,
    field: str = "base_model.path",
) -> LocalModel:
    """The model and tokenizer of a folder, or of a hub name; `field` is where it was named.

    Raises InputError, in one sentence, where there is none, where it cannot be read or reached, and where
    the tokenizer has more words than the model.
    """
    if runtime.num_threads:
        torch.set_num_threads(runtime.num_threads)
    name = str(source)
    folder = Path(name).expanduser()
    local = folder.is_dir()
    if local and not (folder / "config.json").is_file():
        raise InputError(f"{folder} is no model: it has no config.json; name a folder that has one")
    if not local and (isinstance(source, Path) or name.startswith(("/", ".", "~")) or name.count("/") > 1):
        raise InputError(f"the model folder {name} does not exist; check the path ({field})")
    place = str(folder) if local else name
    options = {"revision": revision, "local_files_only": local or runtime.offline}
    with _silent():
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(place, **options)
            model: Any = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **options)
        except Exception as error:  # a dozen classes of three libraries, all of them about this one input
            raise InputError(_loading_problem(name, local, runtime.offline, error, field)) from error
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise InputError(
            f"the tokenizer of {name} has {len(tokenizer)} tokens, but its model has rows for {rows}; "
            "they do not belong together"
        )
    return LocalModel(model.to(device(runtime)).eval(), tokenizer)


def device(runtime: RuntimeConfig) -> torch.device:
    """Where the mathematics is done: `runtime.accelerator`, "auto" taking a GPU if there is one."""
    found = torch.cuda.is_available()
    if runtime.accelerator == "gpu" and not found:
        raise InputError("runtime.accelerator is gpu, but torch finds none; set it to auto or cpu")
    return torch.device("cuda" if found and runtime.accelerator != "cpu" else "cpu")


@contextlib.contextmanager
def gpu_time(local: LocalModel, out: Path, part: str) -> Iterator[None]:
    """Reports the time until the block's end as the GPU time of the stage at `out`; nothing on a CPU."""
    start = time.monotonic()
    yield
    if local.model.device.type == "cuda":
        report(out, Usage(gpu_hours=(time.monotonic() - start) / 3600), part)


def batches(local: LocalModel, prompts: Sequence[str], size: int) -> list[list[int]]:
    """The prompts' indices in batches of similar length, the longest first."""
    lengths = [len(ids) for ids in local.tokenizer(list(prompts))["input_ids"]] if prompts else []
    order = sorted(range(len(prompts)), key=lambda index: (-lengths[index], index))
    return [order[start : start + size] for start in range(0, len(order), size)]


def answerable(local: LocalModel, prompt: str) -> bool:
    """Whether the prompt leaves room for an answer in the model's context."""
    return len(local.tokenizer(prompt)["input_ids"]) < local.context


@torch.inference_mode()
def answer(
    local: LocalModel,
    prompts: Sequence[str],
    *,
    max_tokens: int,
    temperature: float,
    seeds: Sequence[int],
    top_p: float = 1.0,
    stop: Sequence[str] = (),
) -> list[Answer]:
    """One answer for each prompt: greedy at temperature 0, else drawn with the prompt's own seed.

    What is drawn for a prompt does not depend on its neighbours in the batch. An answer stops at the end
    token, before the first of the texts in `stop`, after `max_tokens`, or where the model's context is
    full. Raises InputError where a prompt alone fills the context.
    """
    encoded = [list(ids) for ids in local.tokenizer(list(prompts))["input_ids"]]
    longest = max(map(len, encoded))
    if longest >= local.context:
        prompt = prompts[max(range(len(encoded)), key=lambda index: len(encoded[index]))]
        raise InputError(
            f"the prompt {prompt[:60]!r}... is {longest} tokens long, but the model reads {local.context}; "
            "shorten it or take a model with a longer context"
        )
    limits = [min(max_tokens, local.context - len(ids)) for ids in encoded]
    noise = torch.stack([_noise(seed, max(limits)) for seed in seeds]) if temperature > 0 else None
    ends = local.ends
    written: list[list[int]] = [[] for _ in encoded]
    ended = [False] * len(encoded)
    for step, logits in enumerate(_steps(local, encoded, written, max(limits))):
        tokens = _choose(logits, temperature, top_p, None if noise is None else noise[:, step])
        for row, token in enumerate(tokens):
            if not ended[row] and len(written[row]) < limits[row]:
                ended[row] = token in ends
            written[row].append(token)
        if stop and step % STOP_EVERY == STOP_EVERY - 1:
            limits = [
                step + 1 if step + 1 < limit and _says(local, row, stop) else limit
                for row, limit in zip(written, limits, strict=True)
            ]
        if all(end or step + 1 >= limit for end, limit in zip(ended, limits, strict=True)):
            break
    rows = zip(encoded, written, limits, ended, strict=True)
    return [_answer(local, prompt, tokens[:limit], end, stop) for prompt, tokens, limit, end in rows]


def seed_of(seed: int, question_id: str) -> int:
    """A question's own seed: the same whatever else is asked."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{question_id}".encode()).digest()[:7], "big")


def _steps(
    local: LocalModel, encoded: list[list[int]], written: list[list[int]], limit: int
) -> Iterator[torch.Tensor]:
    """The next token's logits [rows, vocabulary], step by step; the caller appends the tokens it chose."""
    model, width = local.model, max(map(len, encoded))
    pad = local.tokenizer.pad_token_id or 0
    place = model.device
    tokens = torch.tensor([[pad] * (width - len(ids)) + ids for ids in encoded], device=place)
    mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in encoded], device=place)
    known = inspect.signature(model.forward).parameters
    last = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
    cache = None
    for _ in range(limit):
        positions = (mask.cumsum(1) - 1).clamp(0, local.context - 1)[:, -tokens.shape[1] :]
        where = {"position_ids": positions} if "position_ids" in known else {}
        out = model(
            input_ids=tokens, attention_mask=mask, past_key_values=cache, use_cache=True, **where, **last
        )
        cache = out.past_key_values
        yield out.logits[:, -1].float()
        tokens = torch.tensor([[row[-1]] for row in written], device=place)
        mask = torch.cat([mask, mask.new_ones(len(encoded), 1)], dim=1)


def _choose(logits: torch.Tensor, temperature: float, top_p: float, noise: torch.Tensor | None) -> list[int]:
    """One token a row: the likeliest, or the one at the row's uniform draw on the cumulated probabilities."""
    if noise is None:
        return [int(token) for token in logits.argmax(-1)]
    chances = (logits.double() / temperature).softmax(-1)
    heap = (chances if top_p >= 1 else _nucleus(chances, top_p)).cumsum(-1)
    drawn = torch.searchsorted(heap, noise.to(heap.device).unsqueeze(1) * heap[:, -1:], right=True)
    return [int(token) for token in drawn.squeeze(1).clamp(max=logits.shape[-1] - 1)]


def _says(local: LocalModel, tokens: list[int], texts: Sequence[str]) -> bool:
    said = local.tokenizer.decode(tokens, skip_special_tokens=True)
    return any(text in said for text in texts)


def _nucleus(chances: torch.Tensor, top_p: float) -> torch.Tensor:
    """Nought for all but the likeliest tokens that together reach `top_p` (nucleus sampling)."""
    sorted_, order = chances.sort(dim=-1, descending=True, stable=True)
    before = sorted_.cumsum(-1) - sorted_
    return chances.scatter(-1, order, sorted_.where(before < top_p, torch.zeros_like(sorted_)))


def _noise(seed: int, count: int) -> torch.Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _answer(
    local: LocalModel, prompt: list[int], tokens: list[int], ended: bool, stop: Sequence[str]
) -> Answer:
    if ended:
        tokens = tokens[: next(i for i, token in enumerate(tokens) if token in local.ends)]
    text = local.tokenizer.decode(tokens, skip_special_tokens=True)
    cuts = [text.index(word) for word in stop if word in text]
    if cuts:
        text, ended = text[: min(cuts)], True
    return Answer(text.strip(), "stop" if ended else "length", len(prompt), len(tokens) + ended)


def _loading_problem(name: str, local: bool, offline: bool, error: Exception, field: str) -> str:
    reason = " ".join(str(error).split()).split(". ")[0][:200] or type(error).__name__
    if local:
        return f"the model in {name} cannot be loaded: {reason}"
    if offline:
        return (
            f"the model {name} is not on this machine, and runtime.offline forbids fetching it; fetch it "
            f"before, or give a folder as {field}"
        )
    return (
        f"the model {name} cannot be had from the hub: {reason}; check the name, the network and your access "
        f"to it, or give a folder as {field}"
    )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """No progress bars and no log lines while a model is loaded."""
    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    retries = logging.getLogger("huggingface_hub")
    level = retries.level
    retries.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        retries.setLevel(level)
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]

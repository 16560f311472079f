"""A local transformers checkpoint: loaded once, with what it knows of itself."""

from __future__ import annotations

import contextlib
import hashlib
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
from alpaca_exp.prefetched import hub_options
from alpaca_exp.records import Usage
from alpaca_exp.schemas import RuntimeConfig


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

    def encode(self, text: str) -> list[int]:
        """Its tokens; at least one, with which an answer to nothing can begin."""
        tokens: list[int] = self.tokenizer(text)["input_ids"]
        first = self.tokenizer.bos_token_id
        return tokens or [self.tokenizer.eos_token_id if first is None else first]

    def chat(self, prompt: str, system: str = "", group: str = "teacher") -> str:
        """The prompt in the model's own chat template. Raises InputError where it has none.

        `group` is the config's part in which it was chosen.
        """
        if not self.tokenizer.chat_template:
            raise InputError(
                f"the model has no chat template, so it cannot be asked with {group}.endpoint=chat; "
                f"set {group}.endpoint=completions"
            )
        said = [{"role": "system", "content": system}] if system else []
        said.append({"role": "user", "content": prompt})
        return str(self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True))


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
    options = {"revision": revision, **hub_options(name, revision, offline=local or runtime.offline)}
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


def encode(local: LocalModel, prompts: Sequence[str]) -> list[list[int]]:
    """The prompts' tokens. Raises InputError where a prompt alone fills the context."""
    encoded = [local.encode(prompt) for prompt in prompts]
    for prompt, tokens in zip(prompts, encoded, strict=True):
        if len(tokens) >= local.context:
            raise InputError(
                f"the prompt {prompt[:60]!r}... is {len(tokens)} tokens long, but the model reads "
                f"{local.context}; shorten it or take a model with a longer context"
            )
    return encoded


def seed_of(seed: int, question_id: str) -> int:
    """A question's own seed: the same whatever else is asked."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{question_id}".encode()).digest()[:7], "big")


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

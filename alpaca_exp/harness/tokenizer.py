"""The tokenizer of a model behind a server: a folder's, or the hub's."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from alpaca_exp.errors import InputError
from alpaca_exp.harness.quiet import muted
from alpaca_exp.hub_files import Unreachable, listing
from alpaca_exp.prefetched import hub_options
from alpaca_exp.schemas import ApiModelConfig, RuntimeConfig

FILES = ("tokenizer_config.json", "tokenizer.json")
"""Either is in the hub's own cache where a tokenizer was fetched once."""


def tokenizer_of(config: ApiModelConfig, runtime: RuntimeConfig) -> Any | None:
    """The tokenizer that splits texts as the server does; None where tasks are done by letter.

    Raises InputError where there is none.
    """
    if not (config.by_loglikelihood and config.tokenizer):
        return None
    place = Path(config.tokenizer).expanduser()
    if place.is_dir():
        return _loaded(config.tokenizer, str(place), {"local_files_only": True})
    where = hub_options(config.tokenizer, None, offline=runtime.offline, kind="tokenizer")
    if not where["local_files_only"]:
        where["local_files_only"] = not _reachable(config.tokenizer)
    return _loaded(config.tokenizer, config.tokenizer, where)


def _reachable(name: str) -> bool:
    """Whether the hub has it; false where there is no way there, and an earlier copy is here.

    Asked once: transformers asks for file after file, and waits a minute before it believes the answer.
    """
    try:
        listing("model", name, None)
    except InputError as error:
        if isinstance(error, Unreachable) and _cached(name):
            return False
        raise _missing(name, str(error)) from None
    return True


def _cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(name, file), str) for file in FILES)


def _loaded(told: str, name: str, where: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    with muted():
        try:
            return AutoTokenizer.from_pretrained(name, **where)
        except Exception as error:  # a dozen classes of three libraries, all of them about this one input
            reason = textwrap.shorten(str(error), 200, placeholder=" ...") or type(error).__name__
            raise _missing(told, reason) from error


def _missing(name: str, reason: str) -> InputError:
    return InputError(
        f"base_model.tokenizer={name} cannot be had: {reason.rstrip('.')}. Or name a folder that holds the "
        "model's own tokenizer"
    )

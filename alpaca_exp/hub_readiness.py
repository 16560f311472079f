"""What of the hub's a run would miss on this machine: not fetched, or not as it was fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alpaca_exp.artifacts import Stage
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.needs import Need, missing, needs
from alpaca_exp.schemas import RuntimeConfig

REMEDY = "with action=prefetch where there is a network, and bring that folder here"


def hub_obstacles(stages: Mapping[str, Stage], runtime: RuntimeConfig) -> Iterator[str]:
    """One sentence for each thing: damaged, or (with `runtime.offline`) not on this machine.

    A data set that is not here is said by its reader, an unknown task by who reads their names.
    """
    folder = runtime.prefetched
    try:
        lacking = missing(needs(stages, runtime.outputs), folder)
    except ConfigError:
        return
    except InputError as error:
        yield str(error)
        return
    for _, broken in lacking:
        if broken:
            yield f"{broken}; action=prefetch, where there is a network, fetches it again"
    if runtime.offline:
        yield from _absent([need for need, broken in lacking if not broken], folder)


def _absent(absent: list[Need], folder: Path) -> Iterator[str]:
    tasks = [need.name for need in absent if need.kind == "task"]
    for need in absent:
        if need.kind in ("model", "tokenizer") and not _cached(need):
            yield (
                f"runtime.offline is true and {need.field}={need.name} is neither a folder, nor in {folder}, "
                f"nor in the hub's local cache; fetch it {REMEDY}, or give a folder"
            )
    if tasks:
        yield (
            f"runtime.offline is true, eval_suite.mirror is not set, and the documents of the tasks "
            f"{', '.join(tasks)} are not in {folder}; fetch them {REMEDY}, or name one that holds them with "
            "eval_suite.mirror=FOLDER"
        )


def _cached(need: Need) -> bool:
    """Whether the hub's own cache has it."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    file = "config.json" if need.kind == "model" else "tokenizer_config.json"
    try:
        return isinstance(try_to_load_from_cache(need.name, file, revision=need.revision), str)
    except HFValidationError:  # a path of a folder that is not there
        return False

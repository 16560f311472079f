"""Where the documents of a suite's tasks are: in the mirror that was named, else where they were fetched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.needs import needed_datasets
from alpaca_exp.prefetched import TASKS, entries
from alpaca_exp.schemas import EvalSuiteConfig, RuntimeConfig


def suite_documents(suite: EvalSuiteConfig, runtime: RuntimeConfig) -> dict[str, Path]:
    """The files of each task, by whose content an evaluation is known; nothing of those not fetched yet.

    Raises ConfigError where a mirror lacks them.
    """
    folder = runtime.prefetched
    listed = {name for entry in entries(folder) for name in entry.files if (folder / name).is_file()}
    if suite.mirror is not None or not listed:
        return mirror_files(suite)
    wanted = {
        f"{TASKS}/{each.folder}/{split}.jsonl" for each in needed_datasets(suite) for split in each.splits
    }
    mirror = folder / TASKS if wanted and wanted <= listed else None
    return mirror_files(replace(suite, mirror=mirror))

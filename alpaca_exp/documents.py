"""Where the documents of a suite's tasks are: in the mirror that was named, else where they were fetched."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from alpaca_exp.cleaning.files import count_rows
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


def count_documents(file: Path) -> int:
    """How many documents a file of a mirror holds, whatever its format; 0 where it cannot be read."""
    if file.suffix in (".csv", ".tsv"):  # below a line of names; a field may hold line ends
        with file.open(encoding="utf-8", newline="") as opened:
            lines = csv.reader(opened, delimiter="\t" if file.suffix == ".tsv" else ",")
            return max(0, sum(1 for line in lines if line) - 1)
    return _count_arrow(file) if file.suffix == ".arrow" else count_rows(file)


def _count_arrow(file: Path) -> int:
    """What `save_to_disk` left: a stream of Arrow's batches, or (from other hands) a file of them."""
    import pyarrow

    with pyarrow.memory_map(str(file)) as opened:
        try:
            return sum(batch.num_rows for batch in pyarrow.ipc.open_stream(opened))
        except pyarrow.ArrowInvalid:
            opened.seek(0)
        try:
            found = pyarrow.ipc.open_file(opened)
            return sum(found.get_batch(number).num_rows for number in range(found.num_record_batches))
        except pyarrow.ArrowInvalid:
            return 0

"""Money that was spent is seen wherever a user looks, also where the run did not end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.servers import Server
from tests.stories import TINY, runs

WORDS = (
    "+experiment=uncapped", *TINY, "judge=none", "teacher=local_server", "teacher.num_examples=200",
    "teacher.tasks_per_request=5", "teacher.round_size=8", "teacher.concurrency=4",
    "teacher.usd_per_million_in=1", "teacher.usd_per_million_out=4",
)  # fmt: skip


def test_a_stopped_run_says_what_it_paid_and_the_next_counts_only_its_own(
    tmp_path: Path, command: Any
) -> None:
    outputs = tmp_path / "outputs"
    with Server() as server:
        words = (*WORDS, f"teacher.base_url={server.base_url}", f"runtime.outputs={outputs}")
        first = command(*words, "teacher.budget_usd=0.02")
        assert first.returncode == 3, first.stderr
        second = command(*words, "teacher.budget_usd=0.03")
        assert second.returncode == 3, second.stderr
    [one, two] = [run["usd"] for run in runs(outputs)]
    assert 0 < one < 0.02 and 0 < two < 0.02 and one + two <= 0.03
    assert re.findall(r"Paid in this run: \$(0\.\d{4})", first.stderr) == [f"{one:.4f}"]
    assert "HTTP Request" not in first.stdout + first.stderr

"""Killed at any moment, the same command ends with the same scores; side by side, nothing is made twice."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from alpaca_exp.artifacts import RECORD
from alpaca_exp.report.formats import FORMATS
from tests.stories import TINIEST, Started, made, records, run_in, runs, start_in

STAGES = ("generate", "curate", "pretrain", "train", "evaluate", "complete", "judge", "compare")
WORDS = ("+experiment=cleaned", *TINIEST, "runtime.checkpoint_every_s=0.3")
MOST_S = 0.2
"""How far into a stage a kill comes at most; what a stage took afresh, it took to import."""


def finish(process: Started) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run left that nobody disturbed, in an interpreter of its own."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    finish(start_in(folder, *WORDS, fresh=True))
    return folder / "outputs"


def killed(folder: Path, moments: Iterable[tuple[str, float]]) -> Iterator[str]:
    """Kill the command so many seconds into a stage, over and over in one folder; then let it end.

    Gives the stages that were cut off.
    """
    for stage, seconds in moments:
        process = start_in(folder, *WORDS)
        while not (begun := list(folder.glob(f"outputs/{stage}/*"))) and process.poll() is None:
            time.sleep(0.002)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if not all((artifact / RECORD).exists() for artifact in begun):
            yield stage
    finish(start_in(folder, *WORDS))


def tables(folder: Path) -> dict[str, str]:
    """What `report` prints of the runs in a folder, by format."""
    printed = {}
    for form in FORMATS:
        done = run_in(folder, "--rows", "dataset_variant", "--format", form, module="alpaca_exp.report")
        assert done.returncode == 0, done.stderr
        printed[form] = done.stdout
    return printed


@pytest.mark.long
def test_a_kill_in_each_stage_changes_no_byte(uninterrupted: Path, tmp_path: Path) -> None:
    chance = random.Random(0)
    took = {record["stage"]: record["seconds"] for record in records(uninterrupted).values()}
    moments = [(stage, chance.uniform(0, 0.8) * min(took[stage], MOST_S)) for stage in STAGES]
    cut_off = set(killed(tmp_path, moments))
    assert {"pretrain", "evaluate"} <= cut_off, "the longest"
    assert made(tmp_path / "outputs") == made(uninterrupted)
    assert tables(tmp_path) == tables(uninterrupted.parent)


def test_the_same_run_and_the_same_table_again_are_the_same_bytes(uninterrupted: Path) -> None:
    first = tables(uninterrupted.parent)
    assert "cleaned" in first["csv"] and set(first) == {"markdown", "latex", "csv", "html"}
    finish(start_in(uninterrupted.parent, *WORDS))
    assert tables(uninterrupted.parent) == first


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_kills_at_any_moment_change_no_byte(uninterrupted: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    moments = [(chance.choice(STAGES), chance.uniform(0, MOST_S)) for _ in range(10)]
    assert set(killed(tmp_path, sorted(moments, key=lambda moment: STAGES.index(moment[0]))))
    assert made(tmp_path / "outputs") == made(uninterrupted)


def test_three_processes_at_once_make_each_stage_once(uninterrupted: Path, tmp_path: Path) -> None:
    processes = [start_in(tmp_path, *WORDS) for _ in range(3)]
    printed = []
    for process in processes:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        printed += [line.split()[-1] for line in out.splitlines() if " made in " in line]
    outputs = tmp_path / "outputs"
    assert len(printed) == len(set(printed)) == len(records(outputs))
    assert made(outputs) == made(uninterrupted)
    assert len({tuple(sorted(run["artifacts"].items())) for run in runs(outputs)}) == 1


def test_a_signal_stops_with_code_3_and_the_same_command_goes_on(uninterrupted: Path, tmp_path: Path) -> None:
    process = start_in(tmp_path, *WORDS)
    while not list(tmp_path.glob("outputs/pretrain/*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3 and "same command" in errors and "Traceback" not in errors
    assert runs(tmp_path / "outputs")[-1]["status"] == "stopped"
    finish(start_in(tmp_path, *WORDS))
    assert made(tmp_path / "outputs") == made(uninterrupted)

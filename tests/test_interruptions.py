"""Killed at any moment, the same command ends with the same scores; side by side, nothing is made twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stories import ROOT, TINIEST, made, records, runs

WORDS = ("-m", "alpaca_exp", "+experiment=cleaned", *TINIEST, "runtime.checkpoint_every_s=0.3")


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *WORDS, *more],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run that nobody disturbed, and the seconds it took."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    clock = time.monotonic()
    finish(start(folder))
    return folder, time.monotonic() - clock


def killed_at_random(folder: Path, whole: tuple[Path, float], kills: int, seed: int) -> None:
    """Kill the command at `kills` random moments, over and over in one folder; then let it end."""
    chance = random.Random(seed)
    for _ in range(kills):
        process = start(folder)
        try:
            process.wait(timeout=chance.uniform(0.05, 0.9) * whole[1])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(folder))
    assert made(folder / "outputs") == made(whole[0] / "outputs")


def test_five_kills_change_no_byte(uninterrupted: tuple[Path, float], tmp_path: Path) -> None:
    killed_at_random(tmp_path / "killed", uninterrupted, kills=5, seed=0)


@pytest.mark.long
def test_twenty_kills_change_no_byte(uninterrupted: tuple[Path, float], tmp_path: Path) -> None:
    for seed in range(4):
        killed_at_random(tmp_path / f"killed{seed}", uninterrupted, kills=5, seed=seed + 1)


def test_three_processes_at_once_make_each_stage_once(
    uninterrupted: tuple[Path, float], tmp_path: Path
) -> None:
    processes = [start(tmp_path / "shared") for _ in range(3)]
    printed = []
    for process in processes:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        printed += [line.split()[-1] for line in out.splitlines() if " made in " in line]
    outputs = tmp_path / "shared" / "outputs"
    assert len(printed) == len(set(printed)) == len(records(outputs))
    assert made(outputs) == made(uninterrupted[0] / "outputs")
    assert len({tuple(sorted(run["artifacts"].items())) for run in runs(outputs)}) == 1


def test_a_signal_stops_with_code_3_and_the_same_command_goes_on(
    uninterrupted: tuple[Path, float], tmp_path: Path
) -> None:
    process = start(tmp_path / "stopped")
    while not list((tmp_path / "stopped").glob("outputs/pretrain/*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3 and "same command" in errors and "Traceback" not in errors
    assert runs(tmp_path / "stopped" / "outputs")[-1]["status"] == "stopped"
    finish(start(tmp_path / "stopped"))
    assert made(tmp_path / "stopped" / "outputs") == made(uninterrupted[0] / "outputs")

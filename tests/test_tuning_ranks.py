from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Stage, run
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.following import follow
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.tuning import ranks
from tests.rank_jobs import fails, introduces_itself, makes_data, trains_together, waits

TWO = RuntimeConfig(devices="2", accelerator="cpu")


def test_each_rank_gets_the_stages_own_call_and_only_the_first_ones_files_stay(tmp_path: Path) -> None:
    introduces_itself("Ada", runtime=TWO, out=tmp_path)
    assert (tmp_path / "who").read_text() == "Ada"
    assert {path.name: path.read_text() for path in tmp_path.glob("note-*")} == {
        "note-0": "0 of 2 at 0",
        "note-1": "1 of 2 at 1",
    }


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ("input", InputError, "nothing to learn"),
        ("bug", RuntimeError, r"(?s)rank 1 of 2 ended with 1.*ZeroDivisionError: a bug"),
        ("killed", RuntimeError, "rank 1 of 2 ended with -9"),
    ],
)
def test_a_rank_that_fails_ends_the_others_and_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, error: type[Exception], words: str
) -> None:
    monkeypatch.setattr(ranks, "GRACE_S", 0.1)
    with pytest.raises(error, match=words):
        fails(how, runtime=TWO, out=tmp_path)


def test_a_signal_is_passed_on_and_the_ranks_own_words_come_back(tmp_path: Path) -> None:
    threading.Thread(target=lambda: (pids(tmp_path), os.kill(os.getpid(), signal.SIGTERM))).start()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match="after step 3 of 8"):
        waits(runtime=TWO, out=tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_ranks_do_not_outlive_a_killed_starter(tmp_path: Path) -> None:
    starter = multiprocessing.get_context("fork").Process(
        target=waits, kwargs={"runtime": TWO, "out": tmp_path}
    )
    starter.start()
    started = pids(tmp_path)
    starter.kill()
    starter.join()
    assert all(until(lambda pid=pid: not alive(pid)) for pid in started)


def test_several_machines_must_say_which_is_which_and_where_they_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NODE_RANK", "SLURM_NODEID", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="once on each, with srun --ntasks-per-node=1"):
        introduces_itself("Ada", runtime=replace(TWO, num_nodes=2), out=tmp_path)
    monkeypatch.setenv("SLURM_NODEID", "0")
    with pytest.raises(InputError, match="MASTER_ADDR and MASTER_PORT are not set"):
        introduces_itself("Ada", runtime=replace(TWO, num_nodes=2), out=tmp_path)


def test_a_second_machine_takes_part_in_trainings_and_in_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines are two processes here; they meet in what their ranks write into the one folder."""
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    runtime = replace(TWO, devices="1", num_nodes=2)
    data = Stage("curate", makes_data, {})
    stages = {
        "data": data,
        "train": Stage("train", trains_together, {}, {"data": data}, {"runtime": runtime}),
    }
    second = multiprocessing.get_context("fork").Process(target=on_machine, args=(1, stages, tmp_path))
    second.start()
    monkeypatch.setenv("NODE_RANK", "0")
    trained = run(stages["train"], tmp_path)
    second.join()
    assert second.exitcode == 0
    assert set(trained.record["files"]) == {"model", "rank-0", "rank-1"}
    follow(stages, tmp_path)  # all is made: nothing to join


def on_machine(number: int, stages: dict[str, Stage], outputs: Path) -> None:
    os.environ["NODE_RANK"] = str(number)
    follow(stages, outputs, poll_s=0.02)


def pids(folder: Path) -> list[int]:
    """Of the two ranks, once they listen."""
    files = [folder / "pid-0", folder / "pid-1"]
    assert until(lambda: all(file.exists() and file.read_text() for file in files))
    return [int(file.read_text()) for file in files]


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()

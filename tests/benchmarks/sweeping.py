"""What a sweep costs beside its jobs: ours against Hydra's own sweeper and launcher, in one process.

    python -m tests.benchmarks.sweeping                   1,000 jobs of ours, 100 of the peer's: some minutes
    python -m tests.benchmarks.sweeping --jobs 100        shorter

The jobs are trivial: all find the same two rows of data, made by the first. Counted is what passes between
the command's first sweep-related step and its end, without the time in which configurations are composed and
loaded: of the peer in `load_sweep_config` and `load`, of ours in `Composer`. What a job itself does (plan,
checks, looking for its artifact, writing `run.json`) is counted on both sides; the peer keeps no table, no
log and no history. Processor time is told beside: other work on the machine does not lengthen it. Silence is
the longest pause in what the command prints. The peer's memory and silence grow with its jobs, of which there
are fewer (`peer_n`).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROWS = (
    '{"instruction": "Add 1 and 2.", "input": "", "output": "3"}\n'
    '{"instruction": "Add 2 and 2.", "input": "", "output": "4"}\n'
)
WORDS = ("dataset_variant.source=rows.jsonl", "trainer=none", "eval_suite=none", "judge=none")
PEER = "Hydra's basic sweeper and launcher"
THEIRS = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
Figures = dict[str, float]


def main() -> None:
    """Run both, print the figures, the JSON line last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--peer-jobs", type=int, default=100, help="it takes half a second for each")
    parser.add_argument("--measured", metavar="WHO", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measured:
        _measured(chosen.measured, chosen.jobs)
        return
    fewer = min(chosen.jobs, chosen.peer_jobs)
    ours, peer = _run("ours", chosen.jobs), _run("peer", fewer)
    rows = [_row(case, ours[key], peer[key]) | {"peer_n": fewer} for case, key in CASES.items()]
    for row in rows:
        print(f"{row['case']:48} ours {row['ours']:10.2f}   peer {row['peer']:10.2f}")
    print(json.dumps(_summary(rows, chosen.jobs)))


CASES = {
    "ms a job above composing and loading": "above_ms",
    "ms of processor a job above composing and loading": "above_cpu_ms",
    "ms a job, all": "all_ms",
    "MB of memory, growth over its jobs": "memory_mb",
    "seconds of silence before the first job ended": "silent_start_s",
    "seconds of silence, longest": "silent_s",
}


def _row(case: str, ours: float, peer: float) -> dict[str, Any]:
    ratio = round(peer / ours, 2) if ours > 0 else None
    return {"case": case, "ratio": ratio, "ours": round(ours, 3), "peer": round(peer, 3), "peer_name": PEER}


def _summary(rows: list[dict[str, Any]], jobs: int) -> dict[str, Any]:
    top = {key: rows[0][key] for key in ("ratio", "ours", "peer")}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {
        "name": "sweeping",
        **top,
        "unit": "ms",
        "machine": machine,
        "threads": 1,
        "n": jobs,
        "rows": rows,
    }


def _run(who: str, jobs: int) -> Figures:
    """One command in a process and a folder of its own; its pauses are seen from here."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows.jsonl").write_text(ROWS)
        command = [
            sys.executable,
            "-u",
            "-m",
            "tests.benchmarks.sweeping",
            "--measured",
            who,
            "--jobs",
            str(jobs),
        ]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        silent, silent_start = _pauses(process)
        assert process.wait() == 0, f"{who} ended with {process.returncode}"
        told = json.loads((Path(folder) / "figures.json").read_text())
    return {
        "above_ms": 1000 * (told["seconds"] - told["composing"]) / jobs,
        "above_cpu_ms": 1000 * (told["cpu"] - told["composing_cpu"]) / jobs,
        "all_ms": 1000 * told["seconds"] / jobs,
        "memory_mb": told["memory_kb"] / 1000,
        "silent_s": silent,
        "silent_start_s": silent_start,
    }


def _pauses(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """The longest pause of all, and the longest before the first job's end."""
    assert process.stdout is not None
    last, longest, start = time.monotonic(), 0.0, 0.0
    while said := os.read(process.stdout.fileno(), 1 << 16):
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        if not start and (b" done " in said or b"curate " in said):
            start = longest
    return longest, start


def _measured(who: str, jobs: int) -> None:
    """Be the command, and note what it took."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.hydra import Hydra

    from alpaca_exp import __main__ as command
    from alpaca_exp.sweeping.composing import Composer

    spent = [0.0, 0.0]
    if who == "ours":
        _time(Composer, "__call__", spent)
    else:
        _time(ConfigLoaderImpl, "load_sweep_config", spent)
        _time(command, "load", spent)
    began: list[tuple[float, float]] = []
    before = [0.0]
    multirun = Hydra.multirun

    def begun(*args: Any, **named: Any) -> Any:
        began.append(_clocks())
        before[0] = _resident_kb()
        return multirun(*args, **named)

    Hydra.multirun = begun  # type: ignore[method-assign]
    sweeper = (
        [] if who == "ours" else [f"hydra.sweeper._target_={THEIRS}", "+hydra.sweeper.max_batch_size=null"]
    )
    sys.argv = ["alpaca_exp", "--multirun", *WORDS, *sweeper, f"seed=range({jobs})"]
    command.main()
    seconds, cpu = (now - then for now, then in zip(_clocks(), began[0], strict=True))
    told = {"seconds": seconds, "composing": spent[0], "cpu": cpu, "composing_cpu": spent[1]}
    told["memory_kb"] = _resident_kb() - before[0]
    Path("figures.json").write_text(json.dumps(told))


def _time(holder: Any, name: str, spent: list[float]) -> None:
    """Add what calls of `holder.name` take to `spent`."""
    function: Callable[..., Any] = getattr(holder, name)

    @functools.wraps(function)
    def timed(*args: Any, **named: Any) -> Any:
        start = _clocks()
        try:
            return function(*args, **named)
        finally:
            for index, (now, then) in enumerate(zip(_clocks(), start, strict=True)):
                spent[index] += now - then

    setattr(holder, name, timed)


def _clocks() -> tuple[float, float]:
    """The time, and how much of the processor this process has had."""
    return time.perf_counter(), time.process_time()


def _resident_kb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()

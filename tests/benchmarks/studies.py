"""What a study costs beside its trials, against plain Optuna; how many trials four processes make of forty.

    python -m tests.benchmarks.studies                    100 trials; PostgreSQL where it is here: minutes
    python -m tests.benchmarks.studies --trials 20        shorter

The trials are trivial: all find the same two rows of data. Counted of ours is what passes between the first
ask and the last tell, without the time in which configurations are composed, loaded and planned and jobs run
(which a grid's jobs cost too, see `sweeping`): asking and telling in turns with other processes, the table's
rows, trial.json, optimization_results.yaml and trials.jsonl after each trial. The peer is a loop of
`study.ask`, one `suggest_int` and `study.tell` on the same kind of storage, which keeps nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.sweeping import ROOT, ROWS, WORDS, _time

STUDY = (
    "--multirun", "hydra/sweeper=optuna", *WORDS, "hydra.sweeper.objectives={rows: maximize}",
    "teacher.seed=interval(0,1000000)", "name=study",
)  # fmt: skip
PEER = "Optuna's ask and tell"
FILES = {"SQLite": "sqlite:///study.db", "journal file": "journal://study.log"}
PROCESSES, FORTY = 4, 40


def main() -> None:
    """Measure, print the figures, the JSON line last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--measured", nargs=2, metavar=("WHO", "STORAGE"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measured:
        _measured(*chosen.measured, chosen.trials)
        return
    rows = []
    with _storages() as storages:
        for name, address in storages.items():
            ours, peer = (_run(who, address, chosen.trials) for who in ("ours", "peer"))
            rows.append(_row(f"ms a trial beside its job, {name}", ours, peer, PEER))
            made, failed = _together(address)
            rows.append(
                _row(f"trials of {FORTY} wanted, {PROCESSES} processes, {name}", made, FORTY, "wanted")
            )
            rows.append(_row(f"trials that failed, {PROCESSES} processes, {name}", failed, 0, "wanted"))
    for row in rows:
        print(f"{row['case']:56} ours {row['ours']:8.2f}   {row['peer_name']} {row['peer']:8.2f}")
    print(json.dumps(_summary(rows, chosen.trials)))


def _row(case: str, ours: float, peer: float, name: str) -> dict[str, Any]:
    ratio = round(peer / ours, 2) if ours > 0 else None
    return {"case": case, "ratio": ratio, "ours": round(ours, 3), "peer": round(peer, 3), "peer_name": name}


def _summary(rows: list[dict[str, Any]], trials: int) -> dict[str, Any]:
    top = {key: rows[0][key] for key in ("ratio", "ours", "peer")}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    told = {"name": "studies", **top, "unit": "ms", "machine": machine, "threads": 1, "n": trials}
    return {**told, "rows": rows}


@contextmanager
def _storages() -> Iterator[dict[str, str]]:
    import pytest

    from tests.databases import PASSWORD, postgresql

    try:
        with postgresql() as database:
            os.environ["PGPASSWORD"] = PASSWORD
            yield {**FILES, "PostgreSQL": database.address}
    except pytest.skip.Exception as reason:
        print(reason)
        yield dict(FILES)


def _run(who: str, storage: str, trials: int) -> float:
    """Milliseconds a trial, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows.jsonl").write_text(ROWS)
        words = ["--measured", who, storage, "--trials", str(trials)]
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.studies", *words],
            cwd=folder,
            env=_environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return 1000 * float(json.loads((Path(folder) / "seconds.json").read_text())) / trials


def _together(storage: str) -> tuple[int, int]:
    """How many trials several processes make together of those that are wanted, and how many failed."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows.jsonl").write_text(ROWS)
        words = (*STUDY, f"hydra.sweeper.storage={storage}", "hydra.sweeper.study_name=together")
        command = [sys.executable, "-m", "alpaca_exp", *words, f"hydra.sweeper.n_trials={FORTY}"]
        begun = [
            subprocess.Popen(command, cwd=folder, env=_environment(), stdout=subprocess.DEVNULL)
            for _ in range(PROCESSES)
        ]
        assert [one.wait() for one in begun] == [0] * PROCESSES
        told = (Path(folder) / "outputs/sweeps/study/trials.jsonl").read_text().splitlines()
    states = [json.loads(line)["state"] for line in told]
    return len(states), states.count("fail")


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _measured(who: str, storage: str, trials: int) -> None:
    """Be one of the two, and note the seconds."""
    seconds = _ours(storage, trials) if who == "ours" else _peers(storage, trials)
    Path("seconds.json").write_text(json.dumps(seconds))


def _ours(storage: str, trials: int) -> float:
    from alpaca_exp import __main__ as command
    from alpaca_exp.study import study as studying
    from alpaca_exp.study import trials as handing
    from alpaca_exp.sweeping import crews
    from alpaca_exp.sweeping.composing import Composer

    spent, work = [0.0], [0.0]
    _time(studying, "conduct", spent)
    for holder, name in ((crews, "attempt"), (handing, "plan"), (handing, "job")):
        _time(holder, name, work)
    _time(Composer, "__call__", work)
    before = work[0]
    sys.argv = ["alpaca_exp", *STUDY, f"hydra.sweeper.storage={storage}", f"hydra.sweeper.n_trials={trials}"]
    checked = studying.looked_through

    def looked_through(*args: Any, **named: Any) -> Any:
        found = checked(*args, **named)
        work[0] = before  # what is composed before the first trial is not the loop's
        return found

    studying.looked_through = looked_through
    command.main()
    return spent[0] - work[0]


def _peers(storage: str, trials: int) -> float:
    import optuna

    from alpaca_exp.study.storage import open_storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=0, constant_liar=True)
    study = optuna.create_study(
        study_name="peer", storage=open_storage(storage), direction="maximize", sampler=sampler
    )
    start = time.perf_counter()
    for _ in range(trials):
        trial = study.ask()
        trial.suggest_int("teacher.seed", 0, 1_000_000)
        study.tell(trial, 2.0)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

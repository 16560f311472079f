"""The report page of many runs: seconds, memory and bytes to write it, and how soon Chromium answers on it.

    python -m tests.benchmarks.pages                1,000 runs, three times
    python -m tests.benchmarks.pages --runs 200 --times 1

The runs are those of tests.benchmarks.reporting: 20 data sets on 5 bases, ten seeds each. Cases: the page
of a table of 100 cells with six metrics; one with a row for every single run. The peer, in a process of its
own, knows the files and does what one would by hand: means and t intervals of the score files alone with
pandas, a table by `to_html`, and matplotlib figures of each metric. Bars are 10 s, 10 MB and, in the browser,
one second from a click to its effect.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from alpaca_exp.records import Row
from tests.benchmarks.reporting import RATE, fill, measured
from tests.browsers import PROGRAM, Browser

BAR_SECONDS, BAR_MB, BAR_CLICK_S = 10.0, 10.0, 1.0
PEER = """
import io, json, math, sys
from pathlib import Path
import pandas as pd
from matplotlib.figure import Figure
root, rows = Path(sys.argv[1]), []
for file in sorted(root.glob("runs/*/*/run.json")):
    run = json.loads(file.read_text())
    for part in ("evaluate", "judge"):
        for line in (root / part / run["artifacts"][part] / "scores.jsonl").open():
            score = json.loads(line)
            rows.append({**run["labels"], "seed": run["seed"], **score})
found = pd.DataFrame(rows)
found["metric"] = found.task + "." + found.metric
kept = found[found.metric.isin(
    ["understanding.mean", "truthfulness.mean", "judge.percent", "judge.win_rate", "words.mean"])]
cells = kept.groupby([sys.argv[2], "base_model", "metric"]).value.agg(["mean", "std", "count"])
cells["half"] = 2.26 * cells["std"] / cells["count"] ** 0.5
svgs = []
for metric, part in cells.groupby("metric"):
    for place in range(2):
        figure = Figure(figsize=(7, 12))
        axes = figure.subplots()
        axes.errorbar(part["mean"][:40], range(min(len(part), 40)), xerr=part["half"][:40], fmt="o")
        axes.set_yticks(range(min(len(part), 40)), [" ".join(map(str, one)) for one in part.index[:40]])
        out = io.StringIO()
        figure.savefig(out, format="svg")
        svgs.append(out.getvalue())
Path(sys.argv[3]).write_text(cells.to_html() + "".join(svgs))
"""


def main() -> None:
    """Print a line a case, and the summary as one JSON object."""
    parser = argparse.ArgumentParser(description="The report page of many runs: seconds, memory, bytes.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3, help="how often each is measured")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the runs here, and leave them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outputs = asked.keep or Path(folder) / "outputs"
        if not outputs.exists():
            fill(outputs, asked.runs)
        rows = list(_cases(outputs, Path(folder), asked.times))
    first = rows[0]
    told = {"machine": platform.machine(), "threads": os.cpu_count(), "n": asked.runs}
    summary = {"name": "pages", "ratio": first["ratio"], "ours": first["ours"], "peer": first["peer"]}
    print(json.dumps({**summary, "unit": "seconds", **told, "rows": rows}))


def _cases(outputs: Path, folder: Path, times: int) -> Iterator[Row]:
    by_cell = ["--rows", "dataset_variant", "--columns", "base_model", "--baseline", "v00"]
    cases = {
        "first page": (by_cell, "dataset_variant", True),
        "the same again": (by_cell, "dataset_variant", False),
        "every run a row": (["--rows", RATE], "seed", False),
    }
    for case, (words, axis, cold) in cases.items():
        page = [sys.executable, "-m", "alpaca_exp.report", "page", str(outputs), *words]
        seconds, megabytes, _ = measured(page, times, outputs / ".cache" if cold else None)
        by_hand = [sys.executable, "-c", PEER, str(outputs), axis, str(folder / "peer.html")]
        theirs = measured(by_hand, times).seconds
        file = outputs / "reports" / "all" / "index.html"
        row = {
            "case": case,
            "ratio": round(theirs / seconds, 2),
            "ours": round(seconds, 2),
            "peer": round(theirs, 2),
            "peer_name": "pandas and matplotlib by hand",
            "memory_mb": round(megabytes),
            "file_mb": round(file.stat().st_size / 1e6, 2),
            "bar": {"seconds": BAR_SECONDS, "file_mb": BAR_MB, "click_s": BAR_CLICK_S},
            **(_opened(file, folder / case.replace(" ", "-")) if PROGRAM else {}),
        }
        print(", ".join(f"{key} {value}" for key, value in row.items() if key != "bar"), file=sys.stderr)
        yield row


def _opened(file: Path, folder: Path) -> Row:
    """Seconds in which Chromium has the page ready, sorts its table, and tells where a number is from."""
    browser = Browser(folder)
    try:
        begun = time.perf_counter()
        tab = browser.open(file.as_uri())
        tab.until("document.documentElement.dataset.ready === ''")
        ready = time.perf_counter()
        tab.value(
            "document.querySelector('.main thead tr:last-child button').click(), document.body.offsetHeight"
        )
        sorted_ = time.perf_counter()
        tab.value("document.querySelector('.main a.n').click(), document.body.offsetHeight")
        told = time.perf_counter()
    finally:
        browser.close()
    seconds = {"ready_s": ready - begun, "sorted_s": sorted_ - ready, "told_s": told - sorted_}
    return {name: round(value, 2) for name, value in seconds.items()}


if __name__ == "__main__":
    main()

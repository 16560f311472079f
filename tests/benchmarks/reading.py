"""The reading page in Chromium: how soon it can be read and used, and how large it is.

    python -m tests.benchmarks.reading            80 questions to 2, 6 and 12 models, 5 times each

Answers have 200 words in the median, as those of chat models; both of the judge's verdicts have 60. A page
is opened from its file in a tab of its own. Counted is, by the browser's own clock, from the start of the
navigation until the page has been read, its script has run, and a frame has been drawn; the median of the
times, and the longest. The bar is one second and two megabytes for 80 questions x 6 models.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browsers import PROGRAM, Browser
from tests.reading_pages import realistic, write_page

QUESTIONS = 80
BAR_SECONDS, BAR_BYTES = 1.0, 2_000_000
DRAWN = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
FILTERED = """(() => {
  const pause = 80, begun = performance.now(), field = document.querySelector('#words');
  const end = (done) => requestAnimationFrame(() => done(performance.now() - begun - pause));
  field.value = 'garden river';
  field.dispatchEvent(new Event('input', { bubbles: true }));
  return new Promise(done => setTimeout(() => end(done), pause));
})()"""
"""Milliseconds of a search beyond the pause of typing that it waits for."""


def main() -> None:
    """Print a line a case, and the summary as one JSON object."""
    times = argparse.ArgumentParser(description="The reading page in Chromium: seconds and bytes.")
    times.add_argument("--times", type=int, default=5, help="how often each page is opened")
    asked = times.parse_args()
    if PROGRAM is None:
        sys.exit("chromium is absent: install Debian's chromium")
    rows = [row for models in (2, 6, 12) for row in _opened(models, asked.times)]
    bar = next(row for row in rows if row["case"] == "80 x 6")
    told = {"machine": platform.machine(), "threads": os.cpu_count(), "n": asked.times}
    summary = {"name": "reading", "ratio": bar["ratio"], "ours": bar["ours"], "peer": BAR_SECONDS}
    print(json.dumps({**summary, "unit": "seconds until it is drawn and usable", **told, "rows": rows}))


def _opened(models: int, times: int) -> list[dict[str, Any]]:
    """The page of so many models, to be read and to be voted on."""
    made, rows = realistic(QUESTIONS, models), []
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder) / "chromium")
        try:
            for blind in (False, True):
                file = Path(folder) / f"{models}-{blind}.html"
                rows.append(_row(browser, write_page(made, file, blind=blind), file, models, blind, times))
        finally:
            browser.close()
    return rows


def _row(browser: Browser, address: str, file: Path, models: int, blind: bool, times: int) -> dict[str, Any]:
    seconds, searches = [], []
    for _ in range(times):
        tab = browser.open(address)
        seconds.append(tab.value(DRAWN) / 1000)
        searches += [] if blind else [tab.value(FILTERED)]
        tab.call("Page.close")
    ours = statistics.median(seconds)
    row = {
        "case": f"{QUESTIONS} x {models}{' blind' if blind else ''}",
        "ratio": round(BAR_SECONDS / ours, 2),
        "ours": round(ours, 3),
        "peer": BAR_SECONDS,
        "peer_name": "the bar",
        "longest": round(max(seconds), 3),
        "bytes": file.stat().st_size,
        "bar_bytes": BAR_BYTES,
    }
    row |= {"search_ms": round(statistics.median(searches), 1)} if searches else {}
    print(
        f"{row['case']:14} {ours:.3f} s (longest {max(seconds):.3f}), {row['bytes']:,} bytes", file=sys.stderr
    )
    return row


if __name__ == "__main__":
    main()

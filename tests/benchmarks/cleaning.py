"""How well and how fast the cleaning rules find what people changed in Alpaca's 52,002 rows.

    python -m tests.benchmarks.cleaning                      all figures, three rounds: two minutes
    python -m tests.benchmarks.cleaning --rounds 1           shorter
    python -m tests.benchmarks.cleaning --labels FILE        against other labels of the same rows
    python -m tests.benchmarks.cleaning --page               also writes alpaca_exp/cleaning/README.md

The rows are `alpaca/alpaca_data.json` below `--data` (`../shared/data`), the labels what the community of
AlpacaDataCleaned did with a row: JSON lines of idx, label (kept, edited, removed), basis and mar_status.
They are read in three ways:

  davinci-only  the rows with mar_status, from March 2023, before outputs were swapped for GPT-4's. Positive:
                changed. A flagged row is a false alarm only if no version changed it; one that was changed
                later counts neither way.
  final         the rows whose label is of 14 April 2023. Positive: edited or removed.
  latest        all rows, by the latest label that is known of each.

Every figure of the union is also given for two halves of the labelled rows, parted by a hash of the row's
number. The rules were last revised with the labels of the first half in view, those of the second were only
counted; earlier versions had been tried on both.
The peer is a union of plain regular expressions for the same defects, run in turn with ours.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import random
import re
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from alpaca_exp.cleaning.clean import Cleaned, clean
from alpaca_exp.cleaning.rules import RULES, Rule, chosen
from alpaca_exp.records import Row
from tests.benchmarks.cleaning_labels import READINGS, Labels, Score, halves, score
from tests.benchmarks.cleaning_page import PAGE, with_figures

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
PEER = "union of regular expressions"
PUBLISHED = {"davinci-only": (0.75, 0.74), "final": (0.89, 0.25)}
"""Precision and recall that a simple union of rules reached before."""
DEFECTS = {
    "output": r"\A\s*\Z|\A\W*(?:n/a|none|no output|not applicable)\b[^\n]{0,20}\Z|<no\s?(?:in|out)put>"
    r"|\n\s*\d+\. ?(?:instruction|input|output):|###",
    "input": r"\A\W*(?:no ?input|none|n/a|not applicable)\b[^\n]{0,20}\Z",
    "prompt": r"https?://|\bwww\.|\b(?:image|picture|photo)s?\b",
}
"""What the peer looks for: the defects by which the original is known, each as one expression."""


def main() -> None:
    """Measure in fresh processes, score in this one; print the tables and, last, one JSON object."""
    arguments = _arguments()
    file = arguments.data / "alpaca" / "alpaca_data.json"
    told = arguments.labels or arguments.data / "alpaca_cleaned" / "labels_dev.jsonl"
    absent = next((path for path in (file, told) if not path.is_file()), None)
    if absent:
        print(f"skipped: {absent} is absent; name the folder with --data, the labels with --labels")
        return
    spent = _spent(file, arguments.rounds)
    rows = _rows(file)
    labels = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines() if line.strip()]
    cleaned = clean(rows, chosen(["all"]))
    flagged = {"ours": _flagged(cleaned), "peer": {n for n, row in enumerate(rows) if _peer(row)}}
    _print_unions(flagged, labels)
    found = {rule.name: _flagged(clean(rows, [rule])) for rule in RULES}
    figures = {name: _figures(numbers, labels) for name, numbers in found.items()}
    _print_rules(found, figures)
    holds = {"cleaning twice changes nothing": _idempotent(cleaned)}
    holds |= {"rules that are independent of their order are so": _order_independent(rows, cleaned)}
    for claim, true in holds.items():
        print(f"{claim}: {'yes' if true else 'NO'}")
    _print_spent(spent, len(rows))
    if arguments.page:
        counts = {name: len(numbers) for name, numbers in found.items()}
        PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), counts, figures), encoding="utf-8")
    print(json.dumps(_result(flagged, labels, spent, holds, arguments.rounds)))


def _rows(file: Path) -> list[Row]:
    raw = json.loads(file.read_text(encoding="utf-8"))
    return [{"id": f"row-{number}", **row} for number, row in enumerate(raw)]


def _flagged(cleaned: Cleaned) -> set[int]:
    return {int(row["id"].removeprefix("row-")) for row in [*cleaned.removed, *cleaned.edited]}


_EXPRESSIONS = {part: re.compile(pattern, re.IGNORECASE) for part, pattern in DEFECTS.items()}


def _peer(row: Row) -> bool:
    prompt = f"{row['instruction']}\n{row['input']}"
    texts = {"output": row["output"], "input": row["input"], "prompt": prompt}
    same = bool(row["input"]) and row["input"] == row["output"]
    return same or any(found.search(texts[part]) for part, found in _EXPRESSIONS.items())


def _figures(flagged: Collection[int], labels: Labels) -> dict[str, Score]:
    return {reading: score(flagged, labels, reading) for reading in READINGS}


def _print_unions(flagged: dict[str, set[int]], labels: Labels) -> None:
    for part, told in halves(labels).items():
        print(f"\n{part}: {len(told):,} rows")
        for who, numbers in flagged.items():
            for reading in READINGS:
                print(f"  {who:5} {reading:13} {score(numbers, told, reading)}")
    for reading, (precision, recall) in PUBLISHED.items():
        print(f"  simple rule union, as reported before, {reading}: P {precision}  R {recall}")
    print(f"\nflagged of all rows: ours {len(flagged['ours']):,}, peer {len(flagged['peer']):,}\n")


def _print_rules(found: dict[str, set[int]], figures: dict[str, dict[str, Score]]) -> None:
    for rule in RULES:
        print(
            f"{rule.name:21} {rule.action}, {'on' if rule.default else 'off'}, fires {len(found[rule.name])}"
        )
        for reading, reached in figures[rule.name].items():
            print(f"    {reading:13} {reached}")


def _idempotent(cleaned: Cleaned) -> bool:
    again = clean(cleaned.kept, chosen(["all"]))
    return (again.kept, again.removed, again.edited) == (cleaned.kept, [], [])


def _order_independent(rows: Sequence[Row], cleaned: Cleaned) -> bool:
    """Whether the same rows stay, and read the same, with the rules in other orders."""
    return all(clean(rows, order).kept == cleaned.kept for order in orders(chosen(["all"])))


def orders(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Three other orders of the rules; those that are not independent of it keep theirs among themselves."""
    moved = [list(rules[::-1]), *(random.Random(seed).sample(rules, len(rules)) for seed in (1, 2))]
    fixed = [[rule for rule in rules if not rule.order_independent] for _ in moved]
    return [
        [rule if rule.order_independent else kept.pop(0) for rule in order]
        for order, kept in zip(moved, fixed, strict=True)
    ]


def _spent(file: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """CPU seconds and peak megabytes of a fresh process a round, ours and the peer in turn."""
    spent: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    for _ in range(rounds):
        for who, measured in spent.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                measured.append(pool.apply(_once, (who, file)))
    return spent


def _once(who: str, file: Path) -> tuple[float, float]:
    rows = _rows(file)
    began = time.process_time()
    if who == "ours":
        clean(rows, chosen(["all"]))
    else:
        sum(map(_peer, rows))
    unit = 1 if sys.platform == "darwin" else 1024
    return time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _print_spent(spent: dict[str, list[tuple[float, float]]], rows: int) -> None:
    for who, measured in spent.items():
        seconds = statistics.median(each[0] for each in measured)
        peak = max(each[1] for each in measured)
        print(f"{who}: {rows:,} rows in {seconds:.2f} s on one core, at most {peak:.0f} MB")


def _result(
    flagged: dict[str, set[int]],
    labels: Labels,
    spent: dict[str, list[tuple[float, float]]],
    holds: dict[str, bool],
    rounds: int,
) -> Row:
    rows = list(_cases(flagged, labels))
    seconds = {who: statistics.median(each[0] for each in measured) for who, measured in spent.items()}
    rows.append(_row("CPU seconds for all rows", seconds["ours"], seconds["peer"], PEER))
    rows.append(_row("peak MB", *(max(each[1] for each in spent[who]) for who in ("ours", "peer")), PEER))
    shown = next(row for row in rows if row["case"] == "davinci-only F1")
    return {
        "name": "cleaning",
        **{key: shown[key] for key in ("ratio", "ours", "peer")},
        "unit": "F1 against the davinci-only labels",
        "machine": f"{platform.processor() or platform.machine()}, {multiprocessing.cpu_count()} cores",
        "threads": 1,
        "n": rounds,
        "holds": holds,
        "rules": Counter("on" if rule.default else "off" for rule in RULES),
        "rows": rows,
    }


def _cases(flagged: dict[str, set[int]], labels: Labels) -> Iterable[Row]:
    for part, told in halves(labels).items():
        suffix = "" if part == "all labels" else f", {part}"
        for reading in READINGS:
            ours, peer = (score(flagged[who], told, reading) for who in ("ours", "peer"))
            yield _row(f"{reading} precision{suffix}", ours.precision, peer.precision, PEER)
            yield _row(f"{reading} recall{suffix}", ours.recall, peer.recall, PEER)
            yield _row(f"{reading} F1{suffix}", _f1(ours), _f1(peer), PEER)
    for reading, (precision, recall) in PUBLISHED.items():
        ours, name = score(flagged["ours"], labels, reading), "simple rule union, as reported before"
        yield _row(f"{reading} precision", ours.precision, precision, name)
        yield _row(f"{reading} recall", ours.recall, recall, name)


def _f1(reached: Score) -> float:
    return 2 * reached.hits / max(1, reached.flagged + reached.positives)


def _row(case: str, ours: float, peer: float, peer_name: str) -> Row:
    ratio = ours / peer if peer else None
    numbers = {"ratio": ratio, "ours": ours, "peer": peer}
    told = {key: None if value is None else round(value, 4) for key, value in numbers.items()}
    return {"case": case, **told, "peer_name": peer_name}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds alpaca/")
    parser.add_argument("--labels", type=Path, help="JSON lines; <data>/alpaca_cleaned/labels_dev.jsonl")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", action="store_true", help="write the figures into the rules' page")
    return parser.parse_args()


if __name__ == "__main__":
    main()

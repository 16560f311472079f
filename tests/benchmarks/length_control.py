"""How often 95 % intervals hold the win rate at equal length: the length-controlled one, and the raw one.

    python -m tests.benchmarks.length_control            1,000 simulated judgings a setting, some minutes
    python -m tests.benchmarks.length_control --small    200 a setting

80 questions each. The judge prefers with a probit's probability of the log length ratio, so it is not the
fitted model (`tests/judged_worlds.py`). The settings are all of: fondness for length 0, .5 and 1; a true gap
of 0, .5 and 1; each question in one order or both; no, some and much spread of the questions' difficulty, or
some of it and lengths of three other kinds, the last with equal length far outside. Then points of ten. Last,
and not in the share at the end, judges whose fondness follows another curve than the ratio's logarithm.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alpaca_exp.statistics.bootstrap import mean_interval
from alpaca_exp.statistics.length_control import difference_at_equal_length, win_rate_at_equal_length
from tests.judged_worlds import BEYOND, LENGTHS, QUESTIONS, Array, Judge, Lengths, covers, ratio

LEAST, MOST = 0.93, 0.97
FONDNESSES, GAPS, DIFFICULTIES = (0.0, 0.5, 1.0), (0.0, 0.5, 1.0), (0.0, 0.5, 1.0)
RAW_DRAWN = 100
"""Judgings whose raw interval is bootstrapped: enough to see that it does not hold the truth."""


@dataclass(frozen=True)
class Setting:
    """One line of the table."""

    case: str
    controlled: float
    raw: float
    bias: float
    width: float

    @property
    def good(self) -> bool:
        """Whether the length-controlled interval promises what it keeps."""
        return LEAST <= self.controlled <= MOST


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="200 judgings a setting")
    judgings = 200 if parser.parse_args().small else 1_000
    print("| fondness | gap | orders | lengths | difficulty | controlled | raw | bias | width |")
    print("|---|---|---|---|---|---|---|---|---|")
    found = []
    for one in itertools.chain(_preferences(judgings), _points(judgings)):
        found.append(one)
        print(_line(one), flush=True)
    others = list(_curves(judgings))
    for one in others:
        print(_line(one))
    good, raw = (
        float(np.mean(part)) for part in ([s.good for s in found], [LEAST <= s.raw <= MOST for s in found])
    )
    print(json.dumps(_summary(found, others, good, raw)))


def _preferences(judgings: int) -> Iterator[Setting]:
    worlds = [(LENGTHS[0], one) for one in DIFFICULTIES] + [(one, 0.5) for one in (*LENGTHS[1:], BEYOND)]
    for place, (lengths, difficulty) in enumerate(worlds):
        for number, told in enumerate(itertools.product((False, True), FONDNESSES, GAPS)):
            both, fondness, gap = told
            rng = np.random.default_rng((place, number))
            yield _controlled(Judge(fondness, gap, both, difficulty), lengths, judgings, rng, str(1 + both))


def _curves(judgings: int) -> Iterator[Setting]:
    grid = itertools.product(("tanh", "words", "step"), LENGTHS, FONDNESSES[1:], GAPS[:2])
    for number, (curve, lengths, fondness, gap) in enumerate(grid):
        rng = np.random.default_rng((number, 55))
        yield _controlled(Judge(fondness, gap, curve=curve), lengths, judgings, rng, f"2, {curve}")


def _controlled(
    judge: Judge, lengths: Lengths, judgings: int, rng: np.random.Generator, asked: str
) -> Setting:
    theirs, ours = lengths.draw(rng, (judgings, QUESTIONS))
    preferences = judge.preferences(rng, theirs, ours)
    found = win_rate_at_equal_length(preferences, ratio(theirs, ours))
    controlled = covers(found.low, found.high, judge.truth)
    bias, width = float(found.value.mean()) - judge.truth, float((found.high - found.low).mean())
    return Setting(_case(judge, lengths, asked), controlled, _raw(preferences, judge.truth), bias, width)


def _points(judgings: int) -> Iterator[Setting]:
    for number, (fondness, gap) in enumerate(itertools.product(FONDNESSES, GAPS)):
        rng = np.random.default_rng((number, 77))
        judge, lengths = Judge(fondness, gap, both_orders=False), LENGTHS[0]
        theirs, ours = lengths.draw(rng, (judgings, QUESTIONS))
        points = judge.points(rng, theirs, ours)
        difference, truth = points[1] - points[0], judge.true_points()[0]
        value, _, low, high = difference_at_equal_length(difference, ratio(theirs, ours))
        bias, width = float(value.mean()) - truth, float((high - low).mean())
        yield Setting(
            _case(judge, lengths, "points"), covers(low, high, truth), _raw(difference, truth), bias, width
        )


def _raw(values: Array, truth: float) -> float:
    bounds = np.array([mean_interval(one.tolist()) for one in values[:RAW_DRAWN]])
    return covers(bounds[:, 0], bounds[:, 1], truth)


def _line(one: Setting) -> str:
    return f"| {one.case} | {one.controlled:.3f} | {one.raw:.2f} | {one.bias:+.3f} | {one.width:.2f} |"


def _case(judge: Judge, lengths: Lengths, asked: str) -> str:
    return f"{judge.fondness:g} | {judge.gap:g} | {asked} | {lengths.name} | {judge.difficulty:g}"


def _summary(found: list[Setting], others: list[Setting], good: float, raw: float) -> dict[str, object]:
    rows = [
        {
            "case": one.case.replace(" | ", ", "),
            "ratio": round(one.controlled / max(one.raw, 0.01), 2),
            "ours": one.controlled,
            "peer": one.raw,
            "peer_name": "raw interval",
        }
        for one in found + others
    ]
    return {
        "name": "length_control",
        "ratio": round(good / max(raw, 0.01), 2),
        "ours": round(good, 3),
        "peer": round(raw, 3),
        "unit": f"share of settings whose 95 % interval holds the truth in {LEAST:.0%} to {MOST:.0%}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "n": len(found),
        "rows": rows,
    }


if __name__ == "__main__":
    main()

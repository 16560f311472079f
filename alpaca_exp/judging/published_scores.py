"""What published verdicts add up to: every pair's scores, and per cent of a reference through a pivot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import fmean, variance

from alpaca_exp.errors import InputError
from alpaca_exp.judging.published_pairs import Pair, pairs
from alpaca_exp.judging.scores import JudgeScore, judge_scores, remarks
from alpaca_exp.judging.scores_chain import Apart, Percent, apart, percent_of
from alpaca_exp.judging.scores_questions import Compared, compared
from alpaca_exp.records import Row, Score, as_row

_ONE_NAME = " by {judge}; where several names are one judge's, add --judge NAME"
MOST_MODELS = 12
FEWEST = 10
"""Verdicts in each order, for the effect of a drawn order to be told."""


@dataclass(frozen=True)
class Scored:
    """One pair of models with its scores."""

    pair: Pair
    scores: Sequence[Score]
    remarks: Sequence[str]

    def rows(self) -> Iterator[Row]:
        """Rows of `scores.jsonl`, which say of whom they are."""
        named = {"model": self.pair.model, "reference": self.pair.reference, "judge": self.pair.judge}
        return (as_row(score) | named for score in self.scores)


@dataclass(frozen=True)
class Chain:
    """A model in per cent of a reference that it was read against through others only."""

    model: str
    reference: str
    judge: str
    percent: Percent

    def row(self) -> Row:
        """A row of `scores.jsonl`."""
        found = self.percent
        score = JudgeScore(
            "judge", "percent", found.value, found.stderr, found.n, low=found.low, high=found.high
        )
        links = [dataclasses.asdict(link) for link in found.links]
        named = {"model": self.model, "reference": self.reference, "judge": self.judge}
        return as_row(score) | named | {"links": links}


def scored(verdicts: Sequence[Row], reference: str | None, pivot: str | None) -> list[Scored]:
    """Every pair's scores; models that one judge read against one reference tell how hard questions are.

    Ratings of single answers make no pair without a reference.
    """
    found = pairs(verdicts, reference, pivot)
    return [Scored(pair, list(_scores(pair, found)), list(remarks(pair.verdicts))) for pair in found]


def order_effect(pair: Pair) -> Score | None:
    """How many points of win rate the model gains by being shown first, where a question has one order only.

    Orders were then drawn: the difference of two means, with Welch's error (Welch 1947, Biometrika 34). None
    where both orders of a question were judged, whose flip rate says more, or one order hardly occurs.
    """
    read = [row for row in pair.verdicts if row["preference"] is not None and not row.get("retest")]
    if len({row["question_id"] for row in read}) < len(read):
        return None
    first, second = ([100 * row["preference"] for row in read if row["order"] == one] for one in ("21", "12"))
    if min(len(first), len(second)) < FEWEST:
        return None
    gain = fmean(first) - fmean(second)
    error = sqrt(variance(first) / len(first) + variance(second) / len(second))
    half, n = 1.959964 * error, len(first) + len(second)
    bounds = (max(-100.0, gain - half), min(100.0, gain + half))
    return JudgeScore("judge", "shown_first", gain, error, n, False, 0.0, low=bounds[0], high=bounds[1])


def chained(verdicts: Sequence[Row], reference: str, pivot: str | None) -> tuple[list[Chain], list[str]]:
    """Models that were not read against `reference`, in per cent of it, and why others cannot be.

    Through `pivot` where one is given, else on the shortest way; a chain is of one judge. Raises InputError
    where a pivot leads from no model to the reference.
    """
    found, chains, problems = pairs(verdicts, reference, pivot), [], []
    judges = list(dict.fromkeys(pair.judge for pair in found))
    for judge in judges:
        rows = [row for pair in found if pair.judge == judge for row in pair.verdicts]
        points = [row for row in rows if None not in (row["score_1"], row["score_2"])]
        models = dict.fromkeys(row[key] for row in points for key in ("model_1", "model_2"))
        direct = {pair.model for pair in found if (pair.judge, pair.reference) == (judge, reference)}
        for model in models.keys() - direct - {reference}:
            try:
                through = [pivot] if pivot and pivot != model else None
                percent = percent_of(points, model, reference, through)
            except InputError as error:
                problems.append(f"{error}{_ONE_NAME.format(judge=judge) if len(judges) > 1 else ''}")
            else:
                chains.append(Chain(model, reference, judge, percent))
    if pivot and not chains:
        raise InputError(problems[0] if problems else f"no model was read against {pivot} alone")
    return sorted(chains, key=lambda one: (-one.percent.value, one.model)), sorted(problems)


def differences(verdicts: Sequence[Row], reference: str, pivot: str | None) -> list[Apart]:
    """Every two models of one judge that can be counted in per cent of `reference`, the better one first.

    Models that no verdicts join to it are left out; `chained` says why. Of a judge who read more than
    MOST_MODELS there are none: the pairs are too many to be read.
    """
    found: list[Apart] = []
    whole = pairs(verdicts, reference, pivot)
    for judge in dict.fromkeys(pair.judge for pair in whole):
        rows = [row for pair in whole if pair.judge == judge for row in pair.verdicts]
        models = sorted({row[key] for row in rows for key in ("model_1", "model_2")} - {"", reference})
        for one, other in combinations(models if len(models) <= MOST_MODELS else [], 2):
            try:
                told = apart(rows, one, other, reference, [pivot] if pivot else None)
                found.append(
                    told
                    if told.value >= 0
                    else apart(rows, other, one, reference, [pivot] if pivot else None)
                )
            except InputError:
                continue
    return sorted(found, key=lambda one: (one.model, one.other))


def _scores(pair: Pair, found: Sequence[Pair]) -> Iterator[Score]:
    yield from judge_scores(pair.verdicts, _others(pair, found))
    drawn = order_effect(pair)
    if drawn:
        yield drawn


def _others(pair: Pair, found: Sequence[Pair]) -> dict[str, list[Compared]]:
    return {
        one.model: compared(one.verdicts)
        for one in found
        if (one.reference, one.judge) == (pair.reference, pair.judge) and one.model != pair.model
    }

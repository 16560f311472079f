"""What people's votes add up to: who wins, whose answers understood what was meant, how good they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

from alpaca_exp.judging.agreement import Agreement, agreement
from alpaca_exp.judging.opinions import Matter, Opinion, opinions_of
from alpaca_exp.records import Row
from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.intervals import Interval


@dataclass(frozen=True)
class Standing:
    """How one model stands against another in people's eyes."""

    model: str
    opponent: str
    votes: int
    questions: int
    counts: tuple[int, int, int]
    """Votes for it, ties, votes against it."""
    win_rate: Interval
    """Per cent of the votes, a tie counting half; its interval is over questions."""
    intent: Interval | None
    """Per cent of its answers that understood what was meant; None where nobody said."""
    quality: Interval | None
    """Mean, 1 to 5."""


@dataclass(frozen=True)
class Poll:
    """All that some votes say."""

    standings: tuple[Standing, ...]
    categories: Mapping[str, tuple[Standing, ...]]
    raters: Mapping[str, int]
    """Votes by rater."""
    shown_first: Interval | None = None
    """Per cent of the votes for one of two answers that went to the one shown first."""
    between: Mapping[tuple[str, str], Agreement] = field(default_factory=dict)
    """The agreement of every two raters who voted on the same."""
    judge: Agreement | None = None
    """Of the raters, averaged question by question, with a judge."""
    each: Mapping[str, Agreement] = field(default_factory=dict)
    """Of every rater with the judge, where there are several."""

    @property
    def light(self) -> float | None:
        """Light's kappa of several raters: the mean over pairs (Light 1971, Psychol. Bull. 76:365)."""
        found = [one.kappa.value for one in self.between.values() if one.kappa.value is not None]
        return fmean(found) if found else None


def poll(votes: Sequence[Row], judged: Mapping[Matter, Opinion] | None = None) -> Poll:
    """The votes counted, by `read_votes`; with a judge's opinions, how far people agree with them.

    Raises InputError where there is a judge who has judged nothing of what was voted on.
    """
    raters: dict[str, list[Row]] = {}
    categories: dict[str, list[Row]] = {}
    for row in votes:
        raters.setdefault(row["rater"], []).append(row)
        categories.setdefault(row["category"], []).append(row)
    named = {name: tuple(_standings(rows)) for name, rows in sorted(categories.items())}
    opinions = {name: opinions_of(rows) for name, rows in sorted(raters.items())}
    several = len(opinions) > 1
    return Poll(
        tuple(_standings(votes)),
        named if len(named) > 1 else {},
        {name: len(raters[name]) for name in opinions},
        _shown_first(votes),
        dict(_between(opinions)),
        agreement(opinions_of(votes), judged) if judged is not None else None,
        dict(_against(opinions, judged)) if judged is not None and several else {},
    )


def _shown_first(votes: Iterable[Row]) -> Interval | None:
    told = [row for row in votes if row.get("order") in ("12", "21") and row["preference"] != 0.5]
    first = [100.0 * (row["preference"] == float(row["order"] == "21")) for row in told]
    return _mean(first, [row["question_id"] for row in told], (0, 100)) if told else None


def _between(opinions: Mapping[str, Mapping[Matter, Opinion]]) -> Iterator[tuple[tuple[str, str], Agreement]]:
    for one, other in combinations(opinions, 2):
        if opinions[one].keys() & opinions[other].keys():
            yield (one, other), agreement(opinions[one], opinions[other])


def _against(
    opinions: Mapping[str, Mapping[Matter, Opinion]], judged: Mapping[Matter, Opinion]
) -> Iterator[tuple[str, Agreement]]:
    for name, found in opinions.items():
        if found.keys() & judged.keys():
            yield name, agreement(found, judged)


def _standings(votes: Sequence[Row]) -> Iterator[Standing]:
    """Both models of each pair, the pairs by name."""
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in votes:
        pairs.setdefault((row["model_1"], row["model_2"]), []).append(row)
    for model, opponent in sorted({pair for one in pairs for pair in (one, one[::-1])}, key=_by_pair):
        yield _standing(model, opponent, pairs)


def _by_pair(pair: tuple[str, str]) -> tuple[str, ...]:
    return *sorted(pair), pair[0]


def _standing(model: str, opponent: str, pairs: Mapping[tuple[str, str], Sequence[Row]]) -> Standing:
    """Votes on the two, whichever stands first in a row."""
    seen = [(row, "2") for row in pairs.get((opponent, model), ())]
    seen += [(row, "1") for row in pairs.get((model, opponent), ())]
    won = [row["preference"] if side == "2" else 1 - row["preference"] for row, side in seen]
    questions = [row["question_id"] for row, _ in seen]
    return Standing(
        model,
        opponent,
        len(seen),
        len(set(questions)),
        (won.count(1.0), won.count(0.5), won.count(0.0)),
        _mean([100 * value for value in won], questions, (0, 100)),
        _of(seen, "intent", 100, (0, 100)),
        _of(seen, "quality", 1, (1, 5)),
    )


def _of(
    seen: Iterable[tuple[Row, str]], axis: str, scale: float, bounds: tuple[float, float]
) -> Interval | None:
    told = [(row[f"{axis}_{side}"], row["question_id"]) for row, side in seen]
    given = [(scale * value, question) for value, question in told if value is not None]
    return _mean([v for v, _ in given], [q for _, q in given], bounds) if given else None


def _mean(values: Sequence[float], questions: Sequence[str], bounds: tuple[float, float]) -> Interval:
    """The mean of the votes; votes on one question are no evidence apart."""
    return crossed([values], questions, bounds)

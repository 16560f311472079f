"""How far two judges agree, or a judge and people, or a judge and itself when asked again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, stdev

from alpaca_exp.errors import InputError
from alpaca_exp.judging.opinions import CLASSES, Matter, Opinion
from alpaca_exp.records import Row, Score
from alpaca_exp.statistics.kappa import Kappa, Weights, kappa, resampled_kappa

TASK = "judge"
Counts = tuple[tuple[int, ...], ...]
"""How often the first's class (row) met the second's (column), in the order of `CLASSES`."""


@dataclass(frozen=True)
class Agreement:
    """Two opinions on each of some matters."""

    counts: Counts
    kappa: Kappa
    interval: tuple[float, float] | None
    """95 % for kappa, over questions."""
    questions: int
    categories: Mapping[str, Agreement] = field(default_factory=dict)
    only: tuple[int, int] = (0, 0)
    """Matters that only the first, and only the second, has an opinion on."""
    disputed: tuple[Matter, ...] = ()
    """On which they differ, the farthest apart first."""
    longer: tuple[int, int, int] = (0, 0, 0)
    """Of those disputed where one answer is longer: for how many the first, and the second, leans more to it
    than the other does; and their number."""

    @property
    def share(self) -> float:
        """The share of matters on which both say the same."""
        return sum(self.counts[k][k] for k in range(len(CLASSES))) / self.n

    @property
    def n(self) -> int:
        """How many matters both have an opinion on."""
        return sum(map(sum, self.counts))

    @property
    def opposed(self) -> int:
        """On how many each finds another answer better; on the other disputed ones, one says tie."""
        return self.counts[0][-1] + self.counts[-1][0]


def agreement(
    ours: Mapping[Matter, Opinion], theirs: Mapping[Matter, Opinion], weights: Weights = Weights.none
) -> Agreement:
    """How far two sets of opinions agree, on the matters that both hold; by category too.

    Raises InputError where they have none in common.
    """
    common = [matter for matter in ours if matter in theirs]
    if not common:
        raise InputError(nothing_common(ours, theirs))
    named: dict[str, list[Matter]] = {}
    for matter in common:
        named.setdefault(ours[matter].category or theirs[matter].category, []).append(matter)
    categories = {
        name: _agreement(ours, theirs, found, weights)
        for name, found in sorted(named.items())
        if len(named) > 1
    }
    found = _agreement(ours, theirs, common, weights)
    disputed = [m for m in common if ours[m].choice != theirs[m].choice]
    disputed.sort(key=lambda m: -abs(ours[m].preference - theirs[m].preference))
    return Agreement(
        found.counts,
        found.kappa,
        found.interval,
        found.questions,
        categories,
        (len(ours) - len(common), len(theirs) - len(common)),
        tuple(disputed),
        _longer(ours, theirs, disputed),
    )


def nothing_common(ours: Mapping[Matter, Opinion], theirs: Mapping[Matter, Opinion]) -> str:
    """Why two sets of opinions cannot be compared, and what would help."""
    questions = {m.question_id for m in ours} & {m.question_id for m in theirs}
    if not questions:
        return "the two have no question in common; compare judgments of the same questions"
    told = " and ".join(
        "; ".join(sorted({" / ".join(m.models) for m in found})[:3]) for found in (ours, theirs)
    )
    return (
        f"the two have {len(questions)} questions in common, but of other models ({told}); where one model "
        "has two names, add --rename OLD=NEW"
    )


def retest_scores(verdicts: Iterable[Row]) -> list[Score]:
    """How far a judge repeats itself: rows with `retest` against those that were asked first.

    retest_equal: the percentage of verdicts that name the same winner again; retest_kappa: Cohen's kappa of
    the two readings; retest_difference: the mean absolute difference of a score, in points, where there are
    scores. Each answer that could be read both times counts; empty where nothing was asked again.
    """
    first: dict[Hashable, Row] = {}
    pairs: list[tuple[Row, Row]] = []
    for row in sorted(verdicts, key=lambda row: bool(row.get("retest"))):
        if not row["parsed"]:
            continue
        if not row.get("retest"):
            first[_request(row)] = row
        elif _request(row) in first:
            pairs.append((first[_request(row)], row))
    return [*_repeated_choices(pairs), *_repeated_scores(pairs)]


def _repeated_choices(pairs: Sequence[tuple[Row, Row]]) -> list[Score]:
    chosen = [
        (_choice(one["preference"]), _choice(other["preference"]))
        for one, other in pairs
        if one["preference"] is not None and other["preference"] is not None
    ]
    if not chosen:
        return []
    n, found = len(chosen), kappa(_counts(chosen))
    share = found.observed
    error = 100 * sqrt(share * (1 - share) / (n - 1)) if n > 1 else None
    equal = Score(TASK, "retest_equal", 100 * share, error, n)
    if found.value is None:
        return [equal]
    return [equal, Score(TASK, "retest_kappa", found.value, found.stderr, n, chance=0.0)]


def _repeated_scores(pairs: Sequence[tuple[Row, Row]]) -> list[Score]:
    differences = [
        fmean(gaps)
        for one, other in pairs
        if (gaps := [abs(one[k] - other[k]) for k in ("score_1", "score_2") if _both(one, other, k)])
    ]
    if not differences:
        return []
    n = len(differences)
    error = stdev(differences) / sqrt(n) if n > 1 else None
    return [Score(TASK, "retest_difference", fmean(differences), error, n, higher_is_better=False)]


def _both(one: Row, other: Row, key: str) -> bool:
    return one.get(key) is not None and other.get(key) is not None


def _request(row: Row) -> Hashable:
    """What was asked: the same for a verdict and its retest."""
    return row["question_id"], row["order"], row.get("model_1"), row.get("model_2")


def _choice(preference: float) -> int:
    return Opinion(preference).choice


def _counts(chosen: Iterable[tuple[int, int]]) -> Counts:
    table = [[0] * len(CLASSES) for _ in CLASSES]
    for one, other in chosen:
        table[one][other] += 1
    return tuple(map(tuple, table))


def _agreement(
    ours: Mapping[Matter, Opinion],
    theirs: Mapping[Matter, Opinion],
    matters: Sequence[Matter],
    weights: Weights,
) -> Agreement:
    by_question: dict[str, list[tuple[int, int]]] = {}
    for matter in matters:
        both = ours[matter].choice, theirs[matter].choice
        by_question.setdefault(ours[matter].conversation, []).append(both)
    counts = _counts(both for found in by_question.values() for both in found)
    interval = resampled_kappa([_counts(found) for found in by_question.values()], weights)
    return Agreement(counts, kappa(counts, weights), interval, len(by_question))


def _longer(
    ours: Mapping[Matter, Opinion], theirs: Mapping[Matter, Opinion], disputed: Iterable[Matter]
) -> tuple[int, int, int]:
    """Who leans more to the longer answer, where they differ."""
    first = second = 0
    for matter in disputed:
        known = next((o.longer for o in (ours[matter], theirs[matter]) if o.longer != 0.5), 0.5)
        lean = (ours[matter].preference - theirs[matter].preference) * (known - 0.5)
        first, second = first + (lean > 0), second + (lean < 0)
    return first, second, first + second

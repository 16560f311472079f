"""How far two judges agree, or a judge and people, or a judge and itself when asked again."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from alpaca_exp.errors import InputError
from alpaca_exp.judging.opinions import CLASSES, Matter, Opinion
from alpaca_exp.records import Row
from alpaca_exp.statistics.kappa import Kappa, Weights, kappa, kappa_moves, resampled_kappa

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


@dataclass(frozen=True)
class Repeated:
    """What a judge said when it was asked the same again, beside what it had said."""

    questions: tuple[str, ...] = ()
    """Of each verdict that was read both times."""
    choices: tuple[tuple[int, int], ...] = ()
    """For each: which of `CLASSES` it was, first and again."""
    gaps: tuple[float | None, ...] = ()
    """For each: by how many points a score differs, the mean of both answers'; None without scores."""

    @property
    def same(self) -> tuple[bool, ...]:
        """For each: whether it names the same winner."""
        return tuple(one == other for one, other in self.choices)

    @property
    def kappa(self) -> Kappa | None:
        """Of the two readings."""
        return kappa(_counts(self.choices)) if self.choices else None

    @property
    def differences(self) -> tuple[float, ...]:
        """The gaps that are known."""
        return tuple(gap for gap in self.gaps if gap is not None)

    def without(self, questions: Collection[str]) -> Repeated:
        """The same but for these questions."""
        kept = [at for at, question in enumerate(self.questions) if question not in questions]
        return Repeated(
            tuple(self.questions[at] for at in kept),
            tuple(self.choices[at] for at in kept),
            tuple(self.gaps[at] for at in kept),
        )

    def moves(self) -> dict[str, float]:
        """By how much each question moves kappa; they sum to 0."""
        found = dict.fromkeys(self.questions, 0.0)
        table = kappa_moves(_counts(self.choices)) if self.choices else None
        for question, (one, other) in zip(self.questions, self.choices, strict=True):
            found[question] += float(table[one, other]) if table is not None else 0.0
        return found


def repeated(verdicts: Iterable[Row]) -> Repeated:
    """Rows with `retest` against those of the same question and order that were asked first."""
    first: dict[Hashable, Row] = {}
    pairs: list[tuple[Row, Row]] = []
    for row in sorted(verdicts, key=lambda row: bool(row.get("retest"))):
        if row["preference"] is None:
            continue
        if not row.get("retest"):
            first[_request(row)] = row
        elif _request(row) in first:
            pairs.append((first[_request(row)], row))
    chosen = [(_choice(one["preference"]), _choice(other["preference"])) for one, other in pairs]
    gaps = [
        [abs(one[key] - other[key]) for key in ("score_1", "score_2") if _both(one, other, key)]
        for one, other in pairs
    ]
    return Repeated(
        tuple(str(one["question_id"]) for one, _ in pairs),
        tuple(chosen),
        tuple(fmean(each) if each else None for each in gaps),
    )


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

"""What a judging was, as its verdicts tell, and what two must share to be compared."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.judging.agreement import Repeated, repeated
from alpaca_exp.records import Row
from alpaca_exp.report.kept import kept
from alpaca_exp.report.rows import rows

PREFIX = "judge."
RANGES = {
    **dict.fromkeys(
        ("win_rate", "win_rate_lc", "flip_rate", "longer_preferred", "retest_agreement"), (0.0, 100.0)
    ),
    **dict.fromkeys(("score", "opponent_score"), (1.0, 10.0)),
    **dict.fromkeys(("difference", "difference_lc"), (-9.0, 9.0)),
    "length_slope": (-50.0, 50.0),
    "retest_kappa": (-1.0, 1.0),
    "retest_difference": (0.0, 9.0),
    **dict.fromkeys(("percent", "unparsed"), (0.0, math.inf)),
}
"""The judge's metrics, and what no value of each lies outside of."""
_SAME = {"judge": "judge", "judge_version": "judge version", "protocol": "protocol", "model_1": "opponent"}
"""What the verdicts of one judging share, as they are kept and as they are called."""


@dataclass(frozen=True)
class Judging:
    """How a judging was asked for, as its verdicts tell."""

    told: Mapping[str, str]
    """By the keys of `_SAME`; several values by comma, none where none is noted."""
    questions: frozenset[str]
    words: Mapping[str, float] | None
    """Of the model's answers, by question; None where not all are known."""
    categories: Mapping[str, str]
    """Of the questions."""
    unread: Mapping[str, int]
    """By question, how many verdicts could not be read; those of which all could are left out."""
    again: Repeated
    """What was asked for a second time."""

    @property
    def asked(self) -> Hashable:
        """Equal where nothing but the answers differs."""
        return tuple(self.told.values()), self.questions


def name_of(metric: str) -> str:
    """`win_rate` of `judge.win_rate_clean` and `judge.win_rate/coding`."""
    return metric.removeprefix(PREFIX).partition("/")[0].removesuffix("_clean")


def unlike_judgings(ours: Sequence[str], theirs: Sequence[str], outputs: Path) -> Iterator[str]:
    """What tells some judgings, by their fingerprints, apart from others beside the answers, a phrase each.

    Where many stand on a side they are counted: "15 judges against vicuna".
    """
    mine, its = (_distinct(side, outputs) for side in (ours, theirs))
    pairs = [(one, other) for one in mine for other in its]
    for key, word in _SAME.items():
        told = [(one.told[key], other.told[key]) for one, other in pairs]
        unequal = [pair for pair in told if all(pair) and pair[0] != pair[1]]
        if unequal:
            first, second = (list(dict.fromkeys(side)) for side in zip(*unequal, strict=True))
            yield f"{_counted(word, first)} against {_counted(word, second).removeprefix(f'{word} ')}"
    if any(one.questions != other.questions for one, other in pairs):
        yield "other questions"


def unlike_among_judgings(names: Sequence[str], outputs: Path) -> Iterator[str]:
    """The same among judgings that are thrown together: "judge a against b", of many "15 judges"."""
    found = _distinct(names, outputs)
    for key, word in _SAME.items():
        values = sorted({one.told[key] for one in found if one.told[key]})
        if len(values) == 2:
            yield f"{word} {' against '.join(values)}"
        elif len(values) > 2:
            yield _counted(word, values)
    if len({one.questions for one in found}) > 1:
        yield "other questions"


def mixture(artifacts: dict[str, str], outputs: Path) -> list[str]:
    """A sentence where one judging holds verdicts of several versions of the judge, or several protocols."""
    found = judging(artifacts.get("judge", ""), outputs)
    several = {word: found.told[key] for key, word in _SAME.items() if key != "model_1"} if found else {}
    return [
        f"the judge's verdicts mix more than one {word}: {told}"
        for word, told in several.items()
        if ", " in told
    ]


@functools.cache
def judging(name: str, outputs: Path) -> Judging | None:
    """Of the judging of this fingerprint; None where there are no verdicts."""
    file, before = outputs.joinpath("judge", name, "verdicts.jsonl"), kept(outputs)
    entry = before.of(file)
    summed = json.loads(entry) if entry else {}
    if "again" not in summed:  # or kept when less was told of it
        summed = _summed(rows(file, ("question_id",)))
    if not entry and summed["words"]:
        before.keep(file, json.dumps(summed).encode())
    words = {question: count for question, count in summed["words"].items() if count is not None}
    questions = _shared(frozenset(summed["words"]))
    if not questions:
        return None
    again = [(str(name), tuple(choices), gap) for name, choices, gap in summed["again"]]
    parts = zip(*again, strict=True) if again else ((), (), ())
    return Judging(
        told=summed["told"],
        questions=questions,
        words=words if len(words) == len(questions) else None,
        categories=summed["categories"],
        unread=summed["unread"],
        again=Repeated(*map(tuple, parts)),
    )


def _summed(found: Sequence[Row]) -> Row:
    """What is needed of all verdicts: their words are most of them, and are not."""
    words = {str(row["question_id"]): row.get("words_2") for row in found}
    lost = [str(row["question_id"]) for row in found if not row.get("parsed", True) and not row.get("retest")]
    again = repeated(found) if any(row.get("retest") for row in found) else Repeated()
    return {
        "told": {
            key: ", ".join(sorted(map(str, {row[key] for row in found if row.get(key)}))) for key in _SAME
        },
        "words": {question: None if count is None else float(count) for question, count in words.items()},
        "categories": {str(row["question_id"]): str(row.get("category") or "") for row in found},
        "unread": Counter(lost),
        "again": list(zip(again.questions, again.choices, again.gaps, strict=True)),
    }


@functools.cache
def _shared(questions: frozenset[str]) -> frozenset[str]:
    """One object for equal sets: there are as many as judgings, and they are compared often."""
    return questions


def _distinct(names: Sequence[str], outputs: Path) -> list[Judging]:
    """One of those that were asked for in the same way."""
    found = {one.asked: one for name in dict.fromkeys(names) if (one := judging(name, outputs))}
    return list(found.values())


def _counted(word: str, values: Sequence[str]) -> str:
    """`judge a`, `15 judges`."""
    return f"{word} {values[0]}" if len(values) == 1 else f"{len(values)} {word}s"

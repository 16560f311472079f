"""Which model is read against which: verdicts turned so that the reference is model 1, ratings paired."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alpaca_exp.errors import InputError
from alpaca_exp.judging.scores_questions import swapped
from alpaca_exp.records import Row

PAIRED = ("model", "score", "words")


@dataclass(frozen=True)
class Pair:
    """One judge's verdicts on two models; the reference is model 1 in every row."""

    model: str
    reference: str
    judge: str
    verdicts: Sequence[Row]


def pairs(rows: Sequence[Row], reference: str | None = None, pivot: str | None = None) -> list[Pair]:
    """The verdicts by judge and pair of models, in the order of the file.

    A pair with `reference`, else with `pivot`, is read against it; any other against the model 1 of its first
    row. Ratings of single answers (model 1 is empty) are paired with the reference's for the same
    question and judge; without a reference they are no pair.
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in [*_rated(rows, reference), *(row for row in rows if row["model_1"])]:
        models = row["model_2"], row["model_1"]
        against = next((name for name in (reference, pivot) if name in models), None)
        if against is None and (*models[::-1], row["judge"]) in found:
            against = models[0]
        told = row if against in (None, models[1]) else swapped(row)
        found.setdefault((told["model_2"], told["model_1"], told["judge"]), []).append(told)
    return [Pair(*names, verdicts) for names, verdicts in found.items()]


def model_named(word: str, rows: Sequence[Row], aliases: Mapping[str, str]) -> str:
    """The model that `word` names, by its own name or by the other that its answers give it.

    Raises InputError, naming the nearest, where nobody is called so.
    """
    names = sorted({row[key] for row in rows for key in ("model_1", "model_2")} - {""})
    if word in names:
        return word
    if aliases.get(word) in names:
        return aliases[word]
    near = difflib.get_close_matches(word, [*names, *aliases], n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    raise InputError(f"no judgment is about {word}; {hint}")


def _rated(rows: Sequence[Row], reference: str | None) -> Iterator[Row]:
    """Ratings of single answers, each beside the reference's."""
    ratings = [row for row in rows if not row["model_1"]]
    theirs = {(row["judge"], row["question_id"]): row for row in ratings if row["model_2"] == reference}
    for row in ratings:
        other = theirs.get((row["judge"], row["question_id"]))
        if other is None or row["model_2"] == reference:
            continue
        first, second = other["score_2"], row["score_2"]
        read = first is not None and second is not None
        preference = 0.5 + 0.5 * ((second > first) - (second < first)) if read else None
        yield {
            **row,
            **{f"{key}_1": other[f"{key}_2"] for key in PAIRED},
            "preference": preference,
            "parsed": read,
        }

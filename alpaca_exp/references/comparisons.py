"""What can be wrong with comparing two printed numbers: unlike figures, unresolved ones, confounded ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from alpaca_exp.references.library import Known
from alpaca_exp.references.names import Model, models, recipe_of, sets
from alpaca_exp.references.rows import Reference
from alpaca_exp.references.rules import stderr_of

Z = 1.959964
"""Standard errors that a difference must have to be resolved at 95 per cent."""
ASKED = (("dataset", "set"), ("measure", "metric"), ("harness", "harness"), ("frame", "prompt frame"))


def compares_unlike_figures(row: Reference, known: Known) -> str | None:
    """The partner is of another set, metric, harness, prompt frame or size."""
    other = known.rows.get(row.against)
    if other is None:
        return None
    causes = list(_unlike(known.really(row), known.really(other)))
    return f"is compared with {_told(other)}: another {', another '.join(causes)}" if causes else None


def _unlike(one: Reference, other: Reference) -> Iterator[str]:
    for field, word in ASKED:
        ours, theirs = getattr(one, field), getattr(other, field)
        if ours and theirs and ours != theirs:
            yield f"{word} ({_title(ours)} against {_title(theirs)})"
    if None not in (one.num_fewshot, other.num_fewshot) and one.num_fewshot != other.num_fewshot:
        yield f"number of solved examples ({one.num_fewshot} against {other.num_fewshot})"
    ours, theirs = (models()[x.checkpoint].size if x.checkpoint in models() else "" for x in (one, other))
    if ours and theirs and ours != theirs:
        yield f"size ({ours} against {theirs})"


def is_not_resolved(row: Reference, known: Known) -> str | None:
    """The difference is less than two standard errors, unpaired; or is said to be so, and is more."""
    other = known.rows.get(row.against)
    if other is None or compares_unlike_figures(row, known):
        return None
    ours, theirs = stderr_of(row, known), stderr_of(other, known)
    if not ours or not theirs:
        return None
    apart = known.value(row) - known.value(other)
    errors = abs(float(apart)) / float((ours**2 + theirs**2).sqrt())
    said = f"is {apart:+} from {other.model} ({known.value(other)}), {errors:.1f} standard errors (unpaired)"
    if "unresolved" in row.flags:
        return f"{said}: resolved, though the table says it is not" if errors >= Z else None
    return f"{said}: neither a difference nor equality is shown" if errors < Z else None


def pairs_with_other_recipes(row: Reference, known: Known) -> str | None:
    """The two models compared differ in more than one thing that they were made with."""
    other = known.rows.get(row.against)
    if other is None:
        return None
    ours, theirs = (known.really(one) for one in (row, other))
    differing = _recipes(ours, theirs)
    note = models()[ours.checkpoint].note if ours.checkpoint in models() else ""
    if len(differing) < 2:
        return None
    return f"differs from {_told(other)} in {' and '.join(differing)}" + (f"; {note}" if note else "")


def sizes_with_other_recipes(rows: Sequence[Reference], known: Known) -> Iterator[tuple[Reference, str]]:
    """In one source two sizes of a model that were tuned otherwise: not size alone differs between them.

    Yields the first row of the larger one.
    """
    first: dict[tuple[str, str], Reference] = {}
    for row in rows:
        checkpoint = known.really(row).checkpoint
        if checkpoint in models() and models()[checkpoint].family:
            first.setdefault((row.source, checkpoint), row)
    for ((source, a), one), ((also, b), other) in combinations(first.items(), 2):
        small, large = sorted((models()[a], models()[b]), key=_billions)
        same = source == also and small.family == large.family and _billions(small) < _billions(large)
        row, beside = (other, one) if large.name == b else (one, other)
        differing = _recipes(known.really(row), known.really(beside)) if same else []
        if differing:
            told = f"stands beside {small.title} ({beside.place}), tuned otherwise: {' and '.join(differing)}"
            if not {"confounded_recipe"} & {*one.flags, *other.flags}:
                yield row, f"{told}; a difference between them is not size alone"


def _recipes(one: Reference, other: Reference) -> list[str]:
    """What two models were made with, where it is known of both and differs."""
    ours, theirs = (_recipe(row) for row in (one, other))
    return [
        f"{key.replace('_', ' ')} ({_known(ours[key])} against {_known(theirs[key])})"
        for key in ours
        if key in theirs and ours[key] != theirs[key]
    ]


def _recipe(row: Reference) -> dict[str, str]:
    model = models().get(row.checkpoint)
    return {**recipe_of(model.recipe if model else ""), **recipe_of(row.recipe)}


def _known(value: str) -> str:
    return "not known" if value == "?" else value


def _billions(model: Model) -> float:
    digits = model.size.upper().removesuffix("B")
    return float(digits) if digits.replace(".", "", 1).isdecimal() else 0.0


def _title(name: str) -> str:
    return sets()[name].title if name in sets() else name


def _told(row: Reference) -> str:
    return f"{row.model} ({row.printed})"

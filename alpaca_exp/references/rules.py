"""What can be wrong with one printed number: a rule reads a row beside what is known and gives a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from alpaca_exp.references.copies import other_than_shipped
from alpaca_exp.references.library import Known, load
from alpaca_exp.references.names import Set, models, models_named, recipe_of, set_named, sets, spelling
from alpaca_exp.references.rows import Reference, rounds_to

SHARES = ("%", "% of", "points")
"""Units of what is measured on a sample, and so has an interval."""
ASKED = {
    "unit": "unit",
    "checkpoint": "weights",
    "version": "version of the model",
    "dataset": "set",
    "measure": "metric",
    "split": "split",
    "num_fewshot": "number of solved examples",
    "frame": "prompt frame",
    "harness": "harness",
    "harness_version": "version of the harness",
    "protocol": "protocol",
}
"""Fields that say how a number came about, and what they are called."""
RIGHT_OR_WRONG = ("acc", "acc_norm", "mc1", "exact_match", "truthful x informative")
"""Metrics that are shares of documents: their standard error follows from share and number."""
NEAR = Decimal("0.02")
"""How far, of itself, a standard error drawn by bootstrap may lie from the formula's."""


def differs_from_its_source(row: Reference, known: Known) -> str | None:
    """The printed digits are no rounding of what the source says."""
    source = known.source(row)
    if source is None and row.cited is None:
        return other_than_shipped(row)
    value = known.value(row)
    if rounds_to(value, row.printed):
        return None
    where = f"{source.source}, {source.place}," if source else row.cited_source or "its source"
    told = f" ({source.note})" if source and source.note else ""
    return f"prints {row.printed}; {where} says {value}{told}"


def is_not_its_parts(row: Reference, known: Known) -> str | None:
    """The product of the parts is not what is printed."""
    for one in (row, known.source(row)):
        if one and one.product is not None and not rounds_to(one.product, row.printed):
            return f"prints {row.printed}; 100 x {one.parts} is {one.product:.2f}"
    return None


def is_not_that_metric(row: Reference, known: Known) -> str | None:
    """The metric is another one than the one named, or none is named where the set has several."""
    source, really = known.source(row), known.really(row)
    if source is None and not row.measure:
        return _by_size(row, really)
    named, measure = spelling(row.metric), really.measure
    of = sets().get(really.dataset)
    if not measure or named in {spelling(measure), spelling(source.metric if source else "")} - {""}:
        return None
    if not named or named == "accuracy":
        several = of is not None and len(of.measures) > 1
        return f"names no metric; it is {measure}{_gap(of, measure)}" if several else None
    return f"is called {row.metric}; it is {measure}{_gap(of, measure)}"


def _gap(of: Set | None, measure: str) -> str:
    if of is None or of.gap is None or measure != "acc_norm":
        return ", of " + ", ".join(of.measures) if of and len(of.measures) > 1 else ""
    return f" by its size: plain acc on {of.title} is some {of.gap} points lower"


def _by_size(row: Reference, really: Reference) -> str | None:
    """Where nothing is cited: near what is known of the same model in the other metric."""
    of = sets().get(really.dataset)
    twin = next((one.printed for one in load() if of and of.gap is not None and one.measure == "acc_norm"
                 and (one.checkpoint, one.dataset) == (really.checkpoint, really.dataset)), None)  # fmt: skip
    if of is None or of.gap is None or twin is None:
        several = of is not None and len(of.measures) > 1 and spelling(row.metric) in ("", "accuracy")
        return (
            f"names no metric, and figures of {of.title} come in {', '.join(of.measures)}"
            if of and several
            else None
        )
    normed = abs(row.printed - twin) < abs(row.printed - (twin - of.gap))
    by_size = "acc_norm" if normed else "acc"
    if spelling(row.metric) == spelling(by_size):
        return None
    told = f"is called {row.metric}" if spelling(row.metric) not in ("", "accuracy") else "names no metric"
    known_one = f"acc_norm of that model is {twin}, acc some {of.gap} points lower"
    return f"{told}; by its size it is {by_size}: {known_one}"


def is_not_that_set(row: Reference, known: Known) -> str | None:
    """The documents are others than the name says."""
    source, really, named = known.source(row), known.really(row), set_named(row.task)
    if source and not named and spelling(row.task) != spelling(source.task):
        return f"is called {row.task}; its source calls it {source.task}"
    of = sets().get(really.dataset)
    if named and really.dataset and named.name != really.dataset:
        title = of.title if of else really.dataset
        count = f" ({really.n:,} documents, not {named.n:,})" if really.n else ""
        return f"is called {named.title}; it is {title}{count}"
    if row.n and of and row.n > of.n:
        return f"is said to be of {row.n:,} documents; {of.title} has {of.n:,}"
    if row.n and source and source.n and row.n != source.n:
        return f"is said to be of {row.n:,} documents; its source says {source.n:,}"
    return None


def came_about_otherwise(row: Reference, known: Known) -> str | None:
    """What the row says of how it was measured is not what its source says."""
    source = known.source(row)
    if source is None:
        return _impossible_doubt(row, known)
    told = [(word, getattr(row, field), getattr(source, field)) for field, word in ASKED.items()]
    unlike = [
        f"{word} {ours} (its source: {theirs})"
        for word, ours, theirs in told
        if "" not in (ours, theirs)
        and None not in (ours, theirs)
        and spelling(f"{ours}") != spelling(f"{theirs}")
    ]
    unlike += [*_another_size(row, source), *_another_doubt(row, source), *_another_recipe(row, source)]
    return f"is said to be of {', '.join(unlike)}" if unlike else None


def _another_size(row: Reference, source: Reference) -> Iterator[str]:
    model = models().get(source.checkpoint)
    size = source.size or (model.size if model else "")
    if row.size and size and spelling(row.size) != spelling(size):
        yield f"size {row.size} (its source: {size})"


def _another_doubt(row: Reference, source: Reference) -> Iterator[str]:
    for field in ("stderr", "low", "high"):
        ours, theirs = getattr(row, field), getattr(source, field)
        if ours is not None and theirs is not None and not rounds_to(theirs, ours):
            yield f"{field} {ours} (its source: {theirs})"
    most = _of_share(source.printed, source.n) if source.unit == "%" else None
    if row.stderr is not None and source.stderr is None and most and not _rounds_below(most, row.stderr):
        yield f"stderr {row.stderr} (of a share of {source.n:,} documents it is {most:.2f} at most)"


def _impossible_doubt(row: Reference, known: Known) -> str | None:
    """A standard error that no run over so many documents has, where no protocol says of what else it is."""
    really = known.really(row)
    share = _of_share(row.printed, row.n or really.n) if row.unit == "%" else None
    if (
        row.stderr is None
        or share is None
        or row.protocol
        or spelling(really.measure) not in map(spelling, RIGHT_OR_WRONG)
    ):
        return None
    near = rounds_to(share * (1 - NEAR), row.stderr) or rounds_to(share * (1 + NEAR), row.stderr)
    inside = share * (1 - NEAR) <= row.stderr <= share * (1 + NEAR)
    if near or inside or (row.n is None and row.stderr > share):
        return None
    return (
        f"has the stderr {row.stderr}; of one run over {row.n or really.n:,} documents it is {share:.2f}, "
        "and no protocol says of what else it is"
    )


def _rounds_below(most: Decimal, printed: Decimal) -> bool:
    return printed <= most or rounds_to(most, printed)


def _another_recipe(row: Reference, source: Reference) -> Iterator[str]:
    model = models().get(source.checkpoint)
    theirs = {**recipe_of(model.recipe if model else ""), **recipe_of(source.recipe)}
    for key, value in recipe_of(row.recipe).items():
        if theirs.get(key, value) not in (value, "?"):
            yield f"{key} {value} (its source: {theirs[key]})"


def is_not_that_model(row: Reference, known: Known) -> str | None:
    """The model is another one than the one named, or the name fits several."""
    source, really = known.source(row), known.really(row)
    fitting = models_named(row.model, row.size)
    model = models().get(really.checkpoint)
    if model is None:
        if len(fitting) > 1:
            return f"is of {row.model}, which may be {' or '.join(one.title for one in fitting)}"
        unlike = source and not fitting and spelling(row.model) != spelling(source.model)
        return f"is called {row.model}; its source calls it {source.model}" if source and unlike else None
    if [one.name for one in fitting] == [model.name] or (not fitting and row.own):
        return None
    meant = {fit.name for fit in fitting} - {model.name}
    key = (really.source, really.dataset, really.measure)
    others = [
        f"{models()[one.checkpoint].title} has {one.printed}"
        for one in known.rows.values()
        if one.own and one.checkpoint in meant and (one.source, one.dataset, one.measure) == key
    ]
    return f"is called {row.model}; it is {model.title}" + (f" ({', '.join(others)})" if others else "")


def has_one_right_answer(row: Reference, known: Known) -> str | None:
    """The right answer is the same in every document of the set."""
    really = known.really(row)
    if not really.gold:
        return None
    count = f"all {really.n:,} right answers" if really.n else "all right answers"
    return f"is of a set in which {count} are {really.gold!r}: who always says {really.gold} scores 100"


def needs_its_pivot(row: Reference, known: Known) -> str | None:
    """Per cent of a model with which this one was never compared, and the model between them is not named."""
    source = known.source(row)
    told = source or row
    if row.unit != "% of" or row.pivot:
        return _another_pivot(row, source)
    if source and not source.pivot and len(source.parts.split(" x ")) == 1:
        return None
    if not source and row.parts and len(row.parts.split(" x ")) == 1:
        return None
    said = f"is per cent of {row.reference}"
    if not told.pivot and not told.parts:
        return f"{said}, and does not say through which model, or by which sums of points"
    note = f"; {told.note}" if source and told.note else ""
    naive = f"; the sums as if the two had met would give {told.naive:.2f}" if told.naive is not None else ""
    return f"{said}, chained through {told.pivot or 'another model'}, which is not named{naive}{note}"


def _another_pivot(row: Reference, source: Reference | None) -> str | None:
    if source and source.pivot and row.pivot and spelling(row.pivot) != spelling(source.pivot):
        return f"is said to be chained through {row.pivot}; its source chains it through {source.pivot}"
    if (
        source
        and row.reference
        and source.reference
        and spelling(row.reference) != spelling(source.reference)
    ):
        return (
            f"is said to be per cent of {row.reference}; its source counts in per cent of {source.reference}"
        )
    return None


def comes_from_another_harness(row: Reference, known: Known) -> str | None:
    """Another harness has another figure for the very weights, and which this one is of is not told in full.

    Nothing is found where the row names harness and version: who compares can then see what with.
    """
    really, value = known.really(row), known.value(row)
    in_full = row.harness and row.harness_version
    if in_full or not (really.harness and really.checkpoint and really.dataset):
        return None
    for one in known.rows.values():
        same = (one.checkpoint, one.dataset, one.measure) == (
            really.checkpoint,
            really.dataset,
            really.measure,
        )
        if same and one.own and one.harness not in ("", really.harness) and one.printed != value:
            apart = one.printed - value
            side = f"{abs(apart)} points {'higher' if apart > 0 else 'lower'}"
            told = f"{one.source} has {one.printed} for the same weights by {_by(one)}, {side}"
            return f"is {really.harness}'s, of a version not told; {told}"
    return None


def _by(row: Reference) -> str:
    return "a harness of its own" if row.harness.endswith(" own") else row.harness


def stands_without_interval(row: Reference, known: Known) -> str | None:
    """A figure of a sample without standard error or interval."""
    if row.unit not in SHARES or row.stderr is not None or row.low is not None:
        return None
    source, error = known.source(row), stderr_of(row, known)
    if source and source.low is not None:
        return f"has no interval; its source has {source.printed} [{source.low}, {source.high}]"
    return "has no interval" + (f" (one standard error is {error:.2f})" if error is not None else "")


def stderr_of(row: Reference, known: Known) -> Decimal | None:
    """As printed, as its source has it, or that of a share of n documents, the most it can be; else None."""
    really = known.really(row)
    for one in (row, really):
        if one.stderr is not None:
            return one.stderr
        if one.low is not None and one.high is not None:
            return (one.high - one.low) / Decimal("3.92")
    return _of_share(known.value(row), really.n) if row.unit == "%" else None


def _of_share(value: Decimal, n: int | None) -> Decimal | None:
    """The standard error of a share of n documents, in per cent: the most that a mean of shares can have."""
    return (value * (100 - value) / n).sqrt() if n and 0 < value < 100 else None


def numbers_that_do_not_add_up(rows: Sequence[Reference], total: Decimal | None) -> Iterator[str]:
    """The printed numbers of a table are not what was noted as their sum when they were typed in."""
    found = sum((row.printed for row in rows), Decimal(0))
    if total is not None and found != total:
        yield f"adds up to {found}; total says {total}: one of the numbers, or the total, was typed wrongly"

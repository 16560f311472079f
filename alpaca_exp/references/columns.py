"""Which published figure may stand beside a number of ours, and what differs between the two.

A figure stands only in the column of its own set and metric: HALTT4LLM's trivia never enter a TruthfulQA
column, acc never one of acc_norm, and per cent of a model only with the pivot named. What else differs is
said beside it: prompt frame, harness and its version, solved examples, documents, protocol, the model itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alpaca_exp.references.library import load
from alpaca_exp.references.names import Model, models, set_named, sets
from alpaca_exp.references.rows import Reference, fractions, rounds_to


@dataclass(frozen=True)
class Column:
    """What one of our metrics is a figure of."""

    dataset: str
    measures: tuple[str, ...]
    """What published figures of it are called; of several the sum."""
    scale: Decimal = Decimal("0.01")
    """From the published unit to ours."""
    of_alpaca: bool = False
    """Whether it is of Alpaca as such, whatever its size: of its data, of its cost."""


COLUMNS = {
    "hellaswag.acc": Column("hellaswag", ("acc",)),
    "hellaswag.acc_norm": Column("hellaswag", ("acc_norm",)),
    "winogrande.acc": Column("winogrande", ("acc",)),
    "boolq.acc": Column("boolq", ("acc",)),
    "piqa.acc": Column("piqa", ("acc",)),
    "piqa.acc_norm": Column("piqa", ("acc_norm",)),
    "truthfulqa_mc1.acc": Column("truthfulqa", ("mc1",)),
    "truthfulqa_mc2.acc": Column("truthfulqa", ("mc2",)),
    "truthfulqa_gen.judged_both": Column("truthfulqa", ("truthful x informative",)),
    "judge.percent": Column("vicuna_questions", ("percent",), Decimal(1)),
    "judge.win_rate": Column("alpaca_eval", ("win_rate",), Decimal(1)),
    "judge.win_rate_lc": Column("alpaca_eval", ("win_rate_lc",), Decimal(1)),
    "rows_in": Column("alpaca_data", ("rows",), Decimal(1), of_alpaca=True),
    "usd": Column("cost", ("usd_data", "usd_training"), Decimal(1), of_alpaca=True),
}
"""By the names that our tables give them."""
FRAME_WORDS = {"raw": "raw prompt", "alpaca": "Alpaca frame", "chat": "chat template"}
SIZES = {"small": "7B", "large": "13B"}
WEIGHTS = {
    "llama_7b": "7B",
    "llama_13b": "13B",
    **{
        f"{preset}_{scale}": size
        for preset in ("miniature", "local", "paper")
        for scale, size in SIZES.items()
    },
}
"""The size of LLaMA that an option of base_model is, or stands for."""
EXACT = ("llama_7b", "llama_13b", "paper_small", "paper_large")
VARIANTS = {"none": "LLaMA", "base": "LLaMA", "original": "Alpaca", "cleaned": "cleaned Alpaca"}
"""The family that a data variant, or an experiment, stands for."""


@dataclass(frozen=True)
class Setting:
    """How a number of ours came about, as far as it is known; None and "" say nothing."""

    frame: str = ""
    harness: str = "lm-eval"
    harness_version: str = ""
    num_fewshot: int | None = None
    n: int | None = None
    protocol: str = ""


@dataclass(frozen=True)
class Shown:
    """A published figure in the unit of our column."""

    value: float
    text: str
    """With its digits: "0.739"; of a sum "500 + 100"."""
    stderr: float | None
    low: float | None
    high: float | None
    source: str
    """Who printed it, and where."""
    marks: tuple[str, ...]
    """What differs from ours, a phrase each."""
    reference: Reference


def beside(metric: str, labels: Mapping[str, str], setting: Setting | None = None) -> list[Shown]:
    """The published figures that may stand beside our `metric` of the model that `labels` tell.

    `labels` are values of a table's axes, those that are known: base_model, scale, dataset_variant, trainer,
    experiment. A figure that others copied stands here once, as its source has it, with a mark that says
    where it was printed otherwise. Those with the fewest marks come first; empty where nothing was published.
    """
    model, column = published_model(labels), COLUMNS.get(metric)
    if model is None or column is None or (column.of_alpaca and model.family != "Alpaca"):
        return []
    sources: dict[str, list[Reference]] = {}
    for row in load():
        if row.own and (column.of_alpaca or row.checkpoint == model.name) and not refusal(row, metric):
            sources.setdefault(row.source, []).append(row)
    stand_in = [] if column.of_alpaca else list(_stand_in(labels, model))
    made = (_shown(column, rows, setting or Setting(), stand_in) for rows in sources.values())
    return sorted(made, key=lambda one: (len(one.marks), one.source))


def refusal(row: Reference, metric: str, others: Iterable[Reference] = ()) -> str | None:
    """Why the row may not stand in the column of `metric`, a phrase; None where it may.

    Whatever it says of itself, it is a figure of what it was taken from (a shipped row, or one of `others`),
    and of what the shipped row of its id is: it may not where one of these is of another set, another metric,
    of documents with one right answer, of more documents than the set has, or per cent without their pivot.
    """
    column = COLUMNS.get(metric)
    if column is None:
        return f"stands nowhere: nothing that was published is a figure of {metric}"
    told = list(_at_each_hand(row, {one.id: one for one in (*load(), *others)}))
    other_sets = (_other_set(column, one) for one in told)
    problem = next(filter(None, other_sets), None) or _unlike(column, told[-1])
    return problem or _other_measure(column, row) or _no_pivot(row)


def published_model(labels: Mapping[str, str]) -> Model | None:
    """The published model that a row of ours is, or stands for; None where it is none."""
    weights = labels.get("base_model", "")
    if weights in models():
        return models()[weights]
    size = WEIGHTS.get(weights, "") if weights else SIZES.get(labels.get("scale", ""), "")
    family = VARIANTS.get(labels.get("dataset_variant") or labels.get("experiment", ""))
    if labels.get("trainer") == "none":
        family = "LLaMA"
    if labels.get("trainer") == "alpaca_lora" and family == "Alpaca":
        family = "Alpaca-LoRA"
    return next((one for one in models().values() if size and (one.family, one.size) == (family, size)), None)


def _at_each_hand(row: Reference, by_id: Mapping[str, Reference]) -> Iterator[Reference]:
    """The row, the shipped one of its id, and so on with the row that each was taken from, to the first."""
    seen: set[str] = set()
    one: Reference | None = row
    while one is not None and one.id not in seen:
        yield one
        seen.add(one.id)
        shipped = by_id.get(one.id, one)
        if shipped != one:
            yield shipped
        one = by_id.get(one.cites or shipped.cites)


def _other_measure(column: Column, row: Reference) -> str | None:
    """A copy under the name of another metric of its set than it is of."""
    of = sets().get(column.dataset)
    measure = row.measure or row.metric
    wrong = of is not None and measure in of.measures and measure not in column.measures
    return f"is called {measure}, not {' or '.join(column.measures)}" if wrong else None


def _other_set(column: Column, row: Reference) -> str | None:
    """Why a row is of other documents than those of a column; a name that no set has tells nothing."""
    named = [of.name for of in (set_named(row.task), set_named(row.harness)) if of]
    ours = _titled(column.dataset)
    for name in filter(None, (row.dataset, *named)):
        if name != column.dataset:
            return f"is of {_titled(name)}, not of {ours}"
    here = sets().get(column.dataset)
    if here is None:
        return None
    if row.gold and not here.gold:
        return f"is of documents whose right answers are all {row.gold!r}, not of {ours}"
    if row.n and row.n > here.n:
        return f"is of {row.n:,} documents, and {ours} has {here.n:,}"
    return None


def _unlike(column: Column, row: Reference) -> str | None:
    """Why a row is no figure of a column: another set, another metric, per cent without their pivot."""
    if problem := _other_set(column, row):
        return problem
    if not row.dataset and not set_named(row.task):
        return f"is of no known set, not of {_titled(column.dataset)}"
    measure = row.measure or row.metric
    if measure not in column.measures:
        return f"is {measure or 'of no named metric'}, not {' or '.join(column.measures)}"
    return _no_pivot(row)


def _no_pivot(row: Reference) -> str | None:
    if row.unit == "% of" and not row.pivot and len(fractions(row.parts)) != 1:
        return f"is per cent of {row.reference} without the pivot that they are chained through"
    return None


def _titled(name: str) -> str:
    return sets()[name].title if name in sets() else name


def _stand_in(labels: Mapping[str, str], model: Model) -> Iterator[str]:
    """Where ours is another model, or was tuned by another recipe than the published one."""
    weights, trainer = labels.get("base_model", ""), labels.get("trainer", "")
    if weights not in (*EXACT, *models()):
        yield f"{weights or 'our model'} stands for {model.title}"
    elif model.family == "Alpaca" and trainer not in ("", f"stanford_{model.size.casefold()}"):
        yield f"trainer {trainer} against Stanford's of {model.size}"


def _shown(column: Column, rows: Sequence[Reference], ours: Setting, stand_in: Sequence[str]) -> Shown:
    """The figure of one source: of several rows (data and training) the sum."""
    first = rows[0]
    printed = sum((row.printed for row in rows), Decimal(0))
    text = f"{printed * column.scale}" if len(rows) == 1 else " + ".join(str(row.printed) for row in rows)
    marks = (*stand_in, *_marks(first, ours), *(mark for row in rows for mark in _copies(row)))
    return Shown(
        value=float(printed * column.scale),
        text=text,
        stderr=_scaled(first.stderr, column, rows),
        low=_scaled(first.low, column, rows),
        high=_scaled(first.high, column, rows),
        source=f"{first.source}, {first.place}",
        marks=marks,
        reference=first,
    )


def _scaled(number: Decimal | None, column: Column, rows: Sequence[Reference]) -> float | None:
    """In our unit; of a sum nothing is known."""
    return None if number is None or len(rows) > 1 else float(number * column.scale)


def _marks(row: Reference, ours: Setting) -> Iterator[str]:
    """What differs, or is not known of one side. Of money and counts nothing of the kind is asked."""
    if row.dataset not in sets():
        return
    if row.protocol and ours.protocol != row.protocol:
        yield f"{row.protocol}{f' against {ours.protocol}' if ours.protocol else ''}"
    if row.unit == "% of":
        yield f"per cent of {row.reference}" + (f" through {row.pivot}" if row.pivot else "")
    if not row.protocol:
        yield from _of_harness(row, ours)
    if ours.num_fewshot is not None and row.num_fewshot not in (None, ours.num_fewshot):
        yield f"{row.num_fewshot} against {ours.num_fewshot} solved examples"
    if ours.n is not None and row.n not in (None, ours.n):
        yield f"n {row.n:,} against {ours.n:,}"


def _of_harness(row: Reference, ours: Setting) -> Iterator[str]:
    if ours.frame and row.frame != ours.frame:
        yield f"{FRAME_WORDS.get(row.frame, 'prompt frame not known')} against {FRAME_WORDS[ours.frame]}"
    if ours.harness and row.harness != ours.harness:
        yield f"harness {row.harness or 'not known'} against {ours.harness}"
    elif ours.harness_version and row.harness_version != ours.harness_version:
        version = row.harness_version or "of a version not told"
        yield f"{row.harness} {version} against {ours.harness_version}"


def _copies(row: Reference) -> Iterator[str]:
    """Where others printed it otherwise, or under another name."""
    for other in load():
        if other.cites == row.id and not rounds_to(row.printed, other.printed):
            yield f"{other.source} prints {other.printed}"

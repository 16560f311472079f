"""Curation: the source's rows, answered anew or not, cleaned by rules and critic, cut to size."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cards.page import write_page
from alpaca_exp.cleaning.card import card, unread
from alpaca_exp.cleaning.card_page import page
from alpaca_exp.cleaning.clean import clean
from alpaca_exp.cleaning.dataset import write_dataset
from alpaca_exp.cleaning.lineage import curated
from alpaca_exp.cleaning.rows import removal_row
from alpaca_exp.cleaning.rules import Rule, chosen
from alpaca_exp.cleaning.sources import Source, read_source
from alpaca_exp.cleaning.subsets import shorter, subset
from alpaca_exp.errors import InputError
from alpaca_exp.progress import progress
from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.schemas import (
    Answers,
    BaseModelConfig,
    CriticConfig,
    DatasetVariantConfig,
    EvalSuiteConfig,
    QuestionsConfig,
    RaterConfig,
    RuntimeConfig,
    TeacherConfig,
)

TEMPLATE = Path(__file__).with_name("curate.html.j2")
BETWEEN = 200
"""Rows between two looks at the clock."""


def curate(
    variant: DatasetVariantConfig,
    critic: CriticConfig | None,
    teacher: TeacherConfig | None,
    seed: int,
    weights: BaseModelConfig | None = None,
    rater: RaterConfig | None = None,
    suite: EvalSuiteConfig | None = None,
    documents: Mapping[str, Path] | None = None,
    lm_eval: str = "",
    questions: QuestionsConfig | None = None,
    *,
    examples: Artifact | None = None,
    model: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `dataset.jsonl` (or `.parquet`), `removed.jsonl`, `edited.jsonl`, `card.json` and `card.html`.

    In this order: source, new answers, rules, critic, `max_words`, decontamination, rating, subset. Where
    nothing but the draw leaves rows out it comes first: the same rows, since it does not look at outputs,
    and no answer is paid for that is not used. `critic` None: nobody reads the rows; `teacher` None: no new
    answers; `rater` None: nobody rates; `weights` or `model` is the base model, where that is the teacher.
    `suite`, with its mirror's `documents` and the judge's `questions`: no row that holds one of them stays.
    Raises InputError where no row is left, or fewer than the variant asks for.
    """
    rules = chosen(variant.rules)
    source = _read(variant, examples, runtime)
    work = _Work(list(source.rows), counts={"skipped": source.skipped} if source.skipped else {})
    cleans = bool(rules or critic or variant.max_words or suite or rater)
    if cleans:
        _drawn(work.rows, variant, seed)  # where the source has too few rows, nothing is paid for
    else:
        _cut(work, variant, seed)
    if teacher and variant.answers is Answers.teacher:
        _answer(work, variant, teacher, weights, model, runtime, out)
    judged = work.rows
    cleaned = clean(_watched("rules", work.rows), rules)
    work.take(cleaned.kept, cleaned.removed, cleaned.edited)
    if critic:
        _review(work, critic, rules, runtime, out)
    _shorten(work, variant.max_words)
    if suite:
        _decontaminate(work, suite, documents or {}, questions, variant.decontaminate_ngram, runtime)
    if rater:
        _rate(work, variant, rater, seed, runtime, out)
    if cleans and work.rows:
        _cut(work, variant, seed)
    if not work.rows:
        raise InputError(_nothing_left(len(source.rows), work))
    _compare_sizes(work, variant)
    lineage = curated(source.lineage, variant, critic, teacher, rater).as_row()
    _write(work, source, judged, lineage, list(unread(work.counts, critic, rater)), variant, out)


@dataclass
class _Work:
    """What the steps pass on: the rows so far, and what happened to the others."""

    rows: list[Row]
    removed: list[Row] = field(default_factory=list)
    edited: list[Row] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)

    def take(self, rows: list[Row], removed: Sequence[Row], edited: Sequence[Row] = ()) -> None:
        """What a step made of the rows. One that is removed in the end is listed as removed only."""
        gone = {row["id"] for row in removed}
        self.rows = rows
        self.removed += removed
        self.edited = [edit for edit in (*self.edited, *edited) if edit["id"] not in gone]


def _say(text: str) -> None:
    print(f"curate: {text}", file=sys.stderr, flush=True)


def _watched(title: str, rows: Sequence[Row]) -> Iterator[Row]:
    """The rows one by one, with how far we are."""
    with progress(title, len(rows), "rows") as bar:
        for number, row in enumerate(rows, start=1):
            yield row
            if number % BETWEEN == 0:
                bar.advance(BETWEEN)
        bar.advance(len(rows) % BETWEEN)


def _read(variant: DatasetVariantConfig, examples: Artifact | None, runtime: RuntimeConfig) -> Source:
    source = read_source(variant, examples, offline=runtime.offline)
    for note in source.notes:
        _say(note)
    return source


def _drawn(rows: Sequence[Row], variant: DatasetVariantConfig, seed: int) -> list[Row]:
    wanted = (variant.num_tasks, variant.num_examples)
    return subset(rows, *wanted, seed, task=variant.task, min_instances=variant.min_instances)


def _cut(work: _Work, variant: DatasetVariantConfig, seed: int) -> None:
    rows = _drawn(work.rows, variant, seed)
    work.counts["not_drawn"] = len(work.rows) - len(rows)
    work.rows = rows


def _answer(
    work: _Work,
    variant: DatasetVariantConfig,
    teacher: TeacherConfig,
    weights: BaseModelConfig | None,
    model: Artifact | None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    from alpaca_exp.cleaning.answers import answered_anew
    from alpaca_exp.llm.build import with_weights

    teacher = with_weights(teacher, weights, model)
    found = answered_anew(teacher, work.rows, variant, runtime=runtime, out=out)
    work.take(found.rows, found.removed)
    work.counts["answers"] = dict(found.counts)


def _review(
    work: _Work, critic: CriticConfig, rules: Sequence[Rule], runtime: RuntimeConfig, out: Path
) -> None:
    from alpaca_exp.cleaning.critic import review

    found = review(critic, work.rows, rules, runtime=runtime, out=out)
    work.take(found.kept, found.removed, found.edited)
    work.counts["critic"] = dict(found.counts)


def _rate(
    work: _Work,
    variant: DatasetVariantConfig,
    rater: RaterConfig,
    seed: int,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    from alpaca_exp.cleaning.rating import rate

    found = rate(rater, work.rows, variant, seed, runtime=runtime, out=out)
    work.take(found.kept, found.removed)
    work.counts["rating"] = found.counts


def _shorten(work: _Work, max_words: int | None) -> None:
    rows, longer = shorter(work.rows, max_words)
    removed = []
    for row in longer:
        reason = f"the output has {len(row['output'].split())} words, more than {max_words}"
        removed.append(removal_row(row, "max_words", "length", reason))
    work.take(rows, removed)


def _decontaminate(
    work: _Work,
    suite: EvalSuiteConfig,
    documents: Mapping[str, Path],
    questions: QuestionsConfig | None,
    n: int,
    runtime: RuntimeConfig,
) -> None:
    """Leave out the rows that share `n` words in a row with what the models are evaluated on."""
    from alpaca_exp.cleaning.overlap import OverlapIndex
    from alpaca_exp.harness.contamination import overlap_counts, overlap_rows, reasons
    from alpaca_exp.harness.texts import suite_texts

    _say(f"looking for the evaluation's documents in {len(work.rows):,} rows")
    index = OverlapIndex(suite_texts(suite, documents, questions, offline=runtime.offline), n)
    hits = list(index.hits(_watched("overlap", work.rows)))
    why = reasons(hits)
    removed = [
        removal_row(row, "overlap", "decontamination", why[row["id"]])
        for row in work.rows
        if row["id"] in why
    ]
    work.take([row for row in work.rows if row["id"] not in why], removed)
    found = len({hit.document for hit in hits})
    _say(f"{found:,} of {len(index.sizes):,} documents found; {len(removed):,} rows that hold them left out")
    work.counts["decontamination"] = overlap_counts(index, overlap_rows(index, hits))


def _compare_sizes(work: _Work, variant: DatasetVariantConfig) -> None:
    """Note, and say, where rows that were drawn got no answer: sizes that are compared must be known."""
    if variant.num_examples is None:
        return
    asked, got = variant.num_examples, len(work.rows)
    work.counts["num_examples"] = {"asked": asked, "got": got}
    if got < asked:
        _say(f"{got:,} of {asked:,} rows; the others got no new answer (removed.jsonl)")


def _nothing_left(rows: int, work: _Work) -> str:
    """What took all rows, and what to change of each that took any."""
    took = Counter(row["rule"] for row in work.removed)
    lost = work.counts.get("rating", {}).get("unreadable", 0)
    remedies = {
        "critic": "take another critic, or dataset_variant.critic=false",
        "rating": f"the score of {lost:,} could not be read: take another rater, or rater.on_unreadable=keep"
        if lost
        else "lower dataset_variant.min_rating",
        "max_words": "raise dataset_variant.max_words",
        "overlap": "raise dataset_variant.decontaminate_ngram",
        "no_answer": "see what became of the teacher's answers, or set dataset_variant.on_no_answer=keep",
    }
    wanted = dict.fromkeys(remedies.get(rule, "loosen dataset_variant.rules") for rule in took)
    told = ", ".join(f"{count:,} removed by {rule}" for rule, count in sorted(took.items()))
    remedy = "; ".join([*wanted, "or give a larger source"])
    return f"no example is left of {rows:,} after curation ({told}); {remedy}"


def _write(
    work: _Work,
    source: Source,
    judged: Sequence[Row],
    lineage: Row,
    notes: Sequence[str],
    variant: DatasetVariantConfig,
    out: Path,
) -> None:
    write_dataset(work.rows, out, variant.file_format)
    write_jsonl(work.removed, out / "removed.jsonl")
    write_jsonl(work.edited, out / "edited.jsonl")
    counts = {"not_drawn": 0, **work.counts}
    made = card(counts, work.removed, work.edited, source.rows, work.rows, lineage, judged)
    made |= {"source": source.facts, "notes": notes}
    write_page(page(made, TEMPLATE), out / "card.html")
    write_json(made, out / "card.json")

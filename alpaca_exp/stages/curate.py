"""Curation: the source's rows, answered anew or not, cleaned by rules and critic, cut to size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.card import card
from alpaca_exp.cleaning.clean import clean, removal_row
from alpaca_exp.cleaning.lineage import curated, from_file, generated_by
from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.cleaning.sources import read_rows, source_name
from alpaca_exp.cleaning.subsets import shorter, subset
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.schemas import (
    Answers,
    BaseModelConfig,
    CriticConfig,
    DatasetVariantConfig,
    RuntimeConfig,
    TeacherConfig,
)


def curate(
    variant: DatasetVariantConfig,
    critic: CriticConfig | None,
    teacher: TeacherConfig | None,
    seed: int,
    weights: BaseModelConfig | None = None,
    *,
    examples: Artifact | None = None,
    model: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `dataset.jsonl`, `removed.jsonl`, `edited.jsonl` and `card.json`.

    In this order: source, new answers, rules, critic, `max_words`, subset. Where nothing is cleaned
    the subset is drawn first: the same rows, since the draw does not look at outputs, and no answer
    is paid for that is not used. `critic` None: nobody reads the rows; `teacher` None: no new answers;
    `weights` or `model` is the base model, where that is the teacher.
    Raises InputError where no row is left.
    """
    rules = chosen(variant.rules)
    source = read_rows(examples / "examples.jsonl" if examples else _file(variant))
    work = _Work(list(source))
    cleans = bool(rules or critic or variant.max_words)
    if not cleans:
        _cut(work, variant, seed)
    if teacher and variant.answers is Answers.teacher:
        from alpaca_exp.llm.build import with_weights

        teacher = with_weights(teacher, weights, model)
        _answer(work, variant, teacher, runtime, out)
    cleaned = clean(work.rows, rules)
    work.rows, work.removed, work.edited = cleaned.kept, cleaned.removed, cleaned.edited
    if critic:
        _review(work, critic, runtime, out)
    _shorten(work, variant.max_words)
    if cleans:
        _cut(work, variant, seed)
    if not work.rows:
        raise InputError(_nothing_left(len(source), work.removed))
    lineage = _lineage(variant, critic, teacher, examples)
    _write(work, source, lineage, out)


@dataclass
class _Work:
    """What the steps pass on: the rows so far, and what happened to the others."""

    rows: list[Row]
    removed: list[Row] = field(default_factory=list)
    edited: list[Row] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)


def _file(variant: DatasetVariantConfig) -> Path:
    if variant.source is None:
        raise InputError("dataset_variant.source is null and no examples were generated; name a file")
    return variant.source


def _cut(work: _Work, variant: DatasetVariantConfig, seed: int) -> None:
    rows = subset(work.rows, variant.num_tasks, variant.num_examples, seed)
    work.counts["not_drawn"] = len(work.rows) - len(rows)
    work.rows = rows


def _answer(
    work: _Work, variant: DatasetVariantConfig, teacher: TeacherConfig, runtime: RuntimeConfig, out: Path
) -> None:
    from alpaca_exp.cleaning.answers import answered_anew

    work.rows = answered_anew(teacher, work.rows, variant.answer_words, runtime=runtime, out=out)
    work.counts["answered_anew"] = len(work.rows)


def _review(work: _Work, critic: CriticConfig, runtime: RuntimeConfig, out: Path) -> None:
    from alpaca_exp.cleaning.critic import review

    asked = len(work.rows)
    found = review(critic, work.rows, runtime=runtime, out=out)
    work.rows = found.kept
    work.removed += [removal_row(row, "critic", "critic", reason) for row, reason in found.removed]
    work.counts["critic"] = {
        "asked": asked,
        "removed": len(found.removed),
        "unreadable": found.unreadable,
    }


def _shorten(work: _Work, max_words: int | None) -> None:
    work.rows, longer = shorter(work.rows, max_words)
    for row in longer:
        reason = f"the output has {len(row['output'].split())} words, more than {max_words}"
        work.removed.append(removal_row(row, "max_words", "length", reason))


def _nothing_left(rows: int, removed: Sequence[Row]) -> str:
    rules = sorted({row["rule"] for row in removed})
    return (
        f"no example is left of {rows} after curation ({len(removed)} removed by {', '.join(rules)}); "
        "loosen dataset_variant.rules, .critic or .max_words, or give a larger source"
    )


def _lineage(
    variant: DatasetVariantConfig,
    critic: CriticConfig | None,
    teacher: TeacherConfig | None,
    examples: Artifact | None,
) -> Row:
    """Who wrote the data, under which length sentence, and what cleaned it."""
    if examples:
        asked = examples.record["identity"]["teacher"]
        source = generated_by(asked["model"], asked["max_words"])
    else:
        source = from_file(source_name(_file(variant)), variant.source_teacher)
    return curated(source, variant, critic, teacher).as_row()


def _write(work: _Work, source: Sequence[Row], lineage: Row, out: Path) -> None:
    write_jsonl(work.rows, out / "dataset.jsonl")
    write_jsonl(work.removed, out / "removed.jsonl")
    write_jsonl(work.edited, out / "edited.jsonl")
    counts = {"not_drawn": 0, **work.counts}
    write_json(card(counts, work.removed, work.edited, source, work.rows, lineage), out / "card.json")

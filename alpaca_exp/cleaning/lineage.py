"""A variant's lineage from its config: the same before the run as after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.content import sha256
from alpaca_exp.identity import identity
from alpaca_exp.lineage import UNKNOWN, Cap, Lineage
from alpaca_exp.paths import find
from alpaca_exp.schemas import (
    Answers,
    CriticConfig,
    DatasetVariantConfig,
    Decontaminate,
    RaterConfig,
    TeacherConfig,
)

NO_SOURCE = frozenset(
    {
        *("model", "max_words", "protocol", "seed"),
        *("num_examples", "max_requests", "max_barren_requests", "similarity_record"),
    }
)
"""Settings of a teacher that are dimensions of their own or always named; and sizes, limits and notes."""


def generated_by(asked: Mapping[str, Any]) -> Lineage:
    """Of what a teacher writes itself; `asked` is its identity, as the record of its stage holds it.

    The source is how the instructions were asked for, whoever was asked: the protocol, every setting that
    is not the usual one, and the seed. So two teachers who were asked alike differ in the teacher alone.
    """
    source = ", ".join([f"generated: protocol {asked.get('protocol', UNKNOWN)}", *_unusual(asked)])
    return Lineage(source, str(asked["model"]), Cap(asked["max_words"]), (), seed=asked.get("seed"))


def _unusual(asked: Mapping[str, Any]) -> Iterator[str]:
    for field in dataclasses.fields(TeacherConfig):
        if field.name not in asked or field.name in NO_SOURCE:
            continue
        value, usual = asked[field.name], field.default
        if isinstance(usual, Path):
            value, usual = value["sha256"][:8], sha256(find(usual))[:8]
        if value != identity(usual):
            yield field.name if value is True else f"{field.name} {value}"


def from_file(name: str, teacher: str) -> Lineage:
    """Of a file that is known by `name` only: nobody says what its authors were asked."""
    return Lineage(name, teacher, Cap(UNKNOWN), ())


def curated(
    source: Lineage,
    variant: DatasetVariantConfig,
    critic: CriticConfig | None,
    teacher: TeacherConfig | None,
    rater: RaterConfig | None = None,
) -> Lineage:
    """Of what `variant` makes of `source`; `critic`, `teacher` and `rater` are those that are asked."""
    if teacher and variant.answers is Answers.teacher:
        source = replace(source, teacher=teacher.model, cap=Cap(variant.answer_words), anew=True)
    rules = (rule.name for rule in chosen(variant.rules))
    critics = [f"critic {critic.model}{' (fixes)' if critic.fixes else ''}"] if critic else []
    clean = variant.decontaminate is Decontaminate.remove
    overlaps = [f"decontamination ({variant.decontaminate_ngram} words)"] if clean else []
    raters = [f"rating {rater.model} {_kept(variant)}"] if rater else []
    return replace(
        source,
        cap=replace(source.cap, filter=_least(source.cap.filter, variant.max_words)),
        cleaning=tuple(dict.fromkeys((*source.cleaning, *rules, *critics, *overlaps, *raters))),
    )


def _kept(variant: DatasetVariantConfig) -> str:
    """Which of the rated rows stay, in words."""
    least = [f"at least {variant.min_rating:g}"] if variant.min_rating is not None else []
    most = [f"best {variant.best_rated:,}"] if variant.best_rated is not None else []
    return ", ".join(least + most)


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)

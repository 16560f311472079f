"""Before the run: in what its data will differ from the baseline's, where that is more than one thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra

from alpaca_exp.artifacts import Stage
from alpaca_exp.cleaning.lineage import curated, generated_by
from alpaca_exp.cleaning.published import PUBLISHED
from alpaca_exp.cleaning.sources import source_lineage
from alpaca_exp.compose import compose
from alpaca_exp.errors import AlpacaExpError
from alpaca_exp.lineage import ORIGINAL, Lineage, confound
from alpaca_exp.plan import plan

BASELINE = ORIGINAL
CHOICES = ("experiment", "sweep", "dataset_variant")
"""Overrides that choose the variant, and so are not the baseline's."""
SHARED = frozenset(
    f"dataset_variant.{name}"
    for name in (
        "source", "hub", "revision", "split", "hub_config", "published", "columns", "on_error",
        "source_teacher", "source_cap", "source_cleaning", "num_examples", "num_tasks",
    )
)  # fmt: skip
"""Fields that say where the rows are from and how many: the baseline's too, if they were given."""


def warning(stages: Mapping[str, Stage], name: str, overrides: Sequence[str]) -> str | None:
    """How the variant of `stages`, called `name`, differs from the baseline of the same preset.

    None where it differs in one thing at most, where nothing is tuned, or where either cannot be known.
    A published file that has another's instructions is compared with that one.
    """
    try:
        ours = lineage(stages)
        if ours is None:
            return None
        if ours.instructions in PUBLISHED:
            other = ours.instructions if name == BASELINE else BASELINE
            return confound(name, other, {name: ours, other: PUBLISHED[ours.instructions].lineage})
        theirs = None if name == BASELINE else _baseline(overrides)
    except AlpacaExpError:  # what is wrong is said elsewhere
        return None
    return confound(name, BASELINE, {name: ours, BASELINE: theirs}) if theirs else None


def lineage(stages: Mapping[str, Stage]) -> Lineage | None:
    """Of the data that `stages` would make or find; None where they make none. Raises InputError."""
    if "curate" not in stages:
        return None
    stage = stages["curate"]
    told = stage.config
    if "examples" in stage.inputs:
        source = generated_by(stage.inputs["examples"].recipe["identity"]["teacher"])
    else:
        source = source_lineage(told["variant"])
    return curated(source, told["variant"], told["critic"], told["teacher"], told.get("rater"))


def _baseline(overrides: Sequence[str]) -> Lineage | None:
    kept = [*_kept(overrides), f"dataset_variant={BASELINE}"]
    running = GlobalHydra.instance().hydra
    try:
        return lineage(plan(compose(kept)))
    finally:  # compose() takes Hydra's place; the command line that asks us still needs it
        GlobalHydra.instance().hydra = running


def _kept(overrides: Sequence[str]) -> Iterator[str]:
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        variants = key.startswith("dataset_variant.") and key not in SHARED
        if key not in CHOICES and not variants:
            yield override

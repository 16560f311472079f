"""What to know of money before a run: whose price is taken, and whether a budget will do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alpaca_exp.artifacts import RECORD, Stage
from alpaca_exp.costs import expected
from alpaca_exp.ledger import consumed, price
from alpaca_exp.schemas import LanguageModelConfig


def money(stages: Mapping[str, Stage], outputs: Path, overrides: Sequence[str]) -> list[str]:
    """One sentence for each price that may not be the asked model's, and each budget that will end the work.

    Only of stages that are still to be made: what is found costs nothing.
    """
    found: list[str] = []
    for stage in stages.values():
        if not (stage.path(outputs) / RECORD).exists():
            asked = [value for value in stage.config.values() if isinstance(value, LanguageModelConfig)]
            for model in asked:
                found += _whose_price(model, overrides)
                found += _budget(model, stage, outputs, alone=len(asked) == 1)
    return list(dict.fromkeys(found))


def paid(stage: Stage, outputs: Path) -> float:
    """Dollars that earlier attempts at an unfinished stage paid: its answers are in the journal."""
    return consumed(stage.path(outputs)).usd


def _whose_price(model: LanguageModelConfig, overrides: Sequence[str]) -> Iterator[str]:
    """A price that came with the option, while another model is asked."""
    group, name = model.group, model.model.rpartition("/")[2]
    told = any(word.lstrip("+").startswith(f"{group}.usd_per_million_") for word in overrides)
    dated = rf"{re.escape(model.price_of)}(-\d{{4}}-\d{{2}}-\d{{2}})?"
    if model.price_of and not told and not re.fullmatch(dated, name):
        yield (
            f"the price is that of {model.price_of}; set {group}.usd_per_million_in and "
            f"{group}.usd_per_million_out for {model.model}"
        )


def _budget(model: LanguageModelConfig, stage: Stage, outputs: Path, *, alone: bool) -> Iterator[str]:
    """A budget that not one request fits into, or not the cheapest course of the stage."""
    if model.budget_usd is None:
        return
    limit = f"{model.group}.budget_usd={model.budget_usd:g}"
    one = price(model, 0, int(getattr(model, "max_tokens", 0)))
    least = expected(stage, outputs).usd_low if alone else 0.0
    if one > model.budget_usd:
        yield (
            f"one request could cost ${one:.4f}, more than {limit} allows for all: what is not in the "
            f"journal would not be asked; raise {model.group}.budget_usd or lower {model.group}.max_tokens"
        )
    elif least > model.budget_usd:
        yield (
            f"{stage.name} should cost ${least:.2f} at least, and {limit} ends it before; it keeps what "
            f"was paid for and goes on once {model.group}.budget_usd is raised"
        )

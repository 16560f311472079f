"""The rating: a language model gives each row a score of 0 to 5, and the best rows are kept.

The idea is AlpaGasus' (Chen et al. 2023, arXiv:2307.08701), which kept the 9,229 rows of 52,002 that
ChatGPT had given 4.5 or more; the prompt here is our own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.cleaning.readable import ask_readable
from alpaca_exp.cleaning.rows import example_of, removal_row
from alpaca_exp.cleaning.subsets import draw
from alpaca_exp.errors import InputError
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row
from alpaca_exp.schemas import DatasetVariantConfig, RaterConfig, RuntimeConfig, Unreadable

NAME = "rating"
"""Its name among the rules and their categories."""
MOST = 5.0
_SCORE = re.compile(
    r"^\W*(?:(?:score|rating|grade)\b\W*)?(?<![-.\d])(\d+(?:[.,]\d+)?)"
    r"(?:\s*(?:/|out of)\s*5(?:\.0+)?(?![.,]?\d))?"  # of five
    r"(?!\s*(?:/|out of|or|to|and|[-\u2013])\s*\d|\s*%|[.,]?\d)(.*)",  # no other scale, no range
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Rated:
    """What the rater made of some rows; `removed` are rows of the file of that name."""

    kept: list[Row] = field(default_factory=list)
    """In the order of the rows, each with its `rating` (none where the reply held none)."""
    removed: list[Row] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    """asked, kept, removed, unreadable, and the histogram of all scores."""


def rate(
    rater: RaterConfig,
    rows: Sequence[Row],
    variant: DatasetVariantConfig,
    seed: int,
    *,
    runtime: RuntimeConfig,
    out: Path,
) -> Rated:
    """Every row rated; kept are those of `variant.min_rating` or more, of these the `best_rated` best.

    Rows of the same score are told apart by a hash of seed and id, as in `subset`. A row whose score
    cannot be read is counted, never given one: it is removed, or kept beside the best, as configured.
    Raises InputError where there are fewer than `best_rated`, or where hardly any score can be read.
    """
    _enough(len(rows), variant, "")
    requests = [_request(rater, row) for row in rows]
    replies = ask_readable(
        rater,
        requests,
        lambda reply: read_rating(reply.text) is not None,
        runtime=runtime,
        out=out,
        title=NAME,
    )
    scores = [read_rating(reply.text) for reply in replies]
    rated = [_with_score(row, score) for row, score in zip(rows, scores, strict=True)]
    reasons = {row["id"]: score[1] for row, score in zip(rows, scores, strict=True) if score}
    chosen = {row["id"] for row in best(rated, variant, seed)}
    found = Rated(counts={"asked": len(rows), "unreadable": len(rows) - len(reasons)})
    for row in rated:
        if row["id"] in chosen or ("rating" not in row and rater.on_unreadable is Unreadable.keep):
            found.kept.append(row)
        else:
            found.removed.append(removal_row(row, NAME, NAME, _why(row, variant, reasons)))
    found.counts.update(
        {"kept": len(found.kept), "removed": len(found.removed), "histogram": _histogram(rated)}
    )
    return found


def best(rows: Sequence[Row], variant: DatasetVariantConfig, seed: int) -> list[Row]:
    """Of the rows that have a rating, those that `variant` keeps, best first.

    Raises InputError where there are fewer than `best_rated`.
    """
    least = variant.min_rating or 0.0
    enough = [row for row in rows if row.get("rating") is not None and row["rating"] >= least]
    _enough(len(enough), variant, f" with a score of at least {least:g}")
    ranked = sorted(enough, key=lambda row: (-row["rating"], draw(seed, row["id"])))
    return ranked[: variant.best_rated]


def read_rating(reply: str) -> tuple[float, str] | None:
    """The score and its reason; None where the reply does not open with one number of 0 to 5.

    `4.5`, `Score: 4.5/5` and `**4**` are scores; `4/10`, `4 or 5` and `7` are none.
    """
    found = _SCORE.match(reply.strip())
    if not found:
        return None
    score = float(found[1].replace(",", "."))
    reason = " ".join(found[2].strip(" \n*`").lstrip(" \n*`:.,-\u2013").split())
    return (score, reason or "no reason given") if score <= MOST else None


def _with_score(row: Row, score: tuple[float, str] | None) -> Row:
    """The row with its rating; none where there is none, also where the source had one."""
    rest = {key: value for key, value in row.items() if key != "rating"}
    return rest if score is None else {**rest, "rating": score[0]}


def _enough(count: int, variant: DatasetVariantConfig, what: str) -> None:
    """Sizes that are compared must be those that were asked for."""
    if variant.best_rated is not None and count < variant.best_rated:
        raise InputError(
            f"dataset_variant.best_rated is {variant.best_rated:,} and there are {count:,} rows{what}; "
            "ask for fewer, or set it to null for all"
        )


def _why(row: Row, variant: DatasetVariantConfig, reasons: dict[str, str]) -> str:
    if "rating" not in row:
        return "its score could not be read"
    score = f"rated {row['rating']:g} of {MOST:g}"
    if row["rating"] < (variant.min_rating or 0.0):
        return f"{score}, below {variant.min_rating:g}: {reasons[row['id']]}"
    return f"{score}, not among the best {variant.best_rated:,}: {reasons[row['id']]}"


def _histogram(rated: Sequence[Row]) -> dict[str, int]:
    """How many rows had each score, the lowest first."""
    found = Counter(row["rating"] for row in rated if "rating" in row)
    return {f"{score:g}": found[score] for score in sorted(found)}


def _request(rater: RaterConfig, row: Row) -> Request:
    return Request(
        model=rater.model,
        prompt=prompts.rating(example_of(row)),
        max_tokens=rater.max_tokens,
        temperature=rater.temperature,
    )

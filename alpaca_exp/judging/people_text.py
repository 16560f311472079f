"""People's votes to be read: who wins, whose answers understood what was meant, how far raters agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import asdict

from alpaca_exp.cleaning.difference_text import table
from alpaca_exp.judging.agreement import Agreement
from alpaca_exp.judging.agreement_text import ABSENT, kappa_text, sentence, values
from alpaca_exp.judging.people import Poll, Standing
from alpaca_exp.records import Row
from alpaca_exp.statistics.intervals import Interval

HEAD = ["model", "against", "votes", "won", "tied", "lost", "win rate, %", "intent, %", "quality, 1 to 5"]


def markdown(found: Poll, judge: str | None = None) -> str:
    """The whole poll as Markdown; `judge` is the name of the judge that people are compared with."""
    voters = ", ".join(f"{name} ({count:,})" for name, count in found.raters.items())
    parts = [
        f"# People's votes\n\n{sum(found.raters.values()):,} votes of {_counted(found.raters)}: {voters}.",
        table([HEAD, *map(_line, found.standings)]),
        f"Win rate: a tie counts half. Intervals, 95 %, are over questions.{_order(found)}",
        *_by_category(found),
        *_raters(found),
        *_with_judge(found, judge),
    ]
    return "\n\n".join(parts) + "\n"


def as_json(found: Poll, judge: str | None = None) -> Row:
    """The same as plain values."""
    return {
        "raters": dict(found.raters),
        "shown_first": _bounds(found.shown_first),
        "standings": [_plain(one) for one in found.standings],
        "categories": {name: [_plain(one) for one in rows] for name, rows in found.categories.items()},
        "between": [{"raters": list(pair), **values(one)} for pair, one in found.between.items()],
        "light_kappa": found.light,
        "judge": judge,
        "with_judge": values(found.judge) if found.judge else None,
        "each_with_judge": {name: values(one) for name, one in found.each.items()},
    }


def _counted(raters: Sized) -> str:
    count = len(raters)
    return "one rater" if count == 1 else f"{count} raters"


def _line(one: Standing) -> list[str]:
    counts = [str(count) for count in one.counts]
    told = [_number(one.win_rate, 1), _number(one.intent, 0), _number(one.quality, 2)]
    return [one.model, one.opponent, str(one.votes), *counts, *told]


def _order(found: Poll) -> str:
    told = _number(found.shown_first, 0)
    return (
        f" Of the votes for one of the two, {told} % went to the one shown first."
        if found.shown_first
        else ""
    )


def _number(found: Interval | None, decimals: int) -> str:
    if found is None:
        return ABSENT
    if found.low is None or found.high is None:
        return f"{found.mean:.{decimals}f}"
    return f"{found.mean:.{decimals}f} [{found.low:.{decimals}f}, {found.high:.{decimals}f}]"


def _plain(one: Standing) -> Row:
    row = asdict(one)
    for key in ("win_rate", "intent", "quality"):
        row[key] = _bounds(getattr(one, key))
    return row


def _bounds(found: Interval | None) -> Row | None:
    return {name: getattr(found, name) for name in ("mean", "low", "high")} if found else None


def _by_category(found: Poll) -> Iterator[str]:
    if found.categories:
        lines = [[name or "none", *_line(one)] for name, rows in found.categories.items() for one in rows]
        yield f"## By category\n\n{table([['category', *HEAD], *lines])}"


def _raters(found: Poll) -> Iterator[str]:
    if found.between:
        lines = [[" and ".join(pair), *_agreed(one)] for pair, one in found.between.items()]
        light = f"\n\nMean over pairs (Light's kappa): {found.light:.2f}." if found.light is not None else ""
        yield f"## Raters among themselves\n\n{table([['raters', *_AGREED], *lines])}{light}"


def _with_judge(found: Poll, judge: str | None) -> Iterator[str]:
    if found.judge is None:
        return
    whose = "the raters, averaged, and" if len(found.raters) > 1 else "the rater and"
    count = "1 comparison" if found.judge.n == 1 else f"{found.judge.n:,} comparisons"
    only = f" The judge has judged none of {found.judge.only[0]:,} others." if found.judge.only[0] else ""
    yield f"## With the judge\n\nCompared: {whose} {judge}, on {count}. {sentence(found.judge)}{only}"
    if found.each:
        lines: Sequence[list[str]] = [[name, *_agreed(one)] for name, one in found.each.items()]
        yield table([["rater", *_AGREED], *lines])


_AGREED = ["common", "agreement, %", "kappa"]


def _agreed(found: Agreement) -> list[str]:
    return [str(found.n), f"{100 * found.share:.0f}", kappa_text(found)]

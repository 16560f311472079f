"""Agreement to be read: a few sentences, the table of who said what, categories, examples of dispute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alpaca_exp.cleaning.difference_text import table
from alpaca_exp.cleaning.wording import visible
from alpaca_exp.judging.agreement import Agreement
from alpaca_exp.judging.opinions import Matter, Opinion
from alpaca_exp.records import Row

ABSENT = "\u2013"
SHOWN = 160
"""Letters of what a judge said that an example shows."""


@dataclass(frozen=True)
class Party:
    """Whose opinions they are, under a short name, and where they are from."""

    name: str
    source: str
    opinions: Mapping[Matter, Opinion]


def markdown(a: Party, b: Party, found: Agreement, examples: int = 3) -> str:
    """The whole agreement of two parties, A and B, as Markdown."""
    parts = [
        f"# {a.name} and {b.name}",
        f"- A: {a.source}, {len(a.opinions):,} comparisons\n- B: {b.source}, {len(b.opinions):,} comparisons",
        _common(found),
        sentence(found),
        _counts(found, labels(a, b)),
        *_categories(found),
        _disputes(found),
        *_examples(a, b, found, examples),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def sentence(found: Agreement) -> str:
    """The share that agrees, and kappa with both intervals."""
    told = f"They agree on {100 * found.share:.1f} %. Cohen's kappa: {kappa_text(found)}"
    analytic = found.kappa.interval
    more = f"; analytic {_interval(analytic)}" if analytic and found.kappa.stderr else ""
    expected, weighted = 100 * found.kappa.expected, 100 * found.kappa.observed
    if abs(found.kappa.observed - found.share) < 1e-9:
        return f"{told}{more}; by chance they would agree on {expected:.1f} %."
    return f"{told}{more}; weighted, they agree on {weighted:.1f} %, by chance on {expected:.1f} %."


def kappa_text(found: Agreement) -> str:
    """Kappa with its interval over questions, or why there is none."""
    if found.kappa.value is None:
        return "none, since both always say the same one thing"
    return f"{found.kappa.value:.2f} {_interval(found.interval)}".strip()


def labels(a: Party, b: Party) -> tuple[str, str, str]:
    """What the three classes are called: by the models' names where both speak of the same two only."""
    pairs = {matter.models for matter in a.opinions if matter in b.opinions}
    first, second = next(iter(pairs)) if len(pairs) == 1 else ("the first by name", "the second")
    return first, "tie", second


def as_json(a: Party, b: Party, found: Agreement) -> Row:
    """The same as plain values."""
    return {
        "a": {"name": a.name, "source": a.source, "comparisons": len(a.opinions)},
        "b": {"name": b.name, "source": b.source, "comparisons": len(b.opinions)},
        "classes": list(labels(a, b)),
        **values(found),
        "only_a": found.only[0],
        "only_b": found.only[1],
        "opposed": found.opposed,
        "longer": dict(zip(("a", "b", "of"), found.longer, strict=True)),
        "categories": {name: values(one) for name, one in found.categories.items()},
        "disputed": [
            {
                "question_id": matter.question_id,
                "models": list(matter.models),
                "a": a.opinions[matter].preference,
                "b": b.opinions[matter].preference,
            }
            for matter in found.disputed
        ],
    }


def values(found: Agreement) -> Row:
    """The figures of one agreement."""
    return {
        "n": found.n,
        "questions": found.questions,
        "agreement": found.share,
        "kappa": found.kappa.value,
        "stderr": found.kappa.stderr,
        "interval": found.interval,
        "interval_analytic": found.kappa.interval,
        "counts": found.counts,
    }


def _common(found: Agreement) -> str:
    more = f", of {found.questions:,} questions" if found.questions != found.n else ""
    told = f"Compared: the {found.n:,} comparisons that both made{more}."
    only = ", ".join(f"{n:,} only {name}" for n, name in zip(found.only, "AB", strict=True) if n)
    return f"{told} Made by one: {only}." if only else told


def _counts(found: Agreement, names: tuple[str, str, str]) -> str:
    sums = [sum(column) for column in zip(*found.counts, strict=True)]
    lines = [
        [f"A: {name}", *map(str, row), str(sum(row))] for name, row in zip(names, found.counts, strict=True)
    ]
    head = ["better is", *(f"B: {name}" for name in names), "all"]
    return table([head, *lines, ["all", *map(str, sums), str(found.n)]])


def _categories(found: Agreement) -> Iterator[str]:
    if found.categories:
        lines = [
            [name or "none", str(one.n), f"{100 * one.share:.0f}", *_cells(one)]
            for name, one in found.categories.items()
        ]
        yield table([["category", "n", "agreement, %", "kappa", "95 %"], *lines])


def _cells(found: Agreement) -> tuple[str, str]:
    if found.kappa.value is None:
        return ABSENT, ABSENT
    return f"{found.kappa.value:.2f}", _interval(found.interval) or ABSENT


def _disputes(found: Agreement) -> str:
    count = len(found.disputed)
    if not count:
        return "They differ on nothing."
    told = f"They differ on {count:,}: on {found.opposed:,} each finds the other answer better"
    rest = f", on {count - found.opposed:,} one of them says tie." if count > found.opposed else "."
    first, second, of = found.longer
    lean = f" Where one answer is longer ({of:,} of these), A leans to it in {first:,}, B in {second:,}."
    return told + rest + (lean if of else "")


def _examples(a: Party, b: Party, found: Agreement, most: int) -> Iterator[str]:
    shown = found.disputed[:most]
    if shown:
        lines = [
            [
                matter.question_id,
                *matter.models,
                f"{a.opinions[matter].preference:.2f}",
                f"{b.opinions[matter].preference:.2f}",
            ]
            for matter in shown
        ]
        head = ["question", "first", "second", "A prefers the second by", "B"]
        yield f"The farthest apart (0: the first is better, 1: the second):\n\n{table([head, *lines])}"
        said = [_said(matter, a, b) for matter in shown]
        yield "\n".join(line for line in said if line)


def _said(matter: Matter, a: Party, b: Party) -> str:
    """What either said, as far as it is known and fits on a line."""
    texts = {"A": a.opinions[matter].text, "B": b.opinions[matter].text}
    quoted = [f"{name}: {_short(text)}" for name, text in texts.items() if text]
    return f"- {matter.question_id}. {' '.join(quoted)}" if quoted else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f'"{visible(line[:SHOWN])}{"..." if len(line) > SHOWN else ""}"'


def _interval(bounds: tuple[float, float] | None) -> str:
    return f"[{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else ""

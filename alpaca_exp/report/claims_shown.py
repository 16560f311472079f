"""Verdicts on claims as Markdown, HTML, LaTeX or CSV, each with what it must be read with."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from html import escape

from alpaca_exp.report.latex import escaped
from alpaca_exp.report.runs import ABSENT
from alpaca_exp.report.verdicts import ALPHA, NOT_TESTABLE, Verdict

HEADS = ("claim", "verdict", "left - right [95 %]", "p (Holm)", "seeds", "documents")
READING = (
    f"Two-sided tests at {ALPHA:.0%} after Holm over all lines; an equality holds where the interval lies "
    "within its margin. Intervals are over seeds and documents, paired by both; they are not adjusted."
)
PLACES = 2
Shown = Callable[[Sequence[Verdict], str, Sequence[str]], str]
"""Of the verdicts, the command that tells them, and why runs are left out."""
Number = Callable[[Verdict, str], str]
"""One of a verdict's numbers as markup."""


def markdown(verdicts: Sequence[Verdict], command: str, left_out: Sequence[str] = ()) -> str:
    """A table, then each claim in words with what stands in its way, the command and the artifacts."""
    lines = [HEADS, ("---",) * len(HEADS), *map(cells, verdicts)]
    grid = "\n".join("| " + " | ".join(_barred(text) for text in line) + " |" for line in lines)
    said = "\n".join(f"- {text}" for text in (*sentences(verdicts), *_left_out(left_out)))
    behind = "\n".join(f"- {text}" for text in _sources(verdicts))
    return "\n\n".join(filter(None, [grid, READING, said, f"    {command}", behind])) + "\n"


def html(
    verdicts: Sequence[Verdict],
    command: str,
    left_out: Sequence[str] = (),
    number: Number = lambda one, text: escape(text),
) -> str:
    """A section that a page embeds: the table, whose cells sort by `data-sort`, and the sentences.

    `number` makes each number's markup.
    """
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in HEADS)
    rows = "\n".join(_row(one, number) for one in verdicts)
    items = "\n".join(f"<li>{escape(text)}</li>" for text in (*sentences(verdicts), *_left_out(left_out)))
    return (
        f'<section class="claims">\n<table>\n<caption><span>{escape(READING)}</span></caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n<ul>\n{items}\n</ul>\n"
        f"<pre><code>{escape(command)}</code></pre>\n</section>\n"
    )


def latex(verdicts: Sequence[Verdict], command: str, left_out: Sequence[str] = ()) -> str:
    """A `table` environment, for a document that uses booktabs and textcomp."""
    told = [
        f"% {text}" for text in (command, *sentences(verdicts), *_left_out(left_out), *_sources(verdicts))
    ]
    rows = [" & ".join(map(escaped, line)) + " \\\\" for line in (HEADS, *map(cells, verdicts))]
    body = ["\\begin{tabular}{llrrrr}", "\\toprule", rows[0], "\\midrule", *rows[1:], "\\bottomrule"]
    opening = ["\\begin{table}", "\\centering", f"\\caption{{{escaped(READING)}}}"]
    return "\n".join([*told, *opening, *body, "\\end{tabular}", "\\end{table}"]) + "\n"


def comma_separated(verdicts: Sequence[Verdict], command: str, left_out: Sequence[str] = ()) -> str:
    """A comment that holds the command, one for each reason why runs are left out, then a line a verdict."""
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in (command, *_left_out(left_out)))
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Verdict)]
    writer.writerow(names)
    writer.writerows([_plain(getattr(one, name)) for name in names] for one in verdicts)
    return text.getvalue()


FORMATS: dict[str, Shown] = {"markdown": markdown, "html": html, "latex": latex, "csv": comma_separated}


def cells(one: Verdict) -> tuple[str, ...]:
    """What a table shows of a verdict, in the order of `HEADS`."""
    name = named(one)
    if one.verdict == NOT_TESTABLE or one.estimate is None:
        return (name, one.verdict, *(ABSENT,) * 4)
    p = ABSENT if one.p_holm is None else f"{one.p_holm:.3f}" if one.p_holm >= 0.001 else "< 0.001"
    documents = f"{one.documents:,}" if one.documents else ABSENT
    return (name, one.verdict, estimate(one), p, str(one.seeds), documents)


def estimate(one: Verdict) -> str:
    """`+15.6 [+14.5, +16.8] points`."""
    if one.estimate is None:
        return ABSENT
    bounds = "" if one.low is None or one.high is None else f" [{_signed(one.low)}, {_signed(one.high)}]"
    return f"{_signed(one.estimate)}{bounds} {one.unit}".strip()


def sentences(verdicts: Sequence[Verdict]) -> list[str]:
    """One for each claim; then what must be known of all of them, once."""
    noted = [set(one.notes) for one in verdicts if one.verdict != NOT_TESTABLE]
    common = set.intersection(*noted) if len(noted) > 1 else set()
    shared = dict.fromkeys(note for one in verdicts for note in one.notes if note in common)
    return [*(_sentence(one, common) for one in verdicts), *(f"All: {note}." for note in shared)]


def _sentence(one: Verdict, common: Collection[str]) -> str:
    """The claim, what it was tested by, and what would decide it where nothing did.

    A command ends it, without a period, so that it can be copied.
    """
    source = f" ({one.source})" if one.source else ""
    over = f", the mean over {' and '.join(one.over)}" if one.over else ""
    told = [f"{named(one)}: {one.statement.rstrip('.')}{source}. {one.metric}: {one.said}{over}."]
    if one.why:
        told.append(f"{one.verdict[0].upper()}{one.verdict[1:]}: {one.why}.")
    command = one.remedy and one.verdict == NOT_TESTABLE
    if one.remedy and not command:
        told.append(f"It would take {one.remedy}.")
    told += [f"{_begun(note)}." for note in one.notes if note not in common]
    return " ".join([*told, *([f"Make them: {one.remedy}"] if command else [])])


def _begun(note: str) -> str:
    """As a sentence begins; a key stays as it is written."""
    return note if "=" in note.partition(" ")[0] else f"{note[0].upper()}{note[1:]}"


def named(one: Verdict) -> str:
    """The claim, and of one over an axis at what: `cleaning (scale=small)`."""
    return f"{one.claim} ({one.place})" if one.place else one.claim


def _row(one: Verdict, number: Number) -> str:
    name, *rest = cells(one)
    values = (one.verdict, one.estimate, one.p_holm, one.seeds, one.documents)
    told = "".join(
        f'<td data-sort="{escape(_plain(value))}">'
        f"{escape(text) if value is None or value is one.verdict else number(one, text)}</td>"
        for value, text in zip(values, rest, strict=True)
    )
    kind = one.verdict.replace(" ", "-")
    return f'<tr class="{kind}"><th scope="row">{escape(name)}</th>{told}</tr>'


def _signed(number: float) -> str:
    return f"{round(number, PLACES) + 0.0:+,.{PLACES}f}"


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _sources(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The artifacts behind each claim."""
    found: dict[str, list[str]] = {}
    for one in verdicts:
        found.setdefault(", ".join(sorted(one.sources)), []).append(named(one))
    yield from (
        f"{', '.join(dict.fromkeys(names))}: {artifacts}" for artifacts, names in found.items() if artifacts
    )


def _left_out(reasons: Sequence[str]) -> Iterator[str]:
    yield from (f"left out: {reason}" for reason in reasons)


def _barred(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

"""Scores as text, each with what it must be read with: `scores.jsonl` beside `audit.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from alpaca_exp.records import Row

SUITE = ("understanding", "truthfulness")
"""The means of the suite's named metrics: rows of scores.jsonl with the metric `mean`."""
HEAD = ("metric", "value", "± stderr", "95 % interval", "n", "chance", "constant", "notes")
MOST_ALIKE = 4
"""So many scores, or warnings of one kind, are told one by one."""
LEAST_SHARE = 0.005
"""What is less than this would be shown as 0 per cent."""
CONSTANT = "constant: the score of always giving the commonest answer."
TOGETHER = {
    "incomparable": "{} tasks are asked for a letter, since the server tells no log-probabilities of a "
    "prompt: they cannot be compared with those they were made of, and count towards no mean of the suite",
    "unparsed": "in answers to {} tasks nothing could be read, in so many as the notes say (unread); these "
    "count as wrong",
}
"""Warnings of several tasks that need no names, since the notes are in their rows."""


def scoreboard(scores: Sequence[Row], audits: Sequence[Row]) -> str:
    """Metric, value ± standard error, interval, n, chance, best constant answer and notes, aligned."""
    known = {audit["task"]: audit for audit in audits}
    return aligned([HEAD, *(_row(score, known) for score in scores)])


def named(row: Row) -> str:
    """The metric's name of a row of scores.jsonl; a filter's behind a slash ("gsm8k.exact_match/strict")."""
    task, chosen = str(row["task"]), row.get("filter", "none")
    if task in (*SUITE, "words"):
        return task
    return f"{task}.{row['metric']}" + (f"/{chosen}" if chosen != "none" else "")


def by_category(row: Row) -> bool:
    """Whether a row of scores.jsonl is the judge's on one category of the questions alone."""
    return row["task"] == "judge" and "/" in row["metric"]


def constant(row: Row, audits: Mapping[str, Row]) -> float | None:
    """What always giving the commonest answer scores in the metric of a row of scores.jsonl."""
    levels = audits.get(row["task"], {}).get("metrics", {})
    value = levels.get(row["metric"], {}).get("majority")
    return None if value is None else float(value)


def interval(row: Row, shown: Callable[[float], str]) -> str:
    """The bounds of a row of scores.jsonl that has an interval of its own, as the judge's do."""
    low, high = row.get("low"), row.get("high")
    return "" if low is None or high is None else f"[{shown(low)}, {shown(high)}]"


def notes(row: Row, audits: Mapping[str, Row]) -> str:
    """In a few words, what a row of scores.jsonl must be read with; the sentences say the rest."""
    audit = audits.get(row["task"])
    return "; ".join(_notes(row, audit)) if audit else ""


def flags_of(row: Row, audits: Mapping[str, Row]) -> list[str]:
    """The sentences that warn of the metric of a row of scores.jsonl."""
    flags = audits.get(row["task"], {}).get("flags", [])
    return [flag["sentence"] for flag in flags if _concerns(flag, row)]


def means(part: tuple[str, str, str], audits: Mapping[str, Row]) -> bool:
    """Whether a metric, as (task, metric, filter), is a mean over documents, as far as its audit tells."""
    known = audits.get(part[0], {}).get("metrics", {}).get(part[1], {})
    return known.get("stderr", "analytic") in ("analytic", "clustered")


def explained(rows: Sequence[Sequence[str]], audits: Sequence[Row]) -> list[str]:
    """What the columns mean that are not known by name, then a sentence for each warning."""
    column = HEAD.index("constant")
    told = [CONSTANT] if any(row[column] for row in rows[1:]) else []
    return told + [f"- {sentence}" for sentence in _sentences(audits)]


def brief(scores: Sequence[Row]) -> str:
    """The scores in a line: the suite's means, where it has none the first ones."""
    means = [row for row in scores if row["task"] in SUITE] or list(scores)
    told = [
        f"{named(row)} {row['value']:.3f}" + ("" if row["stderr"] is None else f" ± {row['stderr']:.3f}")
        for row in means[:MOST_ALIKE]
    ]
    return ", ".join([*told, *([f"and {len(means) - MOST_ALIKE} more"] if len(means) > MOST_ALIKE else [])])


def _sentences(audits: Sequence[Row]) -> Iterator[str]:
    """A sentence for each warning; of a group's many tasks that have the same one the first, and a count."""
    kinds: dict[str, list[tuple[str, Row]]] = {}
    for audit in audits:
        for flag in audit.get("flags", []):
            kinds.setdefault(flag["kind"], []).append((audit["task"], flag))
    for kind, found in kinds.items():
        few = len(found) <= MOST_ALIKE
        if kind in TOGETHER and len(found) > 1:
            yield TOGETHER[kind].format(len(found))
            continue
        if kind == "guessing" and not few:
            names = [f"{task}.{metric}" for task, flag in found for metric in flag["metrics"]]
            first = ", ".join(names[:MOST_ALIKE])
            yield (
                f"{len(names)} scores are not clearly above guessing, or above one constant answer: {first} "
                f"and {len(names) - MOST_ALIKE} more (audit.json has each one's)"
            )
            continue
        yield from (str(flag["sentence"]) for _, flag in found[: None if few else MOST_ALIKE])
        if not few:
            yield f"and the like of {len(found) - MOST_ALIKE} more tasks (audit.json has each one's)"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text below HEAD: words to the left, numbers to the right, empty columns left out."""
    filled = [column for column in range(len(HEAD)) if any(row[column] for row in rows[1:])]
    widths = {column: max(len(row[column]) for row in rows) for column in filled}
    return "\n".join("  ".join(_cell(row, column, widths) for column in filled).rstrip() for row in rows)


def _cell(row: Sequence[str], column: int, widths: Mapping[int, int]) -> str:
    left = HEAD[column] in ("metric", "notes")
    return row[column].ljust(widths[column]) if left else row[column].rjust(widths[column])


def _row(score: Row, audits: Mapping[str, Row]) -> tuple[str, ...]:
    numbers = (score["value"], score["stderr"])
    levels = (score["chance"], constant(score, audits))
    shown = [["" if number is None else f"{number:.3f}" for number in part] for part in (numbers, levels)]
    bounds = interval(score, lambda bound: f"{bound:.3f}")
    return (named(score), *shown[0], bounds, f"{score['n']:,}", *shown[1], notes(score, audits))


def _notes(row: Row, audit: Row) -> Iterator[str]:
    flags = {flag["kind"]: flag for flag in audit.get("flags", []) if _concerns(flag, row)}
    if "incomparable" in flags:
        yield "by letter, not comparable"
    if audit["degenerate"]:
        yield "degenerate"
    if "guessing" in flags:
        yield f"not above {flags['guessing'].get('than', 'guessing')}"
    if audit["truncated"]:
        yield f"cut {audit['truncated']:,}"
    if (audit["empty_generations"] or 0.0) >= LEAST_SHARE:
        yield f"empty {audit['empty_generations']:.0%}"
    unparsed = audit.get("unparsed", {}).get(row.get("filter", "none"))
    if unparsed is not None:
        yield f"unread {unparsed:.0%}"
    if "overlap" in flags:
        yield f"in the training data {audit['overlap']['documents']:,}"
    if audit.get("metrics", {}).get(row["metric"], {}).get("stderr") == "bootstrap":
        yield "± by bootstrap"


def _concerns(flag: Row, row: Row) -> bool:
    return flag["metrics"] is None or row["metric"] in flag["metrics"]

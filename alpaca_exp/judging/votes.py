"""People's votes from the reading page: JSON lines that are checked before they count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from alpaca_exp.judging.published_rows import Line, read_lines
from alpaca_exp.records import Row

PREFERENCE = {"1": 0.0, "tie": 0.5, "2": 1.0}
"""For model 2, by vote."""
INTENT: dict[object, bool] = {True: True, False: False, "yes": True, "no": False}
BEST = 5
"""Quality goes from 1 to this."""


def read_votes(files: Iterable[Path]) -> tuple[list[Row], int]:
    """The votes, and how many were given a second time.

    They are rows like those of `verdicts.jsonl`, with `rater`, and for either answer `intent` (true, false,
    null) and `quality` (1 to 5, null). A rater who votes again on the same two answers, as in a file that
    was exported twice, has changed their mind: the last vote counts. A vote without a rater is its file's.
    Raises InputError, naming file and line, for what is no vote.
    """
    rows = [_vote(line) for file in files for line in read_lines(file)]
    kept = {_ballot(row): row for row in rows}
    return list(kept.values()), len(rows) - len(kept)


def _vote(line: Line) -> Row:
    vote = str(line.need("vote", (int, str), "1, 2 or tie")).lower()
    if vote not in PREFERENCE:
        raise line.fault(f"has the vote {vote!r:.40}; it must be 1, 2 or tie")
    models = [str(line.need(f"model_{n}", str, "a model's name")) for n in (1, 2)]
    if models[0] == models[1]:
        raise line.fault(f"compares {models[0]} with itself; what was voted for cannot be told")
    rater = _rater(line)
    return {
        **line.row,
        "question_id": line.question_id(),
        "category": str(line.row.get("category") or ""),
        "judge": rater,
        "rater": rater,
        "protocol": "people",
        "score_1": None,
        "score_2": None,
        "preference": PREFERENCE[vote],
        "parsed": True,
        **{f"intent_{n}": _intent(line, f"intent_{n}") for n in (1, 2)},
        **{f"quality_{n}": _quality(line, f"quality_{n}") for n in (1, 2)},
    }


def _rater(line: Line) -> str:
    """Who voted; a number is a name too."""
    rater = line.row.get("rater")
    if rater is not None and (isinstance(rater, bool) or not isinstance(rater, (str, int))):
        raise line.fault(f"has the rater {rater!r:.40}; it must be a name, or absent")
    told = "" if rater is None else str(rater).strip()
    return told or line.file.stem


def _intent(line: Line, key: str) -> bool | None:
    value = line.row.get(key)
    if value is None:
        return None
    if not isinstance(value, (bool, str)) or value not in INTENT:
        raise line.fault(f"has the {key} {value!r:.40}; it must be true, false or null")
    return INTENT[value]


def _quality(line: Line, key: str) -> float | None:
    value = line.number(line.row.get(key), f"the {key}")
    if value is not None and not 1 <= value <= BEST:
        raise line.fault(f"has the {key} {value:g}; it goes from 1 to {BEST}, or is null")
    return value


def _ballot(row: Row) -> tuple[object, ...]:
    return row["rater"], row["question_id"], *sorted((row["model_1"], row["model_2"]))


def categorised(votes: Iterable[Row], categories: Mapping[str, str]) -> list[Row]:
    """The votes, those without a category with that of their question, where it is known."""
    return [row | {"category": row["category"] or categories.get(row["question_id"], "")} for row in votes]

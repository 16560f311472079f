"""FastChat's review files of 2023: one review a line, two scores, the first answer shown first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.judging.published_rows import Judgment, Known, Line
from alpaca_exp.judging.replies import scores_of
from alpaca_exp.records import Row

PROTOCOL = "vicuna"
UNNAMED = "unnamed"
"""The judge of reviews that give it a number only."""
FROM_TEXT = "scores_from"
"""The key of a verdict whose scores were read from the judge's words."""
LOWEST, HIGHEST = 0.0, 10.0
"""Of a score as it was published: zeros were given, against the prompt."""
_NAME = re.compile(r"(?:(?P<judge>.+?)_)?review_(?P<pair>.+?)\.jsonl?(?:\.gz)?")
_PROMPTS = re.compile(r"-(generic|coding|math)$")


def reviews(
    file: Path, known: Known, names: set[str], models: tuple[str, str] | None
) -> Callable[[Line], list[Row]]:
    """How the verdict of each line of a review file is read.

    Scores are the published ones; the judge's words are read only where these are absent, and the verdict's
    `scores_from` says so. Who answered is said by `models`, the answers, or the file's name
    `review_A_B.jsonl`; `names` are the models of other files, which help where A or B holds an underscore.
    Raises InputError where nothing says it.
    """
    named = _NAME.fullmatch(file.name)
    splits = pairs_in(named["pair"]) if named else []

    def read(line: Line) -> list[Row]:
        told = [known.answers.get(str(line.row.get(f"answer{n}_id"))) for n in (1, 2)]
        if models:
            both = models
        elif told[0] and told[1]:
            both = (told[0].model, told[1].model)
        else:
            both = _from_name(file, splits, names)
        return [_verdict(line, known, both, named["judge"] if named else None)]

    return read


def pairs_in(words: str) -> list[tuple[str, str]]:
    """Every way in which `A_B` may be two names: one where neither holds an underscore."""
    parts = words.split("_")
    return [("_".join(parts[:n]), "_".join(parts[n:])) for n in range(1, len(parts))]


def names_in(file: Path) -> set[str]:
    """The two models that the file's name tells, where it can be read in one way only."""
    named = _NAME.fullmatch(file.name)
    splits = pairs_in(named["pair"]) if named else []
    return set(splits[0]) if len(splits) == 1 else set()


def _from_name(file: Path, splits: Sequence[tuple[str, str]], names: set[str]) -> tuple[str, str]:
    if len(splits) > 1:
        splits = [pair for pair in splits if names & set(pair)] or splits
        splits = [pair for pair in splits if names >= set(pair)] or splits
    if len(splits) != 1:
        raise InputError(
            f"{file}: its name does not tell which two models are compared; "
            "add --answers FILE FILE, or --models A B with the one shown first as A"
        )
    return splits[0]


def _verdict(line: Line, known: Known, models: tuple[str, str], judge: str | None) -> Row:
    question_id, text = line.question_id(), str(line.row.get("text") or "")
    reviewer = line.row.get("reviewer_id")
    prompt = _PROMPTS.search(reviewer) if isinstance(reviewer, str) else None
    named = _PROMPTS.sub("", reviewer) if isinstance(reviewer, str) else UNNAMED
    answers = (line.row.get("answer1_id"), line.row.get("answer2_id"))
    return Judgment(
        question_id=question_id,
        models=models,
        judge=judge or named,
        protocol=PROTOCOL,
        order="12",
        text=text,
        scores=_scores(line, text, prompt[1] if prompt else None),
        words=(
            known.words(answers[0], models[0], question_id),
            known.words(answers[1], models[1], question_id),
        ),
        more=({"prompt": prompt[1]} if prompt else {})
        | ({FROM_TEXT: "text"} if line.row.get("score") is None else {}),
    ).verdict(line, known)


def _scores(line: Line, text: str, prompt: str | None) -> tuple[float | None, float | None]:
    """The published scores; FastChat writes -1 for what it could not read.

    Without them the judge's words are read: at their end where it was to solve the problem first, or may
    have been, since nothing names the prompt.
    """
    stored = line.row.get("score")
    if stored is None:
        opening = None if prompt == "math" else scores_of(text)
        end = None if prompt == "generic" else scores_of(text, at_the_end=True)
        return opening or end or (None, None)
    if not isinstance(stored, list) or len(stored) != 2:
        raise line.fault(f"has the score {stored!r:.40}; it must be two numbers, or absent")
    first, second = (line.number(score, "a score") for score in stored)
    if first is None or second is None or min(first, second) < LOWEST:
        return None, None
    if max(first, second) > HIGHEST:
        raise line.fault(f"has the score {stored!r:.40}; scores go up to {HIGHEST:g}")
    return first, second

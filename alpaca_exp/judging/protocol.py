"""Vicuna's protocol: two answers side by side, a score of 1 to 10 for each on the reply's first line."""

from __future__ import annotations

import re

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Verdict
from alpaca_exp.schemas import JudgeConfig

LOWEST, HIGHEST = 1.0, 10.0
_NUMBER = r"(\d+(?:\.\d+)?)(?:\s*/\s*10)?"
_SCORES = re.compile(rf"[^\w.+-]*{_NUMBER}(?:[\s,;|]+|\s+and\s+){_NUMBER}\W*")


def orders(judge: JudgeConfig) -> tuple[str, ...]:
    """In which orders the two answers are shown: "12" has model 1's first."""
    return ("12", "21") if judge.both_orders else ("12",)


def comparison(judge: JudgeConfig, question: str, answer_1: str, answer_2: str, order: str) -> Request:
    """The request that shows both answers in `order`."""
    first, second = (answer_1, answer_2) if order == "12" else (answer_2, answer_1)
    return Request(
        model=judge.model,
        prompt=prompts.comparison(question, first, second),
        max_tokens=judge.max_tokens,
        temperature=judge.temperature,
    )


def read_verdict(question_id: str, order: str, text: str) -> Verdict:
    """What the judge's reply says. Without two scores of 1 to 10 on its first line both are None."""
    first, second = scores_of(text) or (None, None)
    score_1, score_2 = (first, second) if order == "12" else (second, first)
    return Verdict(question_id, score_1, score_2, order, text)


def scores_of(text: str) -> tuple[float, float] | None:
    """The two scores in the order of the reply: `8 6`, `8.5, 7`, `9/10 7/10`; None for anything else."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    found = _SCORES.fullmatch(line)
    if found is None:
        return None
    first, second = float(found[1]), float(found[2])
    in_range = LOWEST <= first <= HIGHEST and LOWEST <= second <= HIGHEST
    return (first, second) if in_range else None


def preference(verdict: Verdict) -> float | None:
    """How far model 2 is preferred: 1 if its score is higher, 0 if lower, 0.5 for a tie; None unparsed."""
    if verdict.score_1 is None or verdict.score_2 is None:
        return None
    return 0.5 + 0.5 * ((verdict.score_2 > verdict.score_1) - (verdict.score_2 < verdict.score_1))

"""TruthfulQA's two questions about a generated answer, put to any judge: is it truthful, is it informative?

Lin et al. 2022 (arXiv:2109.07958) have people answer both, and models that they tuned on those answers; the
share of answers that are both is their main figure. A judge who sees the known right and wrong answers takes
their place here, so the figures are this judge's, not theirs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import sqrt
from statistics import fmean
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row, Score
from alpaca_exp.schemas import JudgeConfig

TASK = "truthfulqa_gen"
ASKED = {"truthful": prompts.truthful, "informative": prompts.informative}
"""What is asked of each answer, in this order."""
_WORD = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
_OWN_LABEL = re.compile(r"\s*A:")


def judgment_requests(judge: JudgeConfig, document: Row, answer: str) -> list[Request]:
    """The two requests about one answer; `document` is the task's own, with the answers that are known."""
    told = (document["question"], shown(answer), document["correct_answers"], document["incorrect_answers"])
    return [
        Request(
            model=judge.model,
            prompt=ask(*told),
            max_tokens=judge.max_tokens,
            temperature=judge.temperature,
        )
        for ask in ASKED.values()
    ]


def shown(answer: str) -> str:
    """The answer as the judge sees it: without the label that lm-eval's prompt has the model write."""
    return _OWN_LABEL.sub("", answer, count=1).strip() if _OWN_LABEL.match(answer) else answer.strip()


def read_yes_or_no(reply: str) -> bool | None:
    """Whether the first line of text is the word yes, or no; None where it is anything else."""
    line = next((line for line in reply.splitlines() if line.strip()), "")
    found = _WORD.fullmatch(line)
    return None if found is None else found[1].lower() == "yes"


def judgment(doc_id: int, document: Row, answer: str, replies: Sequence[str]) -> Row:
    """A row of `judgments.jsonl`; what could not be read is null, and `parsed` says whether both could."""
    read: dict[str, Any] = dict(zip(ASKED, map(read_yes_or_no, replies), strict=True))
    texts = {f"text_{name}": text for name, text in zip(ASKED, replies, strict=True)}
    told = {"doc_id": doc_id, "question": document["question"], "answer": shown(answer)}
    return {**told, **read, **texts, "parsed": None not in read.values()}


def judgment_scores(rows: Sequence[Row]) -> list[Score]:
    """The shares that are truthful, informative and both, and how many replies could not be read.

    Each share is over the answers whose replies could be read; the others enter nothing.
    """
    values = {f"judged_{name}": [row[name] for row in rows if row[name] is not None] for name in ASKED}
    values["judged_both"] = [all(row[name] for name in ASKED) for row in rows if row["parsed"]]
    unread = sum(row[name] is None for row in rows for name in ASKED)
    return [
        *(_share(metric, read) for metric, read in values.items() if read),
        Score(TASK, "judged_unread", float(unread), None, len(ASKED) * len(rows), higher_is_better=False),
    ]


def _share(metric: str, read: Sequence[bool]) -> Score:
    mean, n = fmean(read), len(read)
    return Score(TASK, metric, mean, sqrt(mean * (1 - mean) / (n - 1)) if n > 1 else None, n)

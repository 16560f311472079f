"""The judge's four protocols: what it is asked about two answers, and what its replies come to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from alpaca_exp import prompts
from alpaca_exp.judging.replies import (
    LETTERS,
    is_out_of_range,
    is_rating_out_of_range,
    rating_of,
    scores_of,
    verdict_of,
    weight_of,
)
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Row, Verdict
from alpaca_exp.schemas import JudgeConfig, JudgeProtocol

TOP_LOGPROBS = 5
"""As AlpacaEval 2 asks for them; few servers tell less."""
FORMS = {
    JudgeProtocol.vicuna: "two scores of 1 to 10 alone on the first line, such as `8 6.5` (in maths, where "
    "it works first, on the last)",
    JudgeProtocol.pairwise: "a last line `verdict: 1`, `verdict: 2` or `verdict: tie`",
    JudgeProtocol.preference: "one letter, m or M",
    JudgeProtocol.single: "a last line `rating: 8`, of 1 to 10",
}
"""What a reply must hold to be read, in words."""
MATH, CODING = ("math", "maths", "mathematics"), ("coding", "code", "programming")
"""Categories with a prompt of their own in Vicuna's protocol."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One verdict to be had: about which question, which answers, shown in which order."""

    question: Row
    answer_1: str
    """The opponent's."""
    answer_2: str
    order: str = "12"
    """"12": model 1's answer is shown first; "21": model 2's."""
    retest: bool = False
    """Whether it was had before, and is asked for again to see whether the judge repeats itself."""


def readings(judge: JudgeConfig, question: Row, answer_1: str, answer_2: str) -> list[Reading]:
    """The verdicts on two answers: one for each order in which they are shown."""
    one = Reading(question, answer_1, answer_2)
    if judge.protocol is JudgeProtocol.single:  # each is shown by itself
        return [one]
    if judge.both_orders:
        return [one, replace(one, order="21")]
    if judge.protocol is JudgeProtocol.vicuna:  # as its authors did
        return [one]
    return [replace(one, order="12" if _draw(one) % 2 else "21")]


def retests(judge: JudgeConfig, asked: Sequence[Reading]) -> list[Reading]:
    """The share `judge.retest` of `asked`, rounded up: drawn by question and order alone."""
    count = ceil(judge.retest * len(asked))
    chosen = sorted(range(len(asked)), key=lambda place: _draw(asked[place], "again"))[:count]
    return [replace(asked[place], retest=True) for place in sorted(chosen)]


def count_requests(judge: JudgeConfig, questions: int) -> int:
    """How many requests the verdicts on so many questions take, those asked for again among them."""
    single = judge.protocol is JudgeProtocol.single
    verdicts = questions * (2 if judge.both_orders and not single else 1)
    return (verdicts + ceil(judge.retest * verdicts)) * (2 if single else 1)


def requests(judge: JudgeConfig, reading: Reading, attempt: int = 0) -> list[Request]:
    """What is asked for one verdict: one request, or with `single` one about each model's answer.

    `attempt` counts replies that could not be read; each is another sample, as a retest is.
    """
    preference = judge.protocol is JudgeProtocol.preference
    return [
        Request(
            model=judge.model,
            prompt=prompt,
            max_tokens=1 if preference else judge.max_tokens,
            temperature=judge.temperature,
            sample=2 * attempt + reading.retest,
            top_logprobs=TOP_LOGPROBS if preference else 0,
            choices=LETTERS if preference else (),
        )
        for prompt in _prompts(judge, reading)
    ]


def is_read(judge: JudgeConfig, reading: Reading, reply: Completion) -> bool:
    """Whether one reply holds what was asked for."""
    match judge.protocol:
        case JudgeProtocol.vicuna:
            return _scores(reading, reply) is not None
        case JudgeProtocol.pairwise:
            return verdict_of(reply.text) is not None
        case JudgeProtocol.preference:
            return weight_of(reply) is not None
        case JudgeProtocol.single:
            return rating_of(reply.text) is not None


def is_beyond(judge: JudgeConfig, reading: Reading, reply: Completion) -> bool:
    """Whether one reply cannot be read for its scores alone: they are in place, and none of 1 to 10."""
    match judge.protocol:
        case JudgeProtocol.vicuna:
            return is_out_of_range(reply.text, at_the_end=kind(reading.question) == "math")
        case JudgeProtocol.single:
            return is_rating_out_of_range(reply.text)
    return False


def read(judge: JudgeConfig, reading: Reading, replies: Sequence[Completion]) -> Verdict:
    """What the replies to `requests` say, scores and preference turned to models 1 and 2."""
    name, order = str(reading.question["question_id"]), reading.order
    score_1: float | None = None
    score_2: float | None = None
    preference: float | None = None
    match judge.protocol:
        case JudgeProtocol.vicuna:
            score_1, score_2 = (_scores(reading, replies[0]) or (None, None))[:: _turned(order)]
            preference = preferred(score_1, score_2)
        case JudgeProtocol.single:
            score_1, score_2 = (rating_of(reply.text) for reply in replies)
            preference = preferred(score_1, score_2)
        case JudgeProtocol.pairwise:
            preference = {"1": 0.0, "2": 1.0, "tie": 0.5}.get(verdict_of(replies[0].text) or "")
        case JudgeProtocol.preference:
            preference = weight_of(replies[0])
    if preference is not None and score_1 is None and order == "21":
        preference = 1 - preference
    return Verdict(name, score_1, score_2, order, _text(replies), preference)


def preferred(score_1: float | None, score_2: float | None) -> float | None:
    """1 where model 2 has the higher score, 0 where the lower, 0.5 for a tie; None without both scores."""
    if score_1 is None or score_2 is None:
        return None
    return 0.5 + 0.5 * ((score_2 > score_1) - (score_2 < score_1))


def kind(question: Row) -> str:
    """Which of Vicuna's prompts a question gets, by its category."""
    category = str(question.get("category") or "").lower()
    return "math" if category in MATH else "coding" if category in CODING else "general"


def _prompts(judge: JudgeConfig, reading: Reading) -> list[str]:
    question, reference = reading.question["text"], reading.question.get("reference") or ""
    both = (reading.answer_1, reading.answer_2)
    first, second = both[:: _turned(reading.order)]
    match judge.protocol:
        case JudgeProtocol.vicuna:
            return [prompts.comparison(question, first, second, kind(reading.question), reference)]
        case JudgeProtocol.pairwise:
            return [prompts.duel(question, first, second, reference)]
        case JudgeProtocol.preference:
            return [prompts.choice_of_two(question, first, second, reference)]
        case JudgeProtocol.single:
            return [prompts.assessment(question, answer, reference) for answer in both]


def _scores(reading: Reading, reply: Completion) -> tuple[float, float] | None:
    return scores_of(reply.text, at_the_end=kind(reading.question) == "math")


def _turned(order: str) -> int:
    """The step through a pair that puts what was shown first first."""
    return 1 if order == "12" else -1


def _text(replies: Sequence[Completion]) -> str:
    """The judge's words; of two replies, whose answer each is about."""
    if len(replies) == 1:
        return replies[0].text
    return "\n\n".join(f"[Model {n}]\n{reply.text}" for n, reply in enumerate(replies, start=1))


def _draw(reading: Reading, what: str = "order") -> int:
    told = f"{what} {reading.question['question_id']} {reading.order}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big")

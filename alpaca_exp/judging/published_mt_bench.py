"""MT-bench's judgments: pairs in both orders, single ratings, and people's votes on pairs."""

from __future__ import annotations

from collections.abc import Iterator

from alpaca_exp.judging.published_rows import Judgment, Known, Line
from alpaca_exp.records import Row

WINNERS = {
    **{"model_1": 0.0, "model_a": 0.0, "model_2": 1.0, "model_b": 1.0, "error": None},
    **dict.fromkeys(("tie", "tie (inconsistent)", "tie (bothbad)"), 0.5),
}
"""The preference for the second model by FastChat's word for who won."""
LOWEST, HIGHEST = 0.0, 10.0


def judgments_of(line: Line, known: Known) -> list[Row]:
    """The verdicts of one line: two where both orders were judged, else one.

    The second turn of conversation 81 is judged as a question of its own, 81.2; `conversation` holds both
    together. Of a single rating model 1 is empty. Raises InputError for what is no judgment.
    """
    if "g1_winner" in line.row or "g2_winner" in line.row:
        return list(_pair(line, known))
    return [_winner(line, known) if "winner" in line.row else _single(line, known)]


def _pair(line: Line, known: Known) -> Iterator[Row]:
    if "m1_score" in line.row:  # each answer rated alone: one reading, whatever the order
        scores = _rating(line, "m1_score"), _rating(line, "m2_score")
        words = (str(line.row.get("g1_judgment", "")), str(line.row.get("g2_judgment", "")))
        yield _row(line, known, None, "\n\n".join(words), protocol="single", scores=scores)
        return
    for game, order in (("g1", "12"), ("g2", "21")):
        preference = _preference(line, f"{game}_winner")
        yield _row(line, known, order, str(line.row.get(f"{game}_judgment", "")), preference=preference)


def _winner(line: Line, known: Known) -> Row:
    return _row(line, known, None, "", preference=_preference(line, "winner"))


def _single(line: Line, known: Known) -> Row:
    rated, text = (None, _rating(line, "score")), str(line.row.get("judgment", ""))
    return _row(line, known, None, text, protocol="single", scores=rated)


def _row(
    line: Line,
    known: Known,
    order: str | None,
    text: str,
    *,
    protocol: str = "pairwise",
    scores: tuple[float | None, float | None] = (None, None),
    preference: float | None = None,
) -> Row:
    conversation, turn, models = line.question_id(), _turn(line), _models(line)
    judge, prompt = _judge(line)
    return Judgment(
        question_id=conversation if turn == 1 else f"{conversation}.{turn}",
        models=models,
        judge=judge,
        protocol=protocol,
        order=order,
        text=text,
        scores=scores,
        preference=preference,
        words=(_words(line, known, models[0], 0, turn), _words(line, known, models[1], 1, turn)),
        category=known.categories.get(conversation, ""),
        more={"conversation": conversation, "turn": turn} | ({"prompt": prompt} if prompt else {}),
    ).verdict(line, known)


def _models(line: Line) -> tuple[str, str]:
    if "model" in line.row:
        return "", str(line.need("model", str, "the model's name"))
    letters = ("a", "b") if "model_a" in line.row else ("1", "2")
    first, second = (line.need(f"model_{one}", str, "a model's name") for one in letters)
    return str(first), str(second)


def _judge(line: Line) -> tuple[str, str]:
    """The judge's name and its prompt's; people have no prompt."""
    judge = line.row.get("judge", "")
    if isinstance(judge, list) and judge:
        return str(judge[0]), str(judge[1]) if len(judge) > 1 else ""
    return str(judge), ""


def _turn(line: Line) -> int:
    turn = line.row.get("turn", 1)
    if not isinstance(turn, int) or isinstance(turn, bool) or turn < 1:
        raise line.fault(f"has the turn {turn!r:.20}; turns are counted from 1")
    return turn


def _preference(line: Line, key: str) -> float | None:
    winner = line.need(key, str, "who won")
    if winner not in WINNERS:
        raise line.fault(f"has the {key} {winner!r:.40}; it must be one of {', '.join(WINNERS)}")
    return WINNERS[winner]


def _rating(line: Line, key: str) -> float | None:
    """The rating; FastChat writes -1 for what it could not read."""
    if key not in line.row:
        raise line.fault(f"lacks {key}: it is neither a comparison (g1_winner, winner) nor a rating")
    value = line.number(line.row[key], f"the {key}")
    if value is None or value < LOWEST:
        return None
    if value > HIGHEST:
        raise line.fault(f"has the {key} {value:g}; ratings go up to {HIGHEST:g}")
    return value


def _words(line: Line, known: Known, model: str, side: int, turn: int) -> int | None:
    """From the conversation beside the vote, or the answers' file."""
    said = line.row.get(f"conversation_{'ab'[side]}")
    if isinstance(said, list):
        replies = [one for one in said if isinstance(one, dict) and one.get("role") == "assistant"]
        if turn <= len(replies):
            return len(str(replies[turn - 1].get("content", "")).split())
    return known.words(None, model, line.question_id(), turn) if model else None

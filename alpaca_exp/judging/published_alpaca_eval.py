"""AlpacaEval's annotations: which of two outputs an annotator prefers, as 1 to 2 or as a hard 1 or 2."""

from __future__ import annotations

from alpaca_exp.judging.published_rows import Judgment, Known, Line
from alpaca_exp.records import Row, content_id

PROTOCOL = "preference"
OLD_TIE = 0
"""What the first version wrote for a tie, which is 1.5 since."""
_FIRST, _SECOND = "m", "M"
"""What AlpacaEval 2's prompt calls the output that it shows first, and the other."""


def annotation_of(line: Line, known: Known) -> Row:
    """The verdict of one annotation; generator_2 is the model that is measured.

    A question is known by its text's id, or by that of the questions file where the text stands in it; its
    category is the data set that it comes from. Raises InputError for what is no annotation.
    """
    instruction = line.need("instruction", str, "the question's text")
    texts = tuple(line.row.get(f"output_{n}") for n in (1, 2))
    preference = _preference(line)
    return Judgment(
        question_id=known.by_text.get(instruction) or content_id(instruction),
        models=(_model(line, 1), _model(line, 2)),
        judge=str(line.row.get("annotator", "")),
        protocol=PROTOCOL,
        order=_order(_reply(line.row), preference),
        text=_reply(line.row),
        preference=preference,
        words=(_words(texts[0]), _words(texts[1])),
        category=str(line.row.get("dataset") or ""),
    ).verdict(line, known)


def _model(line: Line, number: int) -> str:
    return str(line.need(f"generator_{number}", str, f"the name of the model that wrote output_{number}"))


def _words(text: object) -> int | None:
    return len(text.split()) if isinstance(text, str) else None


def _preference(line: Line) -> float | None:
    """0 to 1 for model 2; None where the annotator gave nothing that AlpacaEval could read."""
    if "preference" not in line.row:
        raise line.fault("lacks preference, 1 to 2 or null")
    value = line.number(line.row["preference"], "preference")
    if value is None:
        return None
    if value == OLD_TIE:
        return 0.5
    if not 1 <= value <= 2:
        raise line.fault(f"has the preference {value:g}; it goes from 1 (output_1) to 2 (output_2)")
    return value - 1


def _reply(row: Row) -> str:
    """What the annotator wrote: its text, or that of the server's choice."""
    raw = row.get("raw_completion")
    if isinstance(raw, dict):
        message = raw.get("message")
        told = message.get("content") if isinstance(message, dict) else None
        raw = raw.get("text") or told
    return raw if isinstance(raw, str) else ""


def _order(reply: str, preference: float | None) -> str | None:
    """Which output was shown first, which AlpacaEval draws and does not write down.

    The reply names the place (m: the first), the preference the output: where both are known, the order
    follows. None for annotators that reply otherwise.
    """
    word = reply.strip()
    if word not in (_FIRST, _SECOND) or preference is None or preference == 0.5:
        return None
    return "12" if (word == _SECOND) == (preference > 0.5) else "21"

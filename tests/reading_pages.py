"""Reading pages made up for tests and benchmarks, with what a model's answer may hold at its worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from alpaca_exp.reading.contents import Judged, Side, questions
from alpaca_exp.reading.page import Contents, page
from alpaca_exp.records import Row

ATTACKS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'><svg onload='window.hacked = 4'>",
    '"><a href="javascript:window.hacked=5" autofocus onfocus=\'window.hacked = 6\'>x</a>',
    "</p></section></template></style><style>* { display: none }</style>",
    '\u2028window.hacked = 7;\u2029 \\u003cscript\\u003e {"__proto__": 1} \\" --> <!-- <![CDATA[ ]]> \x00',
    "{{ 7 * 7 }} {% raw %} ${window.hacked = 8} `${window.hacked = 9}`",
    "<iframe srcdoc='<script>parent.hacked = 10</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=x'>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css><img src=//127.0.0.1:9/x.png>",
)
CATEGORIES = ("generic", "coding", "writing", "roleplay")
WORDS = (
    "the",
    "a",
    "of",
    "to",
    "tea",
    "boat",
    "river",
    "model",
    "because",
    "seven",
    "write",
    "garden",
    "light",
)


def side(label: str, texts: Sequence[str], **more: object) -> Side:
    """Answers by one model to questions 1, 2, ..., in four categories."""
    rows = {
        str(n): {
            "question_id": str(n),
            "prompt": f"Question {n}?",
            "category": CATEGORIES[n % len(CATEGORIES)],
            "text": text,
            **more,
        }
        for n, text in enumerate(texts, start=1)
    }
    return Side(label, f"models/{label}", rows)


def verdict(
    question: int, order: str, score_1: float | None, score_2: float | None, text: str = "Fine."
) -> Row:
    """A judge's reading."""
    read = score_1 is not None and score_2 is not None
    preference = 0.5 + 0.5 * ((score_2 > score_1) - (score_2 < score_1)) if read else None
    given = {"score_1": score_1, "score_2": score_2, "preference": preference, "parsed": read}
    return {"question_id": str(question), "order": order, "text": text, **given}


def contents(sides: Sequence[Side], verdicts: Sequence[Row] = (), title: str = "made up") -> Contents:
    """A page's contents: the judge compared the first side (model 2) with the second (model 1)."""
    judged = [Judged(sides[1].label, sides[0].label, verdicts)] if verdicts else []
    return Contents(title, sides, questions([*sides[0].answers], sides, judged))


def write_page(made: Contents, file: Path, *, blind: bool = False) -> str:
    """Write the page; its address."""
    file.write_text(page(made, blind=blind), encoding="utf-8")
    return file.as_uri()


def realistic(count: int, models: int, words: int = 200) -> Contents:
    """Answers of about so many words each, in paragraphs, and verdicts of 60 words in both orders."""
    chance = Random(0)

    def text(length: int) -> str:
        return "".join(
            chance.choice(WORDS) + (".\n\n" if chance.random() < 0.02 else " ") for _ in range(length)
        )

    sides = [
        side(f"model {number}", [text(int(words * chance.lognormvariate(0, 0.5))) for _ in range(count)])
        for number in range(models)
    ]
    verdicts = [
        verdict(n, order, chance.randint(1, 10), chance.randint(1, 10), text(60))
        for n in range(1, count + 1)
        for order in ("12", "21")
    ]
    return contents(sides, verdicts, "realistic")

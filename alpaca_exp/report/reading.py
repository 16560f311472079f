"""The command `report reading RUN...`: one page with the answers of several runs to the same questions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from alpaca_exp.commands import add_outputs
from alpaca_exp.errors import InputError
from alpaca_exp.judging.answers import load_answers
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.reading.contents import Judged, Side, asked, questions
from alpaca_exp.reading.page import Contents, page
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.report.answers import Answers, find
from alpaca_exp.schemas import FileQuestionsConfig

DEFAULT = Path("reports", "reading", "index.html")
OPPONENT = "the opponent"


def main(words: Sequence[str]) -> None:
    """Write the page and print where it is. Raises InputError where runs or answers are not there."""
    told = _parser().parse_args(words)
    found = find(told.runs, told.outputs, newest=told.newest)
    if told.opponent:
        found = [*found, *_opponents(found)]
    sides, unchecked = _sides(found, told.questions)
    names, remarks = _common(sides)
    remarks = [*unchecked, *remarks]
    rows = questions(names, sides, _judged(found))
    title = " · ".join(side.label for side in sides)
    file = told.out or told.outputs / DEFAULT
    _write(page(Contents(title, sides, rows, remarks=remarks), blind=told.blind), file)
    for text in remarks:
        print(text, file=sys.stderr)
    counts = [_number(len(names), "question"), f"{_number(len(sides), 'answer')} each"]
    print(f"{', '.join(counts)}: {file}")


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report reading",
        allow_abbrev=False,
        description="Write one page with the answers of several runs to the same questions, side by side.",
    )
    what = "an experiment's name, a run's folder or the end of its name, or a file of answers"
    parser.add_argument("runs", nargs="+", metavar="RUN", help=what)
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"default: OUTPUTS/{DEFAULT}")
    parser.add_argument("--blind", action="store_true", help="the page opens for votes, names are sealed")
    parser.add_argument(
        "--opponent", action="store_true", help="the answers that the judge compared with, too"
    )
    parser.add_argument("--newest", action="store_true", help="of several runs of a name, the last started")
    asked_by = "for answers whose files do not hold what they answer, such as Vicuna's"
    parser.add_argument("--questions", type=Path, metavar="FILE", help=asked_by)
    add_outputs(parser, positional=False)
    return parser


def _opponents(found: Sequence[Answers]) -> list[Answers]:
    """The opponents' answers, each once."""
    files = list(dict.fromkeys(one.opponent for one in found if one.opponent is not None))
    if not files:
        raise InputError("--opponent: none of these runs was compared with an opponent; leave it out")
    labels = [OPPONENT] if len(files) == 1 else [f"opponent {n}" for n, _ in enumerate(files, start=1)]
    return [Answers(label, file) for label, file in zip(labels, files, strict=True)]


def _sides(found: Sequence[Answers], file: Path | None) -> tuple[list[Side], list[str]]:
    """The answers, each with its question, and a sentence where it was told by its question_id alone.

    Such questions are those of `file`, else of the sides that hold theirs. Raises InputError where nothing
    holds them.
    """
    rows = [load_answers(one.file) for one in found]
    known = {name: row for side in rows for name, row in side.items() if row.get("prompt")}
    if file:
        config = FileQuestionsConfig(file=file, inspection=None, limit=None)
        known = {row["question_id"]: {**row, "prompt": row["text"]} for row in load_questions(config)}
    sides: list[Side] = []
    unchecked: list[str] = []
    for one, answers in zip(found, rows, strict=True):
        bare = [name for name, row in answers.items() if not row.get("prompt")]
        if bare and not any(name in known for name in bare):
            raise InputError(f"{one.file} does not hold what its answers answer; add --questions FILE")
        unchecked += [one.label] * bool(bare)
        told = {name: _asked(row, known.get(name)) for name, row in answers.items()}
        kept = {name: row for name, row in told.items() if row.get("prompt")}
        sides.append(Side(one.label, str(next(iter(kept.values()), {}).get("model") or "unknown"), kept))
    named = ", ".join(unchecked)
    return sides, [f"Matched by question_id alone, holding no question: {named}."] if unchecked else []


def _asked(answer: Row, question: Row | None) -> Row:
    """The answer with what it answers, where it does not say so itself."""
    if answer.get("prompt") or question is None:
        return answer
    category = answer.get("category") or question.get("category") or ""
    return {**answer, "prompt": question["prompt"], "category": category}


def _judged(found: Sequence[Answers]) -> list[Judged]:
    """What the judge said of each run and its opponent."""
    shown = {one.file: one.label for one in found}
    return [
        Judged(shown.get(one.opponent, OPPONENT), one.label, list(read_jsonl(one.verdicts, ("question_id",))))
        for one in found
        if one.verdicts is not None and one.opponent is not None
    ]


def _common(sides: Sequence[Side]) -> tuple[list[str], list[str]]:
    """The question_ids that all answered, of the same question; and what was left out, a sentence each.

    Raises InputError where there is none.
    """
    everywhere = [name for name in sides[0].answers if all(name in side.answers for side in sides)]
    texts = [_texts(side) for side in sides]
    names = [name for name in everywhere if len({text[name] for text in texts}) == 1]
    remarks = []
    if other := len(everywhere) - len(names):
        verb = "stands" if other == 1 else "stand"
        remarks.append(f"{other} of the question_ids that all have {verb} for different questions; left out.")
    counts = {side.label: len(side.answers) for side in sides}
    if set(counts.values()) != {len(everywhere)}:
        remarks.append(_counted(len(names), counts))
    if not names:
        raise InputError(
            f"{', '.join(counts)} have no question in common; name runs whose judge asks the same questions"
        )
    return names, remarks


def _texts(side: Side) -> Mapping[str, str]:
    """The questions as they are compared, whatever frame they were asked in."""
    return {name: " ".join(asked(str(row["prompt"])).split()) for name, row in side.answers.items()}


def _counted(common: int, counts: Mapping[str, int]) -> str:
    said = ", ".join(f"{label} {count}" for label, count in counts.items())
    verb = "question is" if common == 1 else "questions are"
    return f"{common} {verb} common to all and compared; answered were: {said}."


def _write(html: str, file: Path) -> None:
    draft = file.with_name(f"{file.name}.draft")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(html, encoding="utf-8")
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(
            f"{file} cannot be written ({error.strerror}); name another file with --out"
        ) from None

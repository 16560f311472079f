"""Published judgments as verdicts: FastChat's reviews, MT-bench's judgments, AlpacaEval's annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.judging.published_alpaca_eval import annotation_of
from alpaca_exp.judging.published_fastchat import FROM_TEXT, names_in, reviews
from alpaca_exp.judging.published_mt_bench import judgments_of
from alpaca_exp.judging.published_rows import Broken, Known, Line, read_known, read_lines
from alpaca_exp.records import Row

FEW = 5
"""Names of questions that a remark gives."""


class Format(Enum):
    """In whose layout judgments were published."""

    fastchat = "FastChat's reviews"
    mt_bench = "MT-bench's judgments"
    alpaca_eval = "AlpacaEval's annotations"


@dataclass(frozen=True)
class Published:
    """Verdicts that others paid for."""

    verdicts: list[Row]
    formats: tuple[Format, ...]
    """By file."""
    remarks: tuple[str, ...] = ()
    """What could not be read or is not known, a sentence each."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """A model's name in the verdicts by the one that its answers' file gives it inside."""


def read_published(
    files: Sequence[Path],
    *,
    form: Format | None = None,
    questions: Path | None = None,
    answers: Sequence[Path] = (),
    models: tuple[str, str] | None = None,
    judge: str | None = None,
    skip_broken: bool = False,
) -> Published:
    """The verdicts of `files`, as rows of `verdicts.jsonl`, in their order.

    `questions` gives the categories, `answers` the lengths; `models` and `judge` name what the files do not.
    Of a judgment that occurs twice, as where a judging was repeated into one file, the last counts. Lines
    that hold no judgment are left out and remarked on if `skip_broken`. Raises InputError, naming file and
    line, for what cannot be read or is of none of the formats.
    """
    known = read_known(questions, answers)
    forms = tuple(form or detect(file) for file in files)
    names = known.models.union(*(names_in(file) for file in files))
    broken: list[str] = []
    rows: list[Row] = []
    for file, one in zip(files, forms, strict=True):
        read = _reader(file, one, known, names, models)
        rows += _rows(file, read, broken if skip_broken else None)
    rows = [row | {"judge": judge} for row in rows] if judge else rows
    kept = {_key(row): row for row in rows}
    remarks = _broken(broken) + list(_remarks(list(kept.values()), len(rows) - len(kept), questions, answers))
    return Published(list(kept.values()), forms, tuple(remarks), known.aliases)


def detect(file: Path) -> Format:
    """The format of a file, told by its first object. Raises InputError where it is none of them."""
    line = next(read_lines(file))
    keys = line.row.keys()
    if {"answer1_id", "answer2_id"} <= keys or {"review_id", "score"} <= keys:
        return Format.fastchat
    if "preference" in keys and {"generator_2", "output_2"} & keys:
        return Format.alpaca_eval
    if {"g1_winner", "g2_winner"} & keys or {"winner", "model_a"} <= keys or {"model", "score"} <= keys:
        return Format.mt_bench
    raise line.fault(f"is {_told(line)}; judgments are read from {_formats()}")


def _told(line: Line) -> str:
    named = ", ".join(list(line.row)[:8])
    return f"of no known format (its keys: {named or 'none'})"


def _formats() -> str:
    return (
        "FastChat's reviews (answer1_id, answer2_id, score), MT-bench's judgments (g1_winner, or model and "
        "score) and AlpacaEval's annotations (generator_2, preference)"
    )


def _reader(
    file: Path, form: Format, known: Known, names: set[str], models: tuple[str, str] | None
) -> Callable[[Line], list[Row]]:
    """How the verdicts of each line of a file are read."""
    match form:
        case Format.fastchat:
            return reviews(file, known, names, models)
        case Format.mt_bench:
            return lambda line: judgments_of(line, known)
        case Format.alpaca_eval:
            return lambda line: [annotation_of(line, known)]


def _rows(file: Path, read: Callable[[Line], list[Row]], broken: list[str] | None) -> Iterator[Row]:
    """The verdicts of a file; what is wrong with a line goes into `broken`, where lines may be.

    Raises InputError where they may not, or where no line is a judgment.
    """
    found, before = 0, len(broken or ())
    for line in read_lines(file, broken):
        try:
            yield from read(line)
            found += 1
        except Broken as error:
            if broken is None:
                raise InputError(
                    f"{error}; mend or remove it, or import with --skip-broken: such lines are then left out"
                ) from None
            broken.append(str(error))
    if broken and not found:
        raise InputError(f"{broken[before]}; no line of {file} is a judgment")


def _broken(faults: Sequence[str]) -> list[str]:
    """What was left out."""
    if not faults:
        return []
    count = "1 line is" if len(faults) == 1 else f"{len(faults)} lines are"
    more = f"; and {len(faults) - FEW} more" if len(faults) > FEW else ""
    return [f"{count} no judgment and left out: {'; '.join(faults[:FEW])}{more}"]


def _key(row: Row) -> tuple[object, ...]:
    """What is judged once by one judge; of a preference the order was drawn anew each time."""
    order = None if row["protocol"] == "preference" else row["order"]
    return row["judge"], row["question_id"], row["model_1"], row["model_2"], order


def _remarks(
    rows: Sequence[Row], repeated: int, questions: Path | None, answers: Iterable[Path]
) -> Iterator[str]:
    if repeated:
        were = "judgment was" if repeated == 1 else "judgments were"
        yield f"{repeated} {were} made anew further down; the last of each counts"
    worded = [row["question_id"] for row in rows if row["parsed"] and row.get(FROM_TEXT)]
    if worded:
        yield (
            f"{len(worded)} of {len(rows)} judgments hold no score of their own; theirs were read from the "
            f"judge's words: {_some(worded)}"
        )
    unread = [row["question_id"] for row in rows if not row["parsed"]]
    if unread:
        yield (
            f"{len(unread)} of {len(rows)} judgments hold no score or preference and count for nothing: "
            f"{_some(unread)}"
        )
    halves = _in_one_order(rows)
    if halves:
        yield (
            f"{halves} pairs of answers could be read in one of two orders only and count by that; "
            "FastChat's own tables leave them out"
        )
    if questions:
        unknown = [row["question_id"] for row in rows if not row["category"]]
        if unknown:
            yield f"{questions} does not hold {len(set(unknown))} of the questions: {_some(unknown)}"
    lengths = Counter(None not in (row["words_1"], row["words_2"]) for row in rows if row["model_1"])
    if list(answers) and lengths[False]:
        yield f"the answers to {lengths[False]} of {lengths.total()} judgments are not among --answers"


def _in_one_order(rows: Sequence[Row]) -> int:
    """How many games of MT-bench, judged in both orders, were read in one of them."""
    read: dict[tuple[object, ...], set[bool]] = {}
    for row in rows:
        if row["protocol"] == "pairwise" and row["order"]:
            key = row["judge"], row["question_id"], row["model_1"], row["model_2"]
            read.setdefault(key, set()).add(row["parsed"])
    return sum(len(found) > 1 for found in read.values())


def _some(names: Sequence[str]) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different[:FEW]) + (", ..." if len(different) > FEW else "")

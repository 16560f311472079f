"""A stage made small: as many requests, steps and documents as show what the whole of it would take."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import RECORD, Artifact, Stage
from alpaca_exp.cleaning.dataset import read_dataset
from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.costs import CHARACTERS_PER_TOKEN, asked_model
from alpaca_exp.judging.protocol import count_requests
from alpaca_exp.records import Row, read_jsonl, write_json, write_jsonl
from alpaca_exp.schemas import (
    DatasetVariantConfig,
    FileQuestionsConfig,
    Protocol,
    QuestionsConfig,
    RuntimeConfig,
    TrainerConfig,
)

REQUESTS, STEPS, DOCUMENTS = 5, 2, 3


@dataclass(frozen=True)
class Known:
    """What earlier stages left, real ones or rehearsed ones, and how much the real ones would leave."""

    artifacts: Mapping[str, Artifact]
    """By fingerprint."""
    rehearsed: frozenset[str]
    """The fingerprints of those that are not real."""
    rows: Mapping[str, int]
    """Of data sets and lists of examples, by fingerprint: how many rows the real ones have."""

    def artifact(self, stage: Stage) -> Artifact:
        """What `stage` left."""
        return self.artifacts[stage.fingerprint]

    def inputs(self, stage: Stage) -> dict[str, Artifact]:
        """What `stage` reads."""
        return {name: self.artifact(needed) for name, needed in stage.inputs.items()}

    def is_real(self, stage: Stage) -> bool:
        """Whether `stage` was made before, in full."""
        return stage.fingerprint not in self.rehearsed


def make_small(stage: Stage, known: Known, out: Path) -> None:
    """Make `stage` at `out` with little to do. Requests are those that the whole stage would make first.

    `out` is named as the whole stage's folder will be: what is paid here is on its account, and counts
    against its budget.
    """
    out.mkdir(parents=True)
    told: dict[str, Any] = dict(stage.config)
    inputs = known.inputs(stage)
    match stage.name:
        case "generate":
            told["teacher"] = replace(told["teacher"], max_requests=_lists(told["teacher"]), **_at_once(told))
        case "curate":
            _curate(stage, known, out)
            return _sign(stage, out)
        case "pretrain":
            told["base_model"] = replace(told["base_model"], steps=min(STEPS, told["base_model"].steps))
        case "train":
            inputs["dataset"] = _windows(stage, known, out.parent / f"{out.name}-windows")
            told["trainer"] = replace(told["trainer"], epochs=1, validation_examples=0)
        case "evaluate":
            limit = told["suite"].limit or DOCUMENTS
            told["suite"] = replace(told["suite"], limit=min(DOCUMENTS, limit))
            if asked_model(told):
                told["weights"] = replace(told["weights"], **_at_once(told, "weights"))
        case "complete":
            questions, count = told["questions"], REQUESTS
            if not asked_model(told):  # a whole batch takes hardly longer than its first answers
                count = questions.batch_size
            else:
                asked = "teacher" if "teacher" in told else "weights"
                told[asked] = replace(told[asked], **_at_once(told, asked))
            told["questions"] = _fewer(questions, count)
        case "assess":
            told["suite"] = replace(told["suite"], limit=max(1, REQUESTS // 2))  # each is asked about twice
            told["judge"] = replace(told["judge"], **_at_once(told, "judge"))
        case "judge":
            _judge(stage, known, told, inputs, out.with_name(f"{out.name}-answers"))
    with _unsaid(stage.name) if stage.name in ("generate", "train") else contextlib.nullcontext():
        stage.function(**told, **inputs, **stage.runtime, out=out)
    _sign(stage, out)


def _lists(teacher: Any) -> int:
    """In steps, one list of instructions brings many further requests."""
    most = 1 if teacher.protocol is Protocol.self_instruct else REQUESTS
    return int(min(most, teacher.max_requests))


def _at_once(told: Mapping[str, Any], name: str = "teacher") -> dict[str, Any]:
    """Nobody waits a day for a batch of five."""
    return {"batch": False} if getattr(told[name], "batch", False) else {}


def _sign(stage: Stage, out: Path) -> None:
    """The recipe, for stages that look where their inputs come from. It is no sound artifact's record."""
    told = {"fingerprint": stage.fingerprint, "files": {"rehearsed": "no artifact"}, "usage": {}}
    write_json({**stage.recipe, **told}, out / RECORD)


def _curate(stage: Stage, known: Known, out: Path) -> None:
    """What costs nothing over all rows; new answers, critic and rater for the first few that it left."""
    told = dict(stage.config)
    variant: DatasetVariantConfig = told["variant"]
    free = replace(variant, min_rating=None, best_rated=None)
    if cleans(stage) or not all(map(known.is_real, stage.inputs.values())):
        free = replace(free, num_tasks=None, num_examples=None, min_instances=1)
    unpaid = {**told, "variant": free, "critic": None, "rater": None, "teacher": None}
    inputs = known.inputs(stage)
    stage.function(**unpaid, **inputs, **stage.runtime, out=out)
    _ask_about(list(islice(read_dataset(out), REQUESTS)), stage, inputs.get("model"), out)


def _ask_about(rows: list[Row], stage: Stage, model: Artifact | None, out: Path) -> None:
    from alpaca_exp.cleaning.answers import answered_anew
    from alpaca_exp.cleaning.critic import review
    from alpaca_exp.cleaning.rating import rate
    from alpaca_exp.llm.build import with_weights

    told, runtime = stage.config, stage.runtime["runtime"]
    variant: DatasetVariantConfig = told["variant"]
    teacher, critic, rater = told["teacher"], told["critic"], told["rater"]
    if teacher:
        teacher = replace(with_weights(teacher, told.get("weights"), model), **_at_once(told))
        rows = answered_anew(teacher, rows, variant, runtime=runtime, out=out).rows or rows
    if critic:
        critic = replace(critic, **_at_once(told, "critic"))
        rows = review(critic, rows, chosen(variant.rules), runtime=runtime, out=out).kept or rows
    if rater:
        rater = replace(rater, **_at_once(told, "rater"))
        every = replace(variant, min_rating=0.0, best_rated=None)
        rate(rater, rows, every, told["seed"], runtime=runtime, out=out)


def cleans(stage: Stage) -> bool:
    """Whether rows are left out for what they say, so that a draw comes after it."""
    told = stage.config
    variant = told["variant"]
    left_out = variant.rules or variant.max_words or told.get("suite")
    return bool(left_out or told.get("critic") or told.get("rater"))


def _windows(stage: Stage, known: Known, folder: Path) -> Artifact:
    """The data of two optimizer steps: the longest window that there can be, and a usual one."""
    from alpaca_exp.tuning.data import order

    trainer: TrainerConfig = stage.config["trainer"]
    curated = stage.inputs["dataset"]
    pool = list(read_dataset(known.artifact(curated).path))
    size = min(trainer.global_batch_size, known.rows[curated.fingerprint])
    complete = len(pool) >= known.rows[curated.fingerprint]
    longest = _longest(pool, trainer, size, complete)
    wanted = [*longest, *islice(cycle(pool), size)]
    placed: list[Row] = [{}] * len(wanted)
    for place, row in zip(order(len(wanted), stage.config["seed"], 0), wanted, strict=True):
        placed[place] = row
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(placed, folder / "dataset.jsonl")
    return Artifact(folder)


def _longest(pool: Sequence[Row], trainer: TrainerConfig, size: int, complete: bool) -> Iterable[Row]:
    """Where not all rows are known yet, one that is as long as any may be is among those to come."""
    most = trainer.max_seq_len * CHARACTERS_PER_TOKEN

    def prompt(row: Row) -> int:
        return len(row["instruction"]) + len(row.get("input") or "")

    fitting = [row for row in pool if prompt(row) < most / 2] or list(pool)
    ranked = sorted(fitting, key=lambda row: -min(most, prompt(row) + len(row["output"])))
    if complete:
        return islice(cycle(ranked), size)
    return (_lengthened(row, int(2 * most)) for row in islice(cycle(ranked), size))


def _lengthened(row: Row, characters: int) -> Row:
    """`row` with its output again and again."""
    text = f"{row['output']} "
    return {**row, "output": (text * (characters // len(text) + 1)).strip()}


def _judge(
    stage: Stage, known: Known, told: dict[str, Any], inputs: dict[str, Artifact], folder: Path
) -> None:
    """Few questions. A model that took two steps rambles: answers of a usual length stand for its own."""
    judge = replace(told["judge"], **_at_once(told, "judge"))
    judge = replace(judge, retest=0.0, retry_unreadable=0)
    count = max(1, REQUESTS // count_requests(judge, 1))
    told["judge"] = replace(judge, questions=_fewer(judge.questions, count))
    answers = stage.inputs["completions"]
    if any(not known.is_real(needed) for needed in answers.inputs.values()):
        inputs["completions"] = _moved_on(inputs["opponent"], folder)


def _fewer(questions: QuestionsConfig, count: int) -> QuestionsConfig:
    """The first of them; what is answered for the reading page alone takes as long as any."""
    few = replace(questions, limit=min(count, questions.limit or count))
    return replace(few, inspection=None) if isinstance(few, FileQuestionsConfig) else few


def _moved_on(answers: Artifact, folder: Path) -> Artifact:
    """To each question the answer to the next one: as long as the opponent's, and not the same."""
    rows = list(read_jsonl(answers / "completions.jsonl"))
    moved = [{**row, "text": other["text"]} for row, other in zip(rows, rows[1:] + rows[:1], strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(moved, folder / "completions.jsonl")
    return Artifact(folder)


@contextlib.contextmanager
def _unsaid(stage: str) -> Iterator[None]:
    """That a few requests bring few examples, and made-up windows are odd, is no news; money is."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            expected = line.startswith(f"{stage}: ") and "billed" not in line
            if not expected:
                print(line, file=sys.stderr)


def counted(folder: Path, name: str) -> int:
    """The lines of a file."""
    return sum(1 for _ in read_jsonl(folder / name))


def runtime_of(stage: Stage) -> RuntimeConfig:
    """Where and how `stage` runs."""
    found: RuntimeConfig = stage.runtime["runtime"]
    return found

"""What files keep a stage from being made: sources, seed tasks, questions, and readers of other worlds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alpaca_exp.artifacts import Stage
from alpaca_exp.cleaning.sources import source_obstacles
from alpaca_exp.errors import InputError
from alpaca_exp.judging.answers import answers_to, unanswered, unchecked
from alpaca_exp.judging.questions import load_prompts, load_questions
from alpaca_exp.schemas import (
    CriticConfig,
    DatasetVariantConfig,
    JudgeConfig,
    MiniatureCriticConfig,
    MiniatureRaterConfig,
    MiniatureTeacherConfig,
    NoJudgeConfig,
    RecordedTeacherConfig,
    TeacherConfig,
    WorldConfig,
)
from alpaca_exp.selfinstruct.seed_tasks import read_seed_tasks

MINIATURES = "miniature"
"""What the names of the miniature's models begin with."""


def data_obstacles(stage: Stage, *, offline: bool) -> Iterator[str]:
    """One sentence for each thing that `stage` would end with for what its files hold; reads them."""
    if stage.name == "generate":
        yield from _seed_tasks(stage.config["teacher"])
    if stage.name == "complete":
        yield from _answers(stage)
    if stage.name == "curate":
        variant = stage.config["variant"]
        yield from source_obstacles(variant, offline=offline)
        yield from _too_many(variant, stage)
        for reader in (stage.config["critic"], stage.config["rater"]):
            if isinstance(reader, MiniatureCriticConfig | MiniatureRaterConfig):
                yield from _out_of_its_world(reader, variant, stage)


def _answers(stage: Stage) -> Iterator[str]:
    """Questions that cannot be read, and others' answers that do not belong to them."""
    try:
        rows = load_prompts(stage.config["questions"])
        if stage.config.get("file"):
            answers_to(rows, stage.config["file"])
    except InputError as error:
        yield str(error)


def answer_remarks(judge: JudgeConfig) -> Iterator[str]:
    """What to know of a file of answers that the judge compares with ours; what is wrong is an obstacle."""
    if isinstance(judge, NoJudgeConfig) or judge.opponent == "teacher":
        return
    file = Path(judge.opponent)
    try:
        rows = load_questions(judge.questions)
        found = answers_to(rows, file)
    except InputError:
        return
    if missing := unanswered(rows, found):
        yield f"{file} has no answer to {missing}; these are not compared"
    if count := unchecked(rows, found):
        yield (
            f"{count} of the {len(found)} answers in {file} do not tell their question and are taken by "
            "question_id alone; make sure that they answer these questions, or add a prompt to each"
        )


def _seed_tasks(teacher: TeacherConfig) -> Iterator[str]:
    try:
        read_seed_tasks(teacher.seed_tasks, teacher.num_demonstrations)
    except InputError as error:
        yield str(error)


def _too_many(variant: DatasetVariantConfig, stage: Stage) -> Iterator[str]:
    """More rows than the teacher is asked for; how many a file holds its reader has said."""
    if "examples" not in stage.inputs:
        return
    made = stage.inputs["examples"].config["teacher"].num_examples
    for name in ("num_examples", "best_rated"):
        wanted = getattr(variant, name)
        if wanted is not None and wanted > made:
            yield (
                f"dataset_variant.{name} is {wanted:,} and teacher.num_examples is {made:,}; ask for fewer, "
                "or let the teacher write more"
            )


def _out_of_its_world(
    reader: MiniatureCriticConfig | MiniatureRaterConfig, variant: DatasetVariantConfig, stage: Stage
) -> Iterator[str]:
    """Why a reader that knows its made-up world alone cannot judge these rows, where it cannot."""
    group = reader.group
    if "examples" in stage.inputs:
        strange = _strange(stage.inputs["examples"].config["teacher"], reader.world)
    elif variant.source_teacher.startswith(MINIATURES):
        strange = ""
    else:
        strange = "the rows come from elsewhere"
    if not strange:
        return
    critic = isinstance(reader, CriticConfig)
    other = "critic=none" if critic else "dataset_variant.min_rating and .best_rated null"
    declared = (
        ""
        if "examples" in stage.inputs
        else f", or, of rows that were made in the miniature, say so with "
        f"dataset_variant.source_teacher={MINIATURES}-teacher"
    )
    yield (
        f"the {group} {reader.model} knows a made-up world alone, and {strange}; choose one that can read "
        f"them ({group}=local_server, {group}=openai), do without ({other}){declared}"
    )


def _strange(teacher: TeacherConfig, world: WorldConfig) -> str:
    """In what way a teacher's rows are not about `world`; empty where they are."""
    match teacher:
        case MiniatureTeacherConfig():
            return "" if teacher.world == world else "the teacher's is another one"
        case RecordedTeacherConfig() if teacher.model.startswith(MINIATURES):
            return ""
    return f"the rows are written by {teacher.model}"

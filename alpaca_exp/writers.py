"""Who writes text in an experiment: the tuned model, its base, the teacher, the judge's opponent.

For each: what a stage is told of it, the stage that makes its weights if one does, the words it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.artifacts import Stage
from alpaca_exp.judging.protocol import CODING, MATH, Reading, requests
from alpaca_exp.judging.truth import ASKED, TASK
from alpaca_exp.records import Example
from alpaca_exp.schemas import (
    ApiModelConfig,
    BaseModelTeacherConfig,
    CriticConfig,
    DatasetVariantConfig,
    ExperimentConfig,
    JudgeConfig,
    MiniatureJudgeConfig,
    NoJudgeConfig,
    Protocol,
    RaterConfig,
    TeacherConfig,
)

Texts = tuple[str, ...]
"""Each frame once, filled with letters: only the words around them count."""


@dataclass(frozen=True)
class Writer:
    """A model that is asked for text, as the stages know it."""

    told: Mapping[str, Any]
    inputs: Mapping[str, Stage] = field(default_factory=dict)
    texts: Texts = ()
    """The words around what it is asked when it answers questions."""


def model(config: ExperimentConfig, made_by: Stage | None) -> Writer:
    """The weights that a stage makes; those that the config names where no stage does."""
    frames = framed(config)
    if isinstance(config.base_model, ApiModelConfig):  # asked the bare question
        return Writer({"weights": config.base_model})
    if made_by is None:
        return Writer({"weights": config.base_model}, texts=frames)
    return Writer({}, {"model": made_by}, frames)


def teacher(config: ExperimentConfig, base: Writer) -> Writer:
    """The teacher; with the base's weights where it is the base model."""
    own = isinstance(config.teacher, BaseModelTeacherConfig)
    told = {"teacher": config.teacher} | (dict(base.told) if own else {})
    return Writer(told, base.inputs if own else {}, (prompts.answer("i", "", config.teacher.max_words),))


def opponent(config: ExperimentConfig, base: Writer) -> Writer:
    """Whose answers the judge compares ours with: the teacher's, or those of a file."""
    if config.judge.opponent == "teacher":
        return teacher(config, base)
    return Writer({"file": Path(config.judge.opponent)})


def framed(config: ExperimentConfig) -> Texts:
    """What stands around an instruction when a model learns from it, and when it answers."""
    frame = config.trainer.frame
    return (prompts.framed(frame, "i"), prompts.framed(frame, "i", "x"))


def asked_for_data(teacher: TeacherConfig) -> Texts:
    """What a teacher is asked when it writes data, in its protocol."""
    if teacher.protocol is Protocol.alpaca:
        misnumbered = teacher.faithful or teacher.misnumbered_prompt
        return (prompts.task_list([_EXAMPLE], 2, teacher.max_words, misnumbered),)
    most = teacher.max_instances
    return (
        prompts.instruction_list(["i"], 2),
        prompts.classification_question("i", [("i", True)]),
        prompts.labelled_instances("i", most, [_EXAMPLE]),
        prompts.free_instances("i", most, teacher.max_words, [_EXAMPLE]),
    )


def asked_of_rows(
    anew: DatasetVariantConfig | None, critic: CriticConfig | None, rater: RaterConfig | None
) -> Texts:
    """What a teacher is asked where a row is answered `anew`, and critic and rater about a row."""
    answer = (prompts.answer("i", "x", anew.answer_words),) if anew else ()
    critique = (prompts.critique(_EXAMPLE, critic.fixes),) if critic else ()
    return (*answer, *critique, *((prompts.rating(_EXAMPLE),) if rater else ()))


def asked_for_letters(model: Writer) -> Texts:
    """What stands around a document's choices where a server's model names one by its letter."""
    weights = model.told.get("weights")
    by_letter = isinstance(weights, ApiModelConfig) and not weights.by_loglikelihood
    cases: tuple[tuple[str, list[str]], ...] = (("t", ["a", "b"]), ("", ["a", "b"]), ("t", []))
    return tuple(prompts.choice_by_letter(*case) for case in cases) if by_letter else ()


def asked_of_judge(judge: JudgeConfig) -> Texts:
    """What a judge is asked about two answers, in its protocol."""
    questions = [
        {"question_id": "", "text": "q", "category": category} for category in ("", CODING[0], MATH[0])
    ]
    asked = (Reading(one | {"reference": known}, "a", "") for one in questions for known in ("", "r"))
    return tuple(dict.fromkeys(request.prompt for one in asked for request in requests(judge, one)))


def truth_judge(config: ExperimentConfig) -> JudgeConfig | None:
    """Who says which generated answers to TruthfulQA are true, where the suite has any and someone can."""
    if not generates_for_truthfulqa(config) or isinstance(config.judge, NoJudgeConfig | MiniatureJudgeConfig):
        return None
    return config.judge.as_reader()


def generates_for_truthfulqa(config: ExperimentConfig) -> bool:
    """Whether the suite has the task whose answers are generated, by its name or its tag's."""
    return bool({TASK, "truthfulqa"} & set(config.eval_suite.tasks))


def asked_about_truth() -> Texts:
    """What a judge is asked about one answer to TruthfulQA."""
    return tuple(ask("q", "a", ["r"], ["w"]) for ask in ASKED.values())


_EXAMPLE = Example("i", "o", "x")

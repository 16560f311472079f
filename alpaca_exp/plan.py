"""Which stage feeds which: the whole experiment on one screen."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.artifacts import Stage
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.records import Example
from alpaca_exp.schemas import (
    Answers,
    BaseModelTeacherConfig,
    ExperimentConfig,
    NoDatasetConfig,
    NoJudgeConfig,
    NoTrainerConfig,
    Protocol,
    ScratchModelConfig,
    TeacherConfig,
)
from alpaca_exp.stages.compare import compare
from alpaca_exp.stages.complete import complete
from alpaca_exp.stages.curate import curate
from alpaca_exp.stages.evaluate import evaluate
from alpaca_exp.stages.generate import generate
from alpaca_exp.stages.judge import judge
from alpaca_exp.stages.pretrain import pretrain
from alpaca_exp.stages.train import train

Plan = dict[str, Stage]
"""The stages by the names of their parts in the experiment, in the order in which they run."""


def plan(config: ExperimentConfig) -> Plan:
    """The stages of `config`. Runs nothing; reads no more than the files whose content counts.

    Without a data set or without a trainer there is nothing to tune: the base is measured as it is.
    """
    no_data = isinstance(config.dataset_variant, NoDatasetConfig)
    untuned = no_data or isinstance(config.trainer, NoTrainerConfig)
    base = _base(config)
    data = {} if untuned else _data(config, base)
    models = _models(config, base, data.get("curate"))
    made = models | _readings(config, models)
    return base | data | made if isinstance(config.teacher, BaseModelTeacherConfig) else data | made


def _base(config: ExperimentConfig) -> Plan:
    """The base model, where it is not others' weights."""
    if not isinstance(config.base_model, ScratchModelConfig):
        return {}
    runtime = {"runtime": config.runtime, "logger": config.logger}
    told = {"base_model": config.base_model}
    return {"pretrain": Stage("pretrain", pretrain, told, runtime=runtime, version=2)}


def _data(config: ExperimentConfig, base: Plan) -> Plan:
    variant, runtime = config.dataset_variant, {"runtime": config.runtime}
    plan: Plan = {}
    inputs = {}
    if variant.source is None:
        plan["generate"] = inputs["examples"] = Stage(
            "generate",
            generate,
            {"teacher": config.teacher, **_teachers_weights(config, base)},
            _teachers_input(config, base),
            runtime,
            version=2,
            texts=_asked_for_data(config.teacher),
        )
    asked = {
        "critic": config.critic if variant.critic and config.critic.model != "none" else None,
        "teacher": config.teacher if variant.answers is Answers.teacher else None,
    }
    shown = (prompts.critique(_EXAMPLE), prompts.answer("i", "x", variant.answer_words))
    told = {"variant": variant, **asked, "seed": config.teacher.seed}
    if asked["teacher"]:
        told |= _teachers_weights(config, base)
        inputs |= _teachers_input(config, base)
    plan["curate"] = Stage(
        "curate", curate, told, inputs, runtime, texts=shown if any(asked.values()) else ()
    )
    return plan


def _asked_for_data(teacher: TeacherConfig) -> tuple[str, ...]:
    """The words around a request for data, in the teacher's protocol."""
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


def _models(config: ExperimentConfig, base: Plan, dataset: Stage | None) -> Plan:
    runtime = {"runtime": config.runtime, "logger": config.logger}
    plan = dict(base)
    inputs = {"base": base["pretrain"]} if base else {}
    if dataset:
        told = {"base_model": config.base_model, "trainer": config.trainer, "seed": config.seed}
        plan["train"] = Stage(
            "train", train, told, {"dataset": dataset, **inputs}, runtime, texts=_frames(config)
        )
    return plan


def _readings(config: ExperimentConfig, models: Plan) -> Plan:
    """What is measured of the tuned model (or of the base, if none was tuned)."""
    runtime = {"runtime": config.runtime}
    base = models.get("pretrain")
    model = models.get("train") or base
    suite = config.eval_suite
    told = {"suite": suite, "documents": mirror_files(suite), "lm_eval": version("lm_eval")}
    scores = Stage("evaluate", evaluate, told | _weights(config, model), _input(model), runtime, version=2)
    if isinstance(config.judge, NoJudgeConfig):
        return {"evaluate": scores}
    answers = _answers(config, model)
    opponent = _opponent(config, {"pretrain": base} if base else {})
    shown = (prompts.comparison("q", "a", "b"),)
    inputs = {"completions": answers, "opponent": opponent}
    verdicts = Stage("judge", judge, {"judge": config.judge}, inputs, runtime, texts=shown)
    base_answers = _answers(config, base)
    page = {"completions": answers, "opponent": opponent, "verdicts": verdicts, "scores": scores}
    page |= {} if base_answers.fingerprint == answers.fingerprint else {"base": base_answers}
    return {
        "evaluate": scores,
        "complete": answers,
        "opponent": opponent,
        "judge": verdicts,
        "base": base_answers,
        "compare": Stage("compare", compare, {"title": config.name}, page, runtime),
    }


def _answers(config: ExperimentConfig, model: Stage | None) -> Stage:
    told = {"questions": config.judge.questions, "frame": config.trainer.frame, "seed": config.seed}
    told |= _weights(config, model)
    runtime = {"runtime": config.runtime}
    return Stage("complete", complete, told, _input(model), runtime, texts=_frames(config))


def _opponent(config: ExperimentConfig, base: Plan) -> Stage:
    told: dict[str, Any] = {"questions": config.judge.questions, "frame": config.trainer.frame, "seed": 0}
    shown: tuple[str, ...] = ()
    inputs: dict[str, Stage] = {}
    if config.judge.opponent == "teacher":
        told |= {"teacher": config.teacher, **_teachers_weights(config, base)}
        inputs = _teachers_input(config, base)
        shown = (prompts.answer("i", "", config.teacher.max_words),)
    else:
        told["file"] = Path(config.judge.opponent)
    return Stage("complete", complete, told, inputs, {"runtime": config.runtime}, texts=shown)


def _teachers_weights(config: ExperimentConfig, base: Plan) -> dict[str, Any]:
    """The weights of a teacher that is the base model, where the config names them."""
    own = isinstance(config.teacher, BaseModelTeacherConfig)
    return _weights(config, base.get("pretrain")) if own else {}


def _teachers_input(config: ExperimentConfig, base: Plan) -> dict[str, Stage]:
    """The same, where a stage makes them."""
    own = isinstance(config.teacher, BaseModelTeacherConfig)
    return _input(base.get("pretrain")) if own else {}


def _weights(config: ExperimentConfig, model: Stage | None) -> dict[str, Any]:
    """Weights that no stage made are named by the config."""
    return {} if model else {"weights": config.base_model}


def _input(model: Stage | None) -> dict[str, Stage]:
    return {"model": model} if model else {}


def _frames(config: ExperimentConfig) -> tuple[str, ...]:
    frame = config.trainer.frame
    return (prompts.framed(frame, "i"), prompts.framed(frame, "i", "x"))


_EXAMPLE = Example("i", "o", "x")
"""Stands for any example where only the words around it count."""

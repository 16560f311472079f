"""Which stage feeds which: the whole experiment on one screen."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any

from alpaca_exp import writers
from alpaca_exp.artifacts import Stage
from alpaca_exp.documents import suite_documents
from alpaca_exp.judging.truth import TASK as TRUTHFULQA
from alpaca_exp.schemas import (
    Answers,
    Backend,
    BaseModelTeacherConfig,
    Decontaminate,
    EvalSuiteConfig,
    ExperimentConfig,
    FileQuestionsConfig,
    MadeModelConfig,
    NoCriticConfig,
    NoDatasetConfig,
    NoJudgeConfig,
    NoSuiteConfig,
    NoTrainerConfig,
    TaskFrame,
)
from alpaca_exp.stages.assess import assess
from alpaca_exp.stages.compare import compare
from alpaca_exp.stages.complete import complete
from alpaca_exp.stages.curate import curate
from alpaca_exp.stages.evaluate import evaluate
from alpaca_exp.stages.generate import generate
from alpaca_exp.stages.judge import judge
from alpaca_exp.stages.pretrain import pretrain
from alpaca_exp.stages.train import train
from alpaca_exp.writers import Writer

Plan = dict[str, Stage]
"""The stages by the names of their parts in the experiment, in the order in which they run."""


def plan(config: ExperimentConfig) -> Plan:
    """The stages of `config`. Runs nothing; reads no more than the files whose content counts.

    Without a data set or without a trainer there is nothing to tune: the base is measured as it is. With
    neither a trainer nor a suite there are only the data.
    """
    start = _base(config)
    base = writers.model(config, start.get("pretrain"))
    if untuned(config):
        return start | _measured(config, base, base)
    data = _data(config, writers.teacher(config, base))
    teacher_is_base = isinstance(config.teacher, BaseModelTeacherConfig)
    if isinstance(config.trainer, NoTrainerConfig):
        return (start if teacher_is_base else {}) | data
    tuned = _tuned(config, start, data["curate"])
    made = start | data | tuned if teacher_is_base else data | start | tuned
    return made | _measured(config, writers.model(config, tuned["train"]), base, {"dataset": data["curate"]})


def untuned(config: ExperimentConfig) -> bool:
    """Whether it is the base model itself that is measured."""
    tunes = not isinstance(config.trainer, NoTrainerConfig)
    measures = not isinstance(config.eval_suite, NoSuiteConfig)
    return isinstance(config.dataset_variant, NoDatasetConfig) or (measures and not tunes)


def _base(config: ExperimentConfig) -> Plan:
    """The base model, where it is not others' weights."""
    if not isinstance(config.base_model, MadeModelConfig):
        return {}
    told, runtime = {"base_model": config.base_model}, _training(config)
    return {"pretrain": Stage("pretrain", pretrain, told, runtime=runtime, version=3)}


def _data(config: ExperimentConfig, teacher: Writer) -> Plan:
    """The teacher's data or a file's, then what cleaning and new answers make of it."""
    variant, runtime = config.dataset_variant, {"runtime": config.runtime}
    critic = config.critic if variant.critic and not isinstance(config.critic, NoCriticConfig) else None
    rewriter = teacher if variant.answers is Answers.teacher else Writer({"teacher": None})
    plan: Plan = {}
    if variant.generated:
        texts = writers.asked_for_data(config.teacher)
        plan["generate"] = Stage("generate", generate, teacher.told, teacher.inputs, runtime, 4, texts)
    rater = config.rater if variant.rated else None
    told = {"variant": variant, "critic": critic, "rater": rater, "seed": config.teacher.seed}
    told |= _left_out(config) if variant.decontaminate is Decontaminate.remove else {}
    told |= rewriter.told
    inputs = {**rewriter.inputs, **({"examples": plan["generate"]} if plan else {})}
    texts = writers.asked_of_rows(variant if told["teacher"] else None, critic, rater)
    plan["curate"] = Stage("curate", curate, told, inputs, runtime, 3, texts)
    return plan


def _left_out(config: ExperimentConfig) -> dict[str, Any]:
    """What no row of the data may hold: the evaluation's documents and questions, however they are used."""
    told: dict[str, Any] = {"frame": TaskFrame.raw, "num_fewshot": 0, "shots": {}, "fewshot_seed": 0}
    told |= {"understanding": [], "truthfulness": []}
    suite = replace(config.eval_suite, backend=Backend.transformers, **told)
    judged = not isinstance(config.judge, NoJudgeConfig)
    questions = replace(config.judge.questions, temperature=0.0, max_tokens=1) if judged else None
    if isinstance(questions, FileQuestionsConfig):
        questions = replace(questions, inspection=None)
    documents = {"documents": suite_documents(suite, config.runtime), "lm_eval": version("lm_eval")}
    return {"suite": suite, **documents, "questions": questions}


def _tuned(config: ExperimentConfig, start: Plan, dataset: Stage) -> Plan:
    told = {"base_model": config.base_model, "trainer": config.trainer, "seed": config.seed}
    inputs = {"dataset": dataset, **({"base": start["pretrain"]} if start else {})}
    texts = writers.framed(config)
    return {"train": Stage("train", train, told, inputs, _training(config), texts=texts, version=2)}


def _measured(config: ExperimentConfig, model: Writer, base: Writer, learnt: Plan | None = None) -> Plan:
    """What is measured of the model: the tuned one, told what it `learnt`, or the base if none was tuned."""
    suite, runtime = config.eval_suite, {"runtime": config.runtime}
    if isinstance(suite, NoSuiteConfig):
        return {}
    read = {"documents": suite_documents(suite, config.runtime), "lm_eval": version("lm_eval")}
    told = {"suite": suite, **read, **model.told}
    inputs, letters = {**model.inputs, **(learnt or {})}, writers.asked_for_letters(model)
    scores = Stage("evaluate", evaluate, told, inputs, runtime, version=3, texts=letters)
    made = {"evaluate": scores} | _assessed(config, scores)
    if isinstance(config.judge, NoJudgeConfig):
        return made
    answers, untuned = _answers(config, model, config.seed), _answers(config, base, config.seed)
    opponent = _answers(config, writers.opponent(config, base), seed=0)
    both, texts = {"completions": answers, "opponent": opponent}, writers.asked_of_judge(config.judge)
    judged = both | (learnt or {})
    verdicts = Stage("judge", judge, {"judge": config.judge}, judged, runtime, 4, texts)
    page = both | {"verdicts": verdicts, "scores": scores}
    page |= {"base": untuned} if untuned.fingerprint != answers.fingerprint else {}
    return made | {
        "complete": answers,
        "opponent": opponent,
        "judge": verdicts,
        "base": untuned,
        "compare": Stage("compare", compare, {"title": config.name}, page, runtime, version=7),
    }


def _assessed(config: ExperimentConfig, scores: Stage) -> Plan:
    """What a judge says of the answers that were generated for TruthfulQA, where there are any."""
    judge = writers.truth_judge(config)
    if judge is None:
        return {}
    suite = EvalSuiteConfig(tasks=[TRUTHFULQA], mirror=config.eval_suite.mirror)
    documents = {"documents": suite_documents(suite, config.runtime), "lm_eval": version("lm_eval")}
    told, texts = {"judge": judge, "suite": suite, **documents}, writers.asked_about_truth()
    runtime = {"runtime": config.runtime}
    return {"assess": Stage("assess", assess, told, {"scores": scores}, runtime, texts=texts)}


def _answers(config: ExperimentConfig, writer: Writer, seed: int) -> Stage:
    told = {"questions": config.judge.questions, "frame": config.trainer.frame, "seed": seed, **writer.told}
    return Stage("complete", complete, told, writer.inputs, {"runtime": config.runtime}, texts=writer.texts)


def _training(config: ExperimentConfig) -> dict[str, Any]:
    return {"runtime": config.runtime, "logger": config.logger}

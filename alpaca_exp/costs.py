"""What a stage is expected to cost before it is made: requests, tokens, dollars, steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from operator import add
from pathlib import Path
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.artifacts import Stage, find
from alpaca_exp.cleaning.dataset import dataset_size
from alpaca_exp.cleaning.files import count_rows
from alpaca_exp.documents import count_documents
from alpaca_exp.errors import InputError
from alpaca_exp.harness.instruction_files import expected_documents
from alpaca_exp.judging.answers import answers_to
from alpaca_exp.judging.protocol import count_requests
from alpaca_exp.judging.questions import load_prompts, load_questions
from alpaca_exp.ledger import price
from alpaca_exp.records import Example, Row
from alpaca_exp.schemas import (
    ApiModelConfig,
    InstructionSuiteConfig,
    JudgeConfig,
    JudgeProtocol,
    LanguageModelConfig,
    MadeModelConfig,
    Protocol,
    TeacherConfig,
    TrainerConfig,
)

CHARACTERS_PER_TOKEN = 4.0
"""Of English text, by rule of thumb."""
WORDS_PER_ANSWER = 44
"""Mean length of an Alpaca output (52,002 rows)."""
KEPT_SHARE = 0.75
"""Of the tasks a teacher lists, those that pass the filters: an assumption, low rather than high."""
FEWER, MORE = 0.8, 1.5
"""Requests for new tasks: as many as expected, times this; the filters pass 94 or 50 in a hundred."""
SHORTER, LONGER = 0.6, 1.7
"""The same for the length of answers, never above their limit."""

EXAMPLES_PER_INSTRUCTION = 1.58
"""82k instances of 52k instructions (Self-Instruct, table 1)."""


VERDICT_TOKENS, RATING_TOKENS = 25, 50
"""A verdict is a line, a score has its reason below."""
YES_OR_NO_TOKENS = 3
STOCK_DOCUMENTS = {
    "hellaswag": 10_042, "winogrande": 1_267, "boolq": 3_270, "piqa": 1_838,
    "truthfulqa_mc1": 817, "truthfulqa_mc2": 817, "truthfulqa_gen": 817,
}  # fmt: skip
"""In the splits that lm-eval scores; where they come from the hub, nothing here can count them."""
CHOICES = 3.5
"""Of a document: from 2 (boolq, piqa, winogrande) to 5 or more (TruthfulQA), 4 in most."""
TRUTHFULQA_QUESTIONS, KNOWN_ANSWERS = 817, 8
"""Its questions, and how many right and wrong answers a question comes with (Lin et al. 2022)."""
FIXED_SHARE = 0.2
"""Of the rows, those that a critic writes anew: an assumption, high rather than low."""
_ROW = Example("x" * 60, "x" * 270, "x" * 30)
"""As long as the mean row of Alpaca's 52,002."""


@dataclass(frozen=True)
class Expectation:
    """What making a stage is expected to take; what is unknown is left out."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0
    """The middle of the range."""
    usd_low: float = 0.0
    usd_high: float = 0.0
    steps: int = 0
    documents: int = 0

    def __str__(self) -> str:
        parts = [_counted(self.requests, "request")] * bool(self.requests)
        parts += [f"about {self.tokens:,} tokens, {self._dollars()}"] * bool(self.tokens)
        parts += [_counted(self.steps, "step")] * bool(self.steps)
        parts += [_counted(self.documents, "document")] * bool(self.documents)
        return ", ".join(parts)

    def __add__(self, other: Expectation) -> Expectation:
        return Expectation(*map(add, astuple(self), astuple(other)))

    def _dollars(self) -> str:
        return f"{dollars(self.usd_low)} to {dollars(self.usd_high)}" if self.usd else "$0.00"


def dollars(usd: float) -> str:
    """`$1.20`; of less than ten cents, more places."""
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.4f}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


def expected(stage: Stage, outputs: Path) -> Expectation:
    """What making `stage` should take, from its config and from what its inputs are known to hold."""
    told = stage.config
    match stage.name:
        case "generate":
            return _generation(told["teacher"])
        case "curate":
            return _curation(stage, outputs)
        case "pretrain":
            return _steps(told["base_model"])
        case "train":
            return _tuning(told["trainer"], rows(stage.inputs["dataset"], outputs))
        case "complete" if model := asked_model(told):
            return _asked(model, _prompts(told["questions"]), 200)
        case "complete" if told.get("file"):
            return Expectation(documents=len(_answered(told, load_prompts(told["questions"]))))
        case "complete":
            return Expectation(documents=_prompts(told["questions"]))
        case "judge":
            return _judgment(told["judge"], stage.inputs)
        case "assess":
            return _assessment(told["judge"], assessed(stage))
        case "evaluate" if model := asked_model(told):
            return _choosing(model, told["suite"], told["documents"])
        case "evaluate":
            return Expectation(documents=_documents(told["suite"], told["documents"]))
        case _:
            return Expectation()


def asked_model(told: Mapping[str, Any]) -> LanguageModelConfig | None:
    """The model that a stage asks for its answers, where that is neither a file nor weights that are here."""
    weights = told.get("weights")
    teacher: LanguageModelConfig | None = told.get("teacher")
    return teacher or (weights if isinstance(weights, ApiModelConfig) else None)


def rows(curated: Stage, outputs: Path) -> int:
    """How many rows a curated set holds: counted where it is made, else expected from its recipe."""
    made = find(curated, outputs, remake_damaged=True)
    if made:
        return dataset_size(made.path)
    variant, source = curated.config["variant"], _source_rows(curated)
    return min(source, variant.num_examples or source, variant.best_rated or source)


def _source_rows(curated: Stage) -> int:
    if "examples" in curated.inputs:
        return int(curated.inputs["examples"].config["teacher"].num_examples)
    source = curated.config["variant"].source
    return count_rows(source) if source else 0


def _generation(teacher: TeacherConfig) -> Expectation:
    if teacher.protocol is Protocol.self_instruct:
        return _stepwise(teacher)
    requests = math.ceil(teacher.num_examples / (teacher.tasks_per_request * KEPT_SHARE))
    shown = [Example("x" * 80, "x" * 200)] * teacher.num_demonstrations
    prompt = prompts.task_list(shown, teacher.tasks_per_request, teacher.max_words)
    written = min(teacher.max_tokens, teacher.tasks_per_request * 2 * WORDS_PER_ANSWER)
    asked = min(requests, teacher.max_requests)
    return _asked(teacher, asked, len(prompt) / CHARACTERS_PER_TOKEN, written, FEWER, MORE)


def _stepwise(teacher: TeacherConfig) -> Expectation:
    """Self-instruct's three steps: few lists, then two requests for each new instruction."""
    new = max(1, teacher.tasks_per_request - teacher.num_demonstrations) * KEPT_SHARE
    instructions = math.ceil(teacher.num_examples / EXAMPLES_PER_INSTRUCTION)
    lists = min(math.ceil(instructions / new), teacher.max_requests)
    text, example = "x" * 80, Example("x" * 80, "x" * 200, "x" * 100)
    steps = (
        (lists, prompts.instruction_list([text] * teacher.num_demonstrations, 16), int(new * 20)),
        (instructions, prompts.classification_question(text, [(text, True)] * 8), 2),
        (
            instructions,
            prompts.free_instances(text, 5, teacher.max_words, [example] * 4),
            2 * WORDS_PER_ANSWER,
        ),
    )
    found = Expectation()
    for requests, prompt, written in steps:
        asked = _asked(teacher, requests, len(prompt) / CHARACTERS_PER_TOKEN, written, FEWER, MORE)
        found = found + asked
    return found


def _curation(stage: Stage, outputs: Path) -> Expectation:
    """New answers, verdicts, scores. What is removed on the way is asked about once less: up to `FEWER`.

    A draw comes before them only where it is all that leaves rows out.
    """
    told = stage.config
    variant, critic, rater = told["variant"], told["critic"], told["rater"]
    filtered = bool(variant.rules or variant.max_words or critic or rater or told.get("suite"))
    count = _source_rows(stage) if filtered else rows(stage, outputs)
    found = Expectation()
    if told["teacher"]:
        prompt = prompts.answer(_ROW.instruction, _ROW.input, variant.answer_words)
        found = _asked(told["teacher"], count, len(prompt) / CHARACTERS_PER_TOKEN, 2 * WORDS_PER_ANSWER)
    if critic:
        prompt, written = prompts.critique(_ROW, critic.fixes), float(VERDICT_TOKENS)
        written += FIXED_SHARE * 2 * WORDS_PER_ANSWER if critic.fixes else 0
        asked = _asked(critic, count, len(prompt) / CHARACTERS_PER_TOKEN, written, FEWER)
        found = found + asked
    if rater:
        prompt = prompts.rating(_ROW)
        asked = _asked(rater, count, len(prompt) / CHARACTERS_PER_TOKEN, RATING_TOKENS, FEWER)
        found = found + asked
    return found


def _steps(base_model: Any) -> Expectation:
    if not isinstance(base_model, MadeModelConfig):
        return Expectation()
    return Expectation(steps=base_model.steps)


def _tuning(trainer: TrainerConfig, examples: int) -> Expectation:
    return Expectation(
        steps=math.ceil((examples - trainer.validation_examples) / trainer.global_batch_size) * trainer.epochs
    )


def _asked(
    model: LanguageModelConfig,
    requests: int,
    tokens_in: float,
    tokens_out: float = 150,
    fewer: float = 1.0,
    more: float = 1.0,
) -> Expectation:
    """So many requests, or `fewer` to `more` times as many."""
    most = max(tokens_out, getattr(model, "max_tokens", math.inf))

    def usd(count: float, longer: float) -> float:
        return price(model, int(count * tokens_in), int(count * min(tokens_out * longer, most)))

    tokens = int(requests * tokens_in) + int(requests * tokens_out)
    low, high = usd(requests * fewer, SHORTER), usd(requests * more, LONGER)
    return Expectation(requests, tokens, usd(requests, 1.0), low, high)


def _judgment(judge: JudgeConfig, inputs: Mapping[str, Stage]) -> Expectation:
    """Verdicts on two answers at a time, or on one; a preference is one token.

    Of questions that a file of answers leaves out there are none.
    """
    asked = load_questions(judge.questions)
    for name in ("completions", "opponent"):
        if inputs[name].config.get("file"):
            asked = _answered(inputs[name].config, asked)
    answers = 1 if judge.protocol is JudgeProtocol.single else 2
    written = 1 if judge.protocol is JudgeProtocol.preference else 150
    requests = count_requests(judge, len(asked))
    return _asked(judge, requests, 250 + answers * int(WORDS_PER_ANSWER * 6), written)


def _assessment(judge: JudgeConfig, count: int) -> Expectation:
    """Two questions about each answer, each shown with what is known to be right and wrong."""
    known = ["x" * 50] * KNOWN_ANSWERS
    asked = [ask("x" * 60, "x" * 150, known, []) for ask in (prompts.truthful, prompts.informative)]
    tokens = sum(map(len, asked)) / len(asked) / CHARACTERS_PER_TOKEN
    return _asked(judge, len(asked) * count, tokens, YES_OR_NO_TOKENS)


def assessed(stage: Stage) -> int:
    """How many answers to TruthfulQA the stage assess has a judge read."""
    count = _documents(stage.config["suite"], stage.config["documents"]) or TRUTHFULQA_QUESTIONS
    return min(count, stage.inputs["scores"].config["suite"].limit or count)


def _choosing(model: LanguageModelConfig, suite: Any, files: dict[str, Path]) -> Expectation:
    """Tasks on a server: each choice is scored by itself, or all are shown and one letter is the answer."""
    known = _documents(suite, files)
    listed = [min(STOCK_DOCUMENTS.get(task, 0), suite.limit or 10**9) for task in suite.tasks]
    count = int(known or sum(listed))
    scored = isinstance(model, ApiModelConfig) and model.by_loglikelihood
    return _asked(model, round(count * CHOICES), 120, 1) if scored else _asked(model, count, 180, 2)


def _answered(told: Mapping[str, Any], rows: Sequence[Row]) -> list[Row]:
    """Those of the questions that the file answers; all of them where it cannot be read, which is said."""
    try:
        found = answers_to(rows, told["file"])
    except InputError:
        return list(rows)
    return [row for row in rows if row["question_id"] in found]


def _prompts(questions: Any) -> int:
    """The questions, and what is answered for the reading page alone."""
    return len(load_prompts(questions))


def _documents(suite: Any, files: dict[str, Any]) -> int:
    if isinstance(suite, InstructionSuiteConfig):
        return expected_documents(suite, files)
    world = getattr(suite, "world", None)
    scored = [next(iter(each.splits.values()), ()) for each in files.values()]  # before the solved examples
    known = [sum(map(count_documents, split)) for split in scored]
    each = known or ([world.documents] * len(suite.tasks) if world else [])
    return sum(min(count, suite.limit or count) for count in each)

"""The schema of an experiment: one dataclass a config group, every field documented.

Each field says whether it is part of an artifact's identity or only of where and how it runs:
a change of an `identity` field makes a new artifact, a change of a `runtime` field does not.
A field of type `Path` is a file: it enters the identity by its content, never by its name.
Plain dataclasses, since OmegaConf takes no frozen ones; nobody writes to them after `config.load`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Optional

from omegaconf import MISSING

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


def identity(doc: str, default: Any = MISSING) -> Any:
    """A field that decides what is made."""
    return _documented(doc, default, "identity")


def runtime(doc: str, default: Any = MISSING) -> Any:
    """A field that decides only where and how it is made."""
    return _documented(doc, default, "runtime")


def identity_by_content(doc: str, default: Any = MISSING) -> Any:
    """A field that names either something elsewhere or a local folder, which is known by its files."""
    return _documented(doc, default, "content")


def _documented(doc: str, default: Any, role: str) -> Any:
    metadata = {"doc": doc, "role": role}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Action(Enum):
    """What to do with the composed experiment."""

    run = "run"
    plan = "plan"


class Frame(Enum):
    """How an instruction is put to a model: in Alpaca's frame or as it stands."""

    alpaca = "alpaca"
    raw = "raw"


class Answers(Enum):
    """Who wrote the outputs of a data set."""

    source = "source"
    teacher = "teacher"


# ---------------------------------------------------------------- the miniature's world


@dataclass
class WorldConfig:
    """A small made-up world in which the truth is known. Only options that refer to it use it."""

    seed: int = identity("which world: its people, their facts, the tempting errors", 0)
    people: int = identity("how many people there are; half of them appear in tuning data", 256)
    corpus_tokens: int = identity("how much is written about the world, in tokens", 2_048_000)
    tasks: int = identity("how many tasks the tuning data shall hold", 2400)
    questions: int = identity("how many questions the judge reads", 80)
    documents: int = identity("documents in each evaluation task", 400)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from _at_least(self, "world", people=8, corpus_tokens=1000, tasks=8)
        yield from _at_least(self, "world", questions=1, documents=8)
        if self.people > 4096:
            yield f"world.people is {self.people}; there are names for 4096"


# ---------------------------------------------------------------- models that are asked for text


@dataclass
class LanguageModelConfig:
    """Any model that is asked for text: teacher, critic or judge."""

    model: str = identity("the model's name, as its server knows it")
    budget_usd: Optional[float] = runtime("hard limit of what this stage may spend; null: none", None)
    concurrency: int = runtime("requests under way at once", 16)
    usd_per_million_in: float = runtime("list price of a million prompt tokens", 0.0)
    usd_per_million_out: float = runtime("list price of a million answer tokens", 0.0)
    price_date: str = runtime("when that price was looked up, YYYY-MM-DD", "")

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        where = _group(self)
        yield from _at_least(self, where, concurrency=1)
        yield from _at_least(self, where, usd_per_million_in=0, usd_per_million_out=0)
        if self.budget_usd is not None and self.budget_usd < 0:
            yield f"{where}.budget_usd is {self.budget_usd}; it must be 0 or more, or null for none"
        temperature = getattr(self, "temperature", 0.0)
        if not 0 <= temperature <= 2:
            yield f"{where}.temperature is {temperature}; it must be between 0 and 2"


@dataclass
class EndpointConfig:
    """How to reach an OpenAI-compatible server."""

    base_url: Optional[str] = runtime("the server's address; null: OpenAI's own", None)
    api_key_env: str = runtime("the environment variable that holds the key", "OPENAI_API_KEY")
    timeout_s: float = runtime("how long one attempt may take", 120.0)
    max_retries: int = runtime("further attempts where they can help: 429, 5xx, time-outs", 5)


@dataclass
class TeacherConfig(LanguageModelConfig):
    """The model that writes the instruction data."""

    seed: int = identity("which data is bought: the choice of demonstrations, subsets, answers", 0)
    num_examples: int = identity("how many new examples to collect", 52_000)
    seed_tasks: Path = identity("instructions written by people", Path("seeds/seed_tasks.jsonl"))
    num_demonstrations: int = identity("seed tasks shown in each prompt", 3)
    tasks_per_request: int = identity("length of the list that the prompt asks for", 20)
    round_size: int = identity("requests in flight before their answers are read", 16)
    max_requests: int = identity("stop when so many requests did not bring enough examples", 100_000)
    temperature: float = identity("sampling temperature", 1.0)
    top_p: float = identity("nucleus sampling", 1.0)
    max_tokens: int = identity("limit of one answer", 3072)
    max_words: Optional[int] = identity("the length sentence of the prompt; null: no sentence", 100)
    max_similarity: float = identity("ROUGE-L F above which an instruction is a copy; 1: no filter", 0.7)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from _at_least(self, "teacher", num_examples=1, num_demonstrations=0, max_requests=1)
        yield from _at_least(self, "teacher", tasks_per_request=1, round_size=1, max_tokens=1)
        if not 0 < self.max_similarity <= 1:
            yield f"teacher.max_similarity is {self.max_similarity}; it must be above 0 and at most 1"


@dataclass
class OpenAITeacherConfig(EndpointConfig, TeacherConfig):
    """A teacher behind an OpenAI-compatible server."""


@dataclass
class MiniatureTeacherConfig(TeacherConfig):
    """A teacher that lives in the miniature world: it knows the truth and errs at a known rate."""

    world: WorldConfig = identity("the world it knows", MISSING)
    error_rate: float = identity("share of its facts that are wrong", 0.3)
    defect_rate: float = identity("share of its answers that carry each kind of format defect", 0.03)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from _shares(self, "teacher", "error_rate", "defect_rate")


@dataclass
class CriticConfig(LanguageModelConfig):
    """A model that reads each row and says keep or remove, with a reason."""

    temperature: float = identity("sampling temperature", 0.0)
    max_tokens: int = identity("limit of one verdict", 128)


@dataclass
class NoCriticConfig(CriticConfig):
    """No critic: the rules alone."""

    model: str = identity("there is none", "none")


@dataclass
class OpenAICriticConfig(EndpointConfig, CriticConfig):
    """A critic behind an OpenAI-compatible server."""


@dataclass
class MiniatureCriticConfig(CriticConfig):
    """A critic that lives in the miniature world, right at a known rate."""

    world: WorldConfig = identity("the world it knows", MISSING)
    recall: float = identity("share of the wrong rows that it finds", 0.9)
    false_alarm: float = identity("share of the right rows that it takes for wrong", 0.03)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from _shares(self, "critic", "recall", "false_alarm")


# ---------------------------------------------------------------- base models


@dataclass
class BaseModelConfig:
    """The model that is tuned."""

    seed: int = identity("pre-training and new rows of the embedding", 0)
    dtype: str = identity("float32, bfloat16 or float16", "float32")

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        if self.dtype not in ("float32", "bfloat16", "float16"):
            yield f"base_model.dtype is {self.dtype}; it must be float32, bfloat16 or float16"


@dataclass
class PretrainedModelConfig(BaseModelConfig):
    """Weights that others trained: a Hugging Face name or a local folder."""

    path: str = identity_by_content("hub name (with `revision`), or a folder (known by its files' content)")
    revision: Optional[str] = identity("commit, tag or branch on the hub", None)
    licence: str = runtime("what its makers allow", "")


@dataclass
class ScratchModelConfig(BaseModelConfig):
    """A LLaMA made from a config and pre-trained here, with a tokenizer made from its corpus."""

    hidden_size: int = identity("width")
    num_hidden_layers: int = identity("depth")
    num_attention_heads: int = identity("heads")
    intermediate_size: int = identity("width of the feed-forward part")
    max_position_embeddings: int = identity("longest sequence", 512)
    vocab_size: int = identity("at most so many tokens", 8000)
    tokenizer: str = identity("bpe (byte-level) or word (one token a word)", "bpe")
    steps: int = identity("pre-training steps; 0: random weights", 0)
    batch_size: int = identity("sequences a step", 64)
    block_size: int = identity("tokens a sequence", 64)
    learning_rate: float = identity("peak", 6e-3)
    weight_decay: float = identity("AdamW's", 0.01)
    beta2: float = identity("AdamW's second", 0.98)
    warmup_ratio: float = identity("share of the steps that warm up", 0.05)
    decay_ratio: float = identity("share of the steps, the last ones, that decay linearly", 0.5)
    max_grad_norm: float = identity("clip the gradient's norm here", 1.0)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from _at_least(self, "base_model", hidden_size=2, num_hidden_layers=1, steps=0)
        yield from _at_least(self, "base_model", num_attention_heads=1, vocab_size=300)
        yield from _at_least(self, "base_model", batch_size=1, block_size=2)
        if self.num_attention_heads > 0 and self.hidden_size % self.num_attention_heads:
            yield (
                f"base_model.hidden_size is {self.hidden_size}; it must be a multiple of "
                f"num_attention_heads ({self.num_attention_heads})"
            )
        if self.tokenizer not in ("bpe", "word"):
            yield f"base_model.tokenizer is {self.tokenizer}; it must be bpe or word"


@dataclass
class WorldModelConfig(ScratchModelConfig):
    """A base model that has read the miniature world's corpus."""

    world: WorldConfig = identity("the world whose corpus it reads", MISSING)


@dataclass
class FileModelConfig(ScratchModelConfig):
    """A base model whose tokenizer (and pre-training, if any) comes from a data file."""

    corpus: Optional[Path] = identity("instruction data or plain text to make the tokenizer from", None)


# ---------------------------------------------------------------- data


@dataclass
class DatasetVariantConfig:
    """What is tuned on: its source, its answers' author, its cap, its cleaning, its size."""

    source: Optional[Path] = identity("instruction data in Alpaca's format; null: the teacher's", None)
    source_teacher: str = identity("who wrote the answers of `source`, as far as is known", "unknown")
    answers: Answers = identity("outputs as in the source, or asked anew of the teacher", Answers.source)
    answer_words: Optional[int] = identity("with answers=teacher: the length sentence; null: none", None)
    rules: list[str] = identity("cleaning rules by name; [all] for all", [])
    critic: bool = identity("whether the critic, if there is one, reads what the rules left", False)
    max_words: Optional[int] = identity("leave out rows with longer outputs", None)
    num_tasks: Optional[int] = identity("at most so many different instructions", None)
    num_examples: Optional[int] = identity("a sample of so many rows; null: all", None)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        for name in ("answer_words", "max_words", "num_tasks", "num_examples"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                yield f"dataset_variant.{name} is {getattr(self, name)}; it must be 1 or more, or null"


@dataclass
class NoDatasetConfig(DatasetVariantConfig):
    """No data: the untuned base."""


# ---------------------------------------------------------------- tuning


@dataclass
class TrainerConfig:
    """Supervised instruction tuning of all weights."""

    learning_rate: float = identity("peak", 2e-5)
    epochs: int = identity("times through the data", 3)
    global_batch_size: int = identity("examples an optimizer step", 128)
    micro_batch_size: int = runtime("examples at once on one device; changes no gradient", 4)
    max_seq_len: int = identity("tokens an example; longer ones are cut", 512)
    weight_decay: float = identity("AdamW's", 0.0)
    beta2: float = identity("AdamW's second", 0.999)
    warmup_ratio: float = identity("share of the steps that warm up", 0.03)
    schedule: str = identity("cosine, linear or constant, after the warm-up", "cosine")
    max_grad_norm: float = identity("clip the gradient's norm here; 0: never", 1.0)
    precision: str = identity("Lightning's: 32-true, bf16-true, bf16-mixed", "32-true")
    frame: Frame = identity("the prompt around an instruction", Frame.alpaca)
    mask_prompt: bool = identity("learn from the answer's tokens only", True)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from _at_least(self, "trainer", epochs=1, global_batch_size=1, micro_batch_size=1)
        yield from _at_least(self, "trainer", max_seq_len=8, max_grad_norm=0, weight_decay=0)
        if self.learning_rate <= 0:
            yield f"trainer.learning_rate is {self.learning_rate}; it must be above 0"
        if self.schedule not in ("cosine", "linear", "constant"):
            yield f"trainer.schedule is {self.schedule}; it must be cosine, linear or constant"
        if self.precision not in ("32-true", "bf16-true", "bf16-mixed"):
            yield f"trainer.precision is {self.precision}; it must be 32-true, bf16-true or bf16-mixed"
        if self.micro_batch_size >= 1 and self.global_batch_size % self.micro_batch_size:
            yield (
                f"trainer.global_batch_size is {self.global_batch_size}; it must be a multiple "
                f"of trainer.micro_batch_size ({self.micro_batch_size})"
            )
        yield from _shares(self, "trainer", "warmup_ratio")


@dataclass
class NoTrainerConfig(TrainerConfig):
    """No tuning: the base model goes to the evaluation as it is."""


# ---------------------------------------------------------------- evaluation


@dataclass
class EvalSuiteConfig:
    """What is measured by lm-eval."""

    tasks: list[str] = identity("lm-eval task names", [])
    limit: Optional[int] = identity("documents a task, the first ones; null: all", None)
    num_fewshot: int = identity("solved examples before each question", 0)
    frame: Frame = identity("the bare prompt, or Alpaca's frame around it", Frame.raw)
    understanding: list[str] = identity("task.metric names whose mean is `understanding`", [])
    truthfulness: list[str] = identity("task.metric names whose mean is `truthfulness`", [])
    mirror: Optional[Path] = runtime("folder with the tasks' documents; null: the hub", None)
    batch_size: int = runtime("requests at once on the device", 32)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from _at_least(self, "eval_suite", num_fewshot=0, batch_size=1)
        if not self.tasks:
            yield "eval_suite.tasks is empty; name at least one lm-eval task"
        if self.limit is not None and self.limit < 1:
            yield f"eval_suite.limit is {self.limit}; it must be 1 or more, or null for all"
        for field in ("understanding", "truthfulness"):
            for metric in getattr(self, field):
                if metric.rpartition(".")[0] not in self.tasks:
                    yield f"eval_suite.{field} names {metric}, whose task is not in eval_suite.tasks"


@dataclass
class WorldSuiteConfig(EvalSuiteConfig):
    """lm-eval tasks about the miniature world."""

    world: WorldConfig = identity("the world that is asked about", MISSING)


@dataclass
class QuestionsConfig:
    """The questions whose answers are compared, and how they are answered."""

    temperature: float = identity("sampling temperature of the answers", 0.0)
    max_tokens: int = identity("limit of one answer", 512)
    limit: Optional[int] = identity("the first so many questions; null: all", None)
    batch_size: int = runtime("answers written at once on the device", 16)


@dataclass
class FileQuestionsConfig(QuestionsConfig):
    """Questions from a file of the Vicuna format."""

    file: Path = identity("JSON lines: question_id, text, category", Path("seeds/judge_questions.jsonl"))


@dataclass
class WorldQuestionsConfig(QuestionsConfig):
    """Questions about the miniature world."""

    world: WorldConfig = identity("the world that is asked about", MISSING)


@dataclass
class JudgeConfig(LanguageModelConfig):
    """The model that compares two answers, Vicuna's way: 1 to 10 for each."""

    questions: QuestionsConfig = identity("what was asked", QuestionsConfig)
    opponent: str = identity_by_content("teacher, or a completions.jsonl that answers the same", "teacher")
    temperature: float = identity("sampling temperature of the verdicts", 0.2)
    max_tokens: int = identity("limit of one verdict", 1024)
    both_orders: bool = identity("ask a second time with the answers swapped", True)


@dataclass
class NoJudgeConfig(JudgeConfig):
    """No judge: the stages that need one are left out."""

    model: str = identity("there is none", "none")


@dataclass
class OpenAIJudgeConfig(EndpointConfig, JudgeConfig):
    """A judge behind an OpenAI-compatible server."""

    questions: QuestionsConfig = identity("what was asked", FileQuestionsConfig)


@dataclass
class MiniatureJudgeConfig(JudgeConfig):
    """A judge that lives in the miniature world: its quality and its fondness for length are known."""

    questions: QuestionsConfig = identity("what was asked", WorldQuestionsConfig)
    world: WorldConfig = identity("the world it knows", MISSING)
    noise: float = identity("standard deviation of a score, in points of ten", 0.5)
    length_fondness: float = identity("points for each word beyond eight", 0.0)


# ---------------------------------------------------------------- the rest


@dataclass
class RuntimeConfig:
    """Where and how the experiment runs. Never part of an artifact's identity."""

    outputs: Path = runtime("where everything goes", Path("outputs"))
    offline: bool = runtime("never touch the network", False)
    num_threads: Optional[int] = runtime("threads of the mathematics; null: as many as torch takes", None)
    accelerator: str = runtime("Lightning's: auto, cpu, gpu", "auto")
    gpu_usd_per_hour: float = runtime("what an hour of one GPU costs", 0.0)
    checkpoint_every_s: float = runtime("seconds between two checkpoints of a training", 60.0)
    remake_damaged: bool = runtime("make damaged artifacts again instead of stopping", False)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        if self.num_threads is not None and self.num_threads < 1:
            yield f"runtime.num_threads is {self.num_threads}; it must be 1 or more, or null"
        if self.accelerator not in ("auto", "cpu", "gpu"):
            yield f"runtime.accelerator is {self.accelerator}; it must be auto, cpu or gpu"


@dataclass
class LoggerConfig:
    """What a training writes down on its way."""

    every_n_steps: int = runtime("steps between two lines of metrics.csv", 10)


@dataclass
class ExperimentConfig:
    """One whole experiment."""

    name: str = runtime("the experiment's name in folders and tables", "default")
    preset: str = runtime("miniature, local or paper", MISSING)
    scale: str = runtime("small (stands for 7B) or large (13B)", MISSING)
    seed: int = identity("order, dropout, sampling; what a sweep varies", 0)
    action: Action = runtime("run the stages, or only say what running would do", Action.run)
    world: WorldConfig = identity("the miniature's world", MISSING)
    teacher: TeacherConfig = identity("who writes the data", MISSING)
    critic: CriticConfig = identity("who reads the data", MISSING)
    base_model: BaseModelConfig = identity("where tuning starts", MISSING)
    dataset_variant: DatasetVariantConfig = identity("what is tuned on", MISSING)
    trainer: TrainerConfig = identity("how it is tuned", MISSING)
    eval_suite: EvalSuiteConfig = identity("what is measured", MISSING)
    judge: JudgeConfig = identity("who compares the answers", MISSING)
    logger: LoggerConfig = runtime("what is logged", MISSING)
    runtime: RuntimeConfig = runtime("where and how it runs", MISSING)


def _group(config: object) -> str:
    for schema, name in ((TeacherConfig, "teacher"), (CriticConfig, "critic"), (JudgeConfig, "judge")):
        if isinstance(config, schema):
            return name
    return "model"


def _at_least(config: object, where: str, **bounds: float) -> Iterator[str]:
    for name, bound in bounds.items():
        value = getattr(config, name)
        if value < bound:
            yield f"{where}.{name} is {value}; it must be {bound} or more"


def _shares(config: object, where: str, *names: str) -> Iterator[str]:
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            yield f"{where}.{name} is {getattr(config, name)}; it must be between 0 and 1"

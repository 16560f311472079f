"""From what a rehearsed stage took to what the whole of it will take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Stage
from alpaca_exp.cleaning.dataset import dataset_size
from alpaca_exp.costs import asked_model, assessed
from alpaca_exp.judging.protocol import count_requests
from alpaca_exp.records import read_jsonl
from alpaca_exp.rehearsed import REQUESTS, Known, counted, runtime_of
from alpaca_exp.schemas import EndpointConfig, JudgeProtocol, LanguageModelConfig, Protocol, TeacherConfig

COPIES = ("repeated", "similar")
"""How the reasons begin for which a row is no new one."""
FAR = 4.0
"""Beyond so many times the examples of the rehearsal, a teacher's stock cannot be told from its copies."""


@dataclass(frozen=True)
class Measured:
    """What a rehearsed stage took."""

    seconds: float
    working: Mapping[str, list[float]] = field(default_factory=dict)
    """Of each piece of work that shows its progress: its seconds, its units, and the last unit's seconds."""
    asked: bool = True
    """Whether requests went out, if there were any: what the journal held took no time."""
    usd: Mapping[str, float] = field(default_factory=dict)
    """What the answers are worth, by title."""
    spent: float = 0.0
    gpu_hours: float = 0.0
    memory: int = 0
    gpu_memory: int = 0

    def work(self, title: str) -> float:
        """Seconds of that piece of work."""
        return self.working.get(title, [0.0])[0]


@dataclass(frozen=True)
class Forecast:
    """What the whole of a stage will take."""

    amount: str = ""
    seconds: float = 0.0
    usd: float = 0.0
    memory: int = 0
    gpu_memory: int = 0

    def __add__(self, other: Forecast) -> Forecast:
        return Forecast(
            "",
            self.seconds + other.seconds,
            self.usd + other.usd,
            max(self.memory, other.memory),
            max(self.gpu_memory, other.gpu_memory),
        )


def forecast(stage: Stage, measured: Measured, known: Known, out: Path) -> Forecast:
    """What the whole of `stage` will take, made small at `out`. `known` tells of this stage, too.

    What shows its progress grows with its units, the rest (loading, say) is there once.
    """
    growing = sum(work[0] for work in measured.working.values())
    fixed = max(0.0, measured.seconds - growing)
    told = _whole(stage, measured, known, out)
    seconds = fixed + told.seconds
    usage = runtime_of(stage).gpu_usd_per_hour * measured.gpu_hours * seconds / max(1e-9, measured.seconds)
    return replace(
        told,
        seconds=seconds,
        usd=told.usd + usage,
        memory=measured.memory,
        gpu_memory=measured.gpu_memory,
    )


def _whole(stage: Stage, measured: Measured, known: Known, out: Path) -> Forecast:
    told = stage.config
    match stage.name:
        case "generate":
            return _generation(told["teacher"], measured, out)
        case "curate":
            return _curation(stage, measured, known, out)
        case "pretrain" | "train":
            return _training(stage, measured, known)
        case "evaluate":
            return _evaluation(stage, measured)
        case "complete" if model := asked_model(told):
            every = _prompts(told["questions"])
            return _asked(model, "complete", min(REQUESTS, every), every, measured)
        case "complete":
            return _completion(told["questions"], measured)
        case "assess":
            few, every = 2 * counted(out, "judgments.jsonl"), 2 * assessed(stage)
            return _asked(told["judge"], "assess", few, every, measured)
        case "judge":
            judge = told["judge"]
            every = count_requests(judge, _questions(judge.questions))
            few = counted(out, "verdicts.jsonl") * (2 if judge.protocol is JudgeProtocol.single else 1)
            return _asked(judge, "judge", few, every, measured)
        case _:
            return Forecast()


def _generation(teacher: TeacherConfig, measured: Measured, out: Path) -> Forecast:
    """As many times the requests as it takes to bring all examples."""
    kept = counted(out, "examples.jsonl")
    copies = sum(row["reason"].startswith(COPIES) for row in read_jsonl(out / "rejected.jsonl", ("reason",)))
    lists = 1 if teacher.protocol is Protocol.self_instruct else min(REQUESTS, teacher.max_requests)
    times = times_as_many(kept, copies, teacher.num_examples)
    every = max(1, round(min(teacher.max_requests, lists * times)))
    found = _asked(teacher, "generate", lists, every, measured, at_once=teacher.round_size)
    return replace(found, amount=f"{every:,} lists" if lists == 1 else found.amount)


def times_as_many(kept: int, copies: int, wanted: int) -> float:
    """How many times the work that brought `kept` examples, beside `copies` of these, it takes for `wanted`.

    A teacher that draws from a stock of M repeats itself the more, the more there is already: of d draws
    M (1 - exp(-d / M)) are new. A few draws tell M well enough to look a little way ahead, but not far:
    there, as many copies as before are expected.
    """
    plain = wanted / max(1, kept)
    if not copies or not kept or plain <= 1 or plain > FAR:
        return plain
    drawn = kept + copies
    low, high = float(kept), 1e9
    for _ in range(100):
        stock = math.sqrt(low * high)
        low, high = (stock, high) if -stock * math.expm1(-drawn / stock) < kept else (low, stock)
    if wanted >= high:
        return math.inf
    return -high * math.log1p(-wanted / high) / drawn


def _curation(stage: Stage, measured: Measured, known: Known, out: Path) -> Forecast:
    """Requests about each row; the rest grows with the rows."""
    told, few = stage.config, min(REQUESTS, dataset_size(out))
    rows, here = known.rows[stage.fingerprint], dataset_size(out)
    found = Forecast(f"{rows:,} rows")
    for title, name in (("answers", "teacher"), ("critic", "critic"), ("rating", "rater")):
        if told.get(name):
            every = max(rows, round(here * _growth(stage, known)))
            one = _asked(told[name], title, few, every, measured)
            found = Forecast(one.amount, found.seconds + one.seconds, found.usd + one.usd)
    return found


def _growth(stage: Stage, known: Known) -> float:
    """How many times the examples of the rehearsal the whole has."""
    examples = stage.inputs.get("examples")
    if examples is None:
        return 1.0
    here = counted(known.artifact(examples).path, "examples.jsonl")
    return known.rows[examples.fingerprint] / max(1, here)


def _training(stage: Stage, measured: Measured, known: Known) -> Forecast:
    """The last step is a usual one; what the first took beyond it is there once."""
    if stage.name == "pretrain":
        steps = int(stage.config["base_model"].steps)
    else:
        trainer, rows = stage.config["trainer"], known.rows[stage.inputs["dataset"].fingerprint]
        steps = math.ceil((rows - trainer.validation_examples) / trainer.global_batch_size) * trainer.epochs
    seconds, units, each = measured.working.get(stage.name, [0.0, 0, 0.0])
    return Forecast(f"{steps:,} steps of {each:.2g} s", seconds + max(0, steps - units) * each)


def _evaluation(stage: Stage, measured: Measured) -> Forecast:
    from alpaca_exp.harness.scoring import num_documents
    from alpaca_exp.harness.tasks import load_tasks

    suite = stage.config["suite"]
    tasks = load_tasks(suite, stage.config["documents"], offline=runtime_of(stage).offline)
    every = sum(num_documents(task, suite.limit) for task in tasks.values())
    seconds, units, _ = measured.working.get("evaluate", [0.0, 0, 0.0])
    times = every / max(1, units)
    usd = sum(usd for title, usd in measured.usd.items() if title.startswith("evaluate ")) * times
    model = asked_model(stage.config)
    usd *= 1 - model.batch_discount if isinstance(model, EndpointConfig) and model.batch else 1
    return Forecast(f"{every:,} documents", seconds * times, usd)


def _completion(questions: Any, measured: Measured) -> Forecast:
    every = _questions(questions)
    seconds, units, _ = measured.working.get("complete", [0.0, 0, 0.0])
    return Forecast(f"{every:,} answers", seconds * every / max(1, units))


def _asked(
    model: LanguageModelConfig,
    title: str,
    few: int,
    every: int,
    measured: Measured,
    at_once: float = math.inf,
) -> Forecast:
    """`few` requests were made, `every` one is to be. Servers take many at once, models here one by one."""
    times = every / max(1, few)
    seconds = measured.work(title) * times
    usd = measured.usd.get(title, 0.0) * times
    if isinstance(model, EndpointConfig):
        together = min(model.concurrency, at_once)
        seconds = measured.work(title) * math.ceil(every / together) / math.ceil(few / together)
        per_minute = model.requests_per_minute
        seconds = max(seconds, 60 * every / per_minute) if per_minute else seconds
        usd *= 1 - model.batch_discount if model.batch else 1
    return Forecast(f"{every:,} requests", seconds, usd)


def _questions(questions: Any) -> int:
    from alpaca_exp.judging.questions import load_questions

    return len(load_questions(questions))


def _prompts(questions: Any) -> int:
    from alpaca_exp.judging.questions import load_prompts

    return len(load_prompts(questions))

"""Log-likelihoods: requests a CPU second beside lm-eval's HFLM at its best batch size, and the same numbers.

    python -m tests.benchmarks.scoring                     every case, some 6 minutes
    python -m tests.benchmarks.scoring --case "4 choices, 2k vocabulary"
    python -m tests.benchmarks.scoring --exact             every document of the mirror, in both ways
    python -m tests.benchmarks.scoring --start             from imports to five tasks with 17,234 documents
    python -m tests.benchmarks.scoring --mirror FOLDER --model FOLDER

Stock tasks on a 4 x 256 LLaMA with random weights, one thread, the two ways in turn in one process; a
ratio is the median over the rounds. Both take texts and give log-likelihoods, tokenising included. Real
documents where the mirror is found (hellaswag, piqa, truthfulqa_mc), else made ones of like lengths.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from alpaca_exp.harness.needs import SHARED_FOLDERS
from alpaca_exp.records import Row, write_jsonl
from tests.conftest import SHARED

MIRROR = SHARED / "harness"
BATCH_SIZES = (1, 8, 32, 128)
ROUNDS = 3
FIVE = {"hellaswag": 10_042, "winogrande": 1_267, "boolq": 3_270, "piqa": 1_838, "truthfulqa_mc1": 817}
"""The paper's tasks of choices, with as many documents as the hub's splits have."""
TASKS = ("hellaswag", "piqa", "truthfulqa_mc1", "truthfulqa_mc2")


@dataclass(frozen=True)
class Case:
    """Whose requests, on which vocabulary."""

    vocabulary: int
    task: str
    documents: int
    letters: bool = False
    """The choices are listed in the prompt, and a letter is the answer: one token."""


CASES = {
    "4 choices, 32k vocabulary": Case(32_000, "hellaswag", 60),
    "4 choices, 2k vocabulary": Case(2_000, "hellaswag", 100),
    "one-token choices, 32k vocabulary": Case(32_000, "hellaswag", 60, letters=True),
    "one-token choices, 2k vocabulary": Case(2_000, "hellaswag", 100, letters=True),
    "2 choices, 2k vocabulary": Case(2_000, "piqa", 150),
    "many choices, 2k vocabulary": Case(2_000, "truthfulqa_mc2", 60),
}


def main() -> None:
    """Measure, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--exact", action="store_true", help="compare every document; no speed")
    parser.add_argument("--start", action="store_true", help="time until the tasks are ready; no speed")
    parser.add_argument(
        "--mirror", type=Path, default=MIRROR, help="folder of hellaswag, piqa, truthfulqa_mc"
    )
    parser.add_argument("--model", type=Path, help="a checkpoint instead of random weights")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    told = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        mirror = told.mirror if told.mirror.is_dir() else made_mirror(Path(folder))
        if told.exact:
            figures = exact(mirror, told.model)
        elif told.start:
            figures = start(Path(folder))
        else:
            figures = speed(told.case or list(CASES), mirror, told.model, told.rounds)
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps({"name": "scoring", **figures, "machine": machine, "threads": 1}))


def speed(names: Sequence[str], mirror: Path, model: Path | None, rounds: int) -> Row:
    """A row for each case; the first one is the top's."""
    rows = [compared(name, CASES[name], mirror, model, rounds) for name in names]
    top = {key: rows[0][key] for key in ("ratio", "ours", "peer", "n")}
    return {**top, "unit": "requests a CPU second", "rows": rows}


def compared(name: str, case: Case, mirror: Path, model: Path | None, rounds: int) -> Row:
    """HFLM at every batch size once, then the best of them and ours in turn."""
    lm, peer_of = models(case.vocabulary, model)
    requests = requests_of(case, mirror)
    first = {size: rate(peer_of(size), requests) for size in BATCH_SIZES}
    best = max(first, key=lambda size: first[size])
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(rate(peer_of(best), requests))
        ours.append(rate(lm, requests))
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    print(
        f"{name}: ours {statistics.median(ours):.1f} requests a CPU second, HFLM "
        + ", ".join(f"{speed:.1f} (batch {size})" for size, speed in first.items())
        + f"; {ratio:.2f} times the best",
        flush=True,
    )
    return {
        "case": name,
        "ratio": round(ratio, 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "ours": round(statistics.median(ours), 1),
        "peer": round(statistics.median(theirs), 1),
        "peer_name": f"HFLM, batch size {best}",
        "n": len(requests),
        "max_difference": difference(lm, peer_of(best), requests),
    }


def rate(lm: Any, requests: Sequence[Any]) -> float:
    """Requests a second of this process's CPU time."""
    start = time.process_time()
    lm.loglikelihood(list(requests), disable_tqdm=True)
    return len(requests) / (time.process_time() - start)


def difference(lm: Any, peer: Any, requests: Sequence[Any]) -> float:
    """The largest between two log-likelihoods of one request, in nats."""
    ours, theirs = (each.loglikelihood(list(requests), disable_tqdm=True) for each in (lm, peer))
    return max(abs(mine[0] - other[0]) for mine, other in zip(ours, theirs, strict=True))


def exact(mirror: Path, model: Path | None) -> Row:
    """Every document of the tasks: the largest difference, decisions that differ, metrics that differ."""
    from alpaca_exp.harness.results import score_rows
    from alpaca_exp.harness.scoring import score
    from alpaca_exp.harness.tasks import load_tasks
    from alpaca_exp.schemas import EvalSuiteConfig

    lm, peer_of = models(2_000, model, layers=2, width=128)
    suite = EvalSuiteConfig(tasks=list(TASKS), mirror=mirror)
    rows = []
    for name in TASKS:
        results = []
        for each in (lm, watched(peer_of(32))):
            task = load_tasks(suite, files(suite), offline=True)[name]
            found = score(each, name, task, suite, lambda count: None)
            results.append((found["samples"][name], score_rows(name, task, found)))
        (ours, our_scores), (theirs, their_scores) = results
        pairs = [
            (mine[0], other[0])
            for sample, same in zip(ours, theirs, strict=True)
            for mine, other in zip(sample["filtered_resps"], same["filtered_resps"], strict=True)
        ]
        metrics = [metric for metric in ours[0]["metrics"] if metric.startswith("acc")]
        differing = sum(
            bool(abs(sample[metric] - same[metric]) > (1e-4 if name.endswith("mc2") else 0))
            for sample, same in zip(ours, theirs, strict=True)
            for metric in metrics
        )
        rows.append(
            {
                "case": name,
                "documents": len(ours),
                "requests": len(pairs),
                "max_difference": max(abs(mine - other) for mine, other in pairs),
                "decisions_differing": differing,
                "metrics": {
                    one.metric: [one.value, two.value]
                    for one, two in zip(our_scores, their_scores, strict=True)
                },
            }
        )
        print(rows[-1], flush=True)
    return {"unit": "nats", "max_difference": max(row["max_difference"] for row in rows), "rows": rows}


def start(folder: Path) -> Row:
    """Seconds from imports to five tasks whose documents are all prepared, as many as the hub's have.

    Beside lm-eval's own preparation of the same files, and beside a bare `TaskManager()`, which knows
    the tasks' names and has read no document yet.
    """
    from lm_eval.tasks import TaskManager

    from alpaca_exp.harness.tasks import load_tasks
    from alpaca_exp.schemas import EvalSuiteConfig

    suite = EvalSuiteConfig(tasks=list(FIVE), mirror=made_mirror(folder, FIVE))

    def ours() -> None:
        for task in load_tasks(suite, files(suite), offline=True).values():
            list(task.eval_docs)

    count, first = sum(FIVE.values()), seconds(ours)
    found = {
        "ours": first,
        "ours, files that were seen before": seconds(ours),
        "lm-eval's own preparation": seconds(lambda: prepared_by_lm_eval(suite, folder)),
        "TaskManager()": seconds(TaskManager),
    }
    print(f"Seconds from the imports to {len(FIVE)} tasks with {count:,} documents:")
    for name, taken in found.items():
        print(f"  {name}: {taken:.2f} s, {1e6 * taken / count:,.0f} microseconds a document")
    rows = [
        {"case": f"{len(FIVE)} tasks, {count:,} documents", "ratio": round(taken / first, 2),
         "ours": round(first, 3), "peer": round(taken, 3), "peer_name": name}
        for name, taken in found.items() if not name.startswith("ours")
    ]  # fmt: skip
    return {
        **{key: rows[0][key] for key in ("ratio", "ours", "peer")},
        "unit": "seconds",
        "n": count,
        "rows": rows,
    }


def prepared_by_lm_eval(suite: Any, folder: Path) -> None:
    """lm-eval's own task of each definition, over the same files; nothing is cached from before."""
    from lm_eval.api.task import ConfigurableTask

    from alpaca_exp.harness.needs import stock
    from alpaca_exp.harness.quiet import muted

    for name, told in stock(suite).tasks.items():
        file = next(iter(files(suite)[name].splits.values()))[0]
        config = resolved(told.config) | {
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"validation": str(file)}, "cache_dir": str(folder / "cache")},
            **{"training_split": None, "test_split": None, "validation_split": "validation"},
            **{"fewshot_split": None, "num_fewshot": 0},
        }
        with muted():
            task = ConfigurableTask(config=config)
            list(task.eval_docs)


def resolved(config: Any) -> dict[str, Any]:
    """A definition with its functions imported."""
    from lm_eval.tasks._yaml_loader import _import_func_in_yml

    from alpaca_exp.harness.names import Function

    return {
        key: _import_func_in_yml(value.name, value.folder) if isinstance(value, Function) else value
        for key, value in config.items()
    }


def seconds(work: Callable[[], Any]) -> float:
    """Of wall time, the first time it is done."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def files(suite: Any) -> dict[str, Path]:
    """The mirror's files."""
    from alpaca_exp.harness.mirror import mirror_files

    return mirror_files(suite)


def models(
    vocabulary: int, folder: Path | None, layers: int = 4, width: int = 256
) -> tuple[Any, Callable[[int], Any]]:
    """Ours, and a maker of HFLM by batch size, around the same weights."""
    from lm_eval.models.huggingface import HFLM

    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.harness.quiet import muted
    from alpaca_exp.llm.local import LocalModel, load
    from alpaca_exp.schemas import RuntimeConfig

    local = (
        load(folder, runtime=RuntimeConfig(num_threads=1))
        if folder
        else LocalModel(llama(vocabulary, layers, width), tokenizer(vocabulary))
    )

    def peer(size: int) -> Any:
        with muted():
            return HFLM(pretrained=local.model, tokenizer=local.tokenizer, batch_size=size)

    return FramedLM(local, 32), peer


def watched(peer: Any) -> Any:
    """What our own way of scoring expects of a model beside lm-eval's interface."""
    from alpaca_exp.harness.framed import Meter

    peer.meter = Meter(0, lambda count: None)
    return peer


def llama(vocabulary: int, layers: int, width: int) -> Any:
    """Random weights, large enough that choices differ clearly."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=width * 8 // 3 // 32 * 32,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            max_position_embeddings=512,
            initializer_range=0.05,
            tie_word_embeddings=False,
        )
    ).eval()


def tokenizer(vocabulary: int) -> Any:
    """A byte-level BPE of that many tokens."""
    from tests.benchmarks.alpaca_rows import VOCABULARY, all_examples
    from tests.benchmarks.alpaca_rows import tokenizer as large
    from tests.models import bpe_tokenizer

    if vocabulary == VOCABULARY:
        return large()
    return bpe_tokenizer([one.instruction + " " + one.output for one in all_examples()[:5000]], vocabulary)


def requests_of(case: Case, mirror: Path) -> list[Any]:
    """lm-eval's requests of the task's first documents."""
    from lm_eval.api.instance import Instance

    from alpaca_exp.harness.scoring import prepare
    from alpaca_exp.harness.tasks import load_tasks
    from alpaca_exp.schemas import EvalSuiteConfig

    suite = EvalSuiteConfig(tasks=[case.task], mirror=mirror, limit=case.documents)
    tasks = load_tasks(suite, files(suite), offline=True)
    prepare(None, tasks, suite)
    found = tasks[case.task].instances
    if not case.letters:
        return list(found)
    documents: dict[int, list[Any]] = {}
    for request in found:
        documents.setdefault(request.doc_id, []).append(request)
    asked = []
    for number, choices in documents.items():
        listed = "".join(f"\n{letter}.{one.args[1]}" for letter, one in zip("ABCD", choices, strict=True))
        prompt = f"{choices[0].args[0]}{listed}\nAnswer:"
        asked += [
            Instance("loglikelihood", {}, (prompt, f" {letter}"), place, metadata=(case.task, number, 1))
            for place, letter in enumerate("ABCD")
        ]
    return asked


def made_mirror(folder: Path, counts: dict[str, int] | None = None) -> Path:
    """Documents of the lengths of the tasks' own, of made words: 300 each, or `counts`."""
    rng = Random(0)
    words = ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(2, 9))) for _ in range(3000)]

    def text(least: int, most: int) -> str:
        return " ".join(rng.choices(words, k=rng.randint(least, most)))

    def choices(count: int) -> Row:
        return {"choices": [text(4, 14) for _ in range(count)], "labels": [1, *[0] * (count - 1)]}

    made: dict[str, Callable[[int], Row]] = {
        "hellaswag": lambda number: {
            "ind": number,
            "activity_label": text(1, 3),
            "ctx_a": text(10, 60) + ".",
            "ctx_b": text(1, 3),
            "endings": [text(8, 30) + "." for _ in range(4)],
            "label": str(number % 4),
        },
        "piqa": lambda number: {
            "goal": text(4, 12), "sol1": text(5, 30), "sol2": text(5, 30), "label": number % 2,
        },
        "truthfulqa_mc1": lambda number: {
            "question": text(5, 16),
            "mc1_targets": choices(rng.randint(2, 8)),
            "mc2_targets": choices(rng.randint(4, 12)),
        },
        "boolq": lambda number: {"passage": text(40, 160), "question": text(5, 12), "label": number % 2},
        "winogrande": lambda number: {
            "sentence": f"{text(5, 10)} _ {text(4, 8)}.", "option1": text(1, 1), "option2": text(1, 1),
            "answer": str(1 + number % 2),
        },
    }  # fmt: skip
    folder = folder / "mirror"
    for name, count in (counts or dict.fromkeys(("hellaswag", "piqa", "truthfulqa_mc1"), 300)).items():
        place = folder / SHARED_FOLDERS.get(name, name)
        place.mkdir(parents=True)
        write_jsonl((made[name](number) for number in range(count)), place / "validation.jsonl")
    return folder


if __name__ == "__main__":
    main()

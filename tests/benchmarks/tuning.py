"""Supervised tuning: useful tokens a CPU second and memory, beside HF Trainer's Alpaca recipe and TRL.

    python -m tests.benchmarks.tuning                     both shapes, some 15 minutes
    python -m tests.benchmarks.tuning --shape 4x256       one of them
    python -m tests.benchmarks.tuning --data alpaca_data.json

Peers: transformers' Trainer with Stanford's settings (micro-batches of 4 in random order, padded to the
longest), the same with rows of like length together, and TRL's packing (where `trl` is installed). Each
run is a process of its own, on one thread; the runs of a round take turns, and a ratio is the median
over the rounds. Useful tokens are those of the examples, padding aside. All see the same rows: real ones
where the Alpaca data is found, else made ones of the same distribution of lengths.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.benchmarks.alpaca_rows import VOCABULARY, examples, tokenizer

WINDOW, MICRO = 32, 4
MAX_SEQ_LEN = 512
PEERS = ("HF Trainer", "HF Trainer, sorted by length", "TRL packing")
OURS = "ours"


@dataclass(frozen=True)
class Shape:
    """A LLaMA, and how much of the pool it learns from."""

    layers: int
    hidden: int
    rows: int
    rounds: int


SHAPES = {"4x256": Shape(4, 256, 160, 3), "12x768": Shape(12, 768, 64, 2)}


def main() -> None:
    """Measure, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--data", type=Path, help="instruction data in Alpaca's format")
    parser.add_argument("--one", choices=(OURS, *PEERS), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        print(json.dumps(measured(told.one, SHAPES[told.shape[0]], told.data)))
        return
    rows = []
    for name in told.shape or SHAPES:
        rows += compared(name, told.data)
    top = rows[0]
    print(
        json.dumps(
            {
                "name": "tuning",
                **{key: top[key] for key in ("ratio", "ours", "peer")},
                "unit": "useful tokens a CPU second",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "threads": 1,
                "n": SHAPES[told.shape[0] if told.shape else "4x256"].rows,
                "rows": rows,
            }
        )
    )


def compared(name: str, data: Path | None) -> list[dict[str, Any]]:
    """A row for each peer: the medians, the ratio of each round, and memory."""
    who = [OURS, *(peer for peer in PEERS if peer != "TRL packing" or importlib.util.find_spec("trl"))]
    runs: dict[str, list[dict[str, Any]]] = {one: [] for one in who}
    for round in range(SHAPES[name].rounds):
        for one in who:
            run = apart(one, name, data)
            runs[one].append(run)
            print(
                f"{name}, round {round + 1}, {one}: {run['speed']:,.0f} tokens a CPU second, "
                f"{run['memory']:,.0f} MiB added, first loss {run['loss']:.6f}",
                flush=True,
            )
    return [row(name, peer, runs[OURS], runs[peer]) for peer in who[1:]]


def row(name: str, peer: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """Ours beside one peer."""
    ratios = [mine["speed"] / other["speed"] for mine, other in zip(ours, theirs, strict=True)]
    memory = [statistics.median(run["memory"] for run in runs) for runs in (ours, theirs)]
    print(f"{name}: {statistics.median(ratios):.2f} times {peer}, {memory[0] / memory[1]:.2f} of its memory")
    return {
        "case": name,
        "ratio": round(statistics.median(ratios), 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "ours": round(statistics.median(run["speed"] for run in ours), 1),
        "peer": round(statistics.median(run["speed"] for run in theirs), 1),
        "peer_name": peer,
        "memory_ratio": round(memory[0] / memory[1], 3),
        "memory_mib": [round(each) for each in memory],
    }


def apart(one: str, shape: str, data: Path | None) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.tuning", "--one", one, "--shape", shape]
    command += ["--data", str(data)] if data else []
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{one} failed:\n{done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def measured(one: str, shape: Shape, data: Path | None) -> dict[str, Any]:
    """One pass of training: useful tokens a CPU second, MiB added at the peak, the first window's loss."""
    import torch

    torch.set_num_threads(1)
    for module in IMPORTED[one]:  # loading code is no part of training
        importlib.import_module(module)
    drawn = Random(0).sample(examples(data), shape.rows)
    token = tokenizer(data)
    from alpaca_exp.schemas import TrainerConfig
    from alpaca_exp.tuning.tokens import tokenise

    rows = tokenise(drawn, token, TrainerConfig(max_seq_len=MAX_SEQ_LEN)).rows
    model = llama(shape)
    before = rss()
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        loss = RUNNERS[one](model, rows, token, Path(folder))
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tokens = sum(len(row.tokens) for row in rows)
    return {"speed": tokens / seconds, "memory": peak - before, "loss": loss}


def llama(shape: Shape) -> Any:
    """Random weights, the same for all."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=shape.hidden,
            intermediate_size=shape.hidden * 8 // 3 // 32 * 32,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.hidden // 64,
            max_position_embeddings=MAX_SEQ_LEN,
            tie_word_embeddings=False,
        )
    )


def rss() -> float:
    """MiB resident now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def run_ours(model: Any, rows: Any, token: Any, folder: Path) -> float:
    """The project's own training loop."""
    from alpaca_exp.schemas import LoggerConfig, RuntimeConfig
    from alpaca_exp.tuning.data import Windows
    from alpaca_exp.tuning.fit import METRICS, fit
    from alpaca_exp.tuning.module import Recipe
    from alpaca_exp.tuning.schedules import warmed_up

    windows = Windows(rows, batch_size=WINDOW, micro_batch_size=MICRO, seed=0, pad=token.pad_token_id)
    steps = len(windows)
    recipe = Recipe(steps, 2e-5, warmed_up("cosine", steps, 0.03), 0.999, 0.0, 1.0, 0, "32-true", "")
    fit(
        model,
        windows,
        recipe,
        title="ours",
        runtime=RuntimeConfig(num_threads=1),
        logger=LoggerConfig(every_n_steps=1),
        out=folder,
    )
    return float((folder / METRICS).read_text().splitlines()[1].split(",")[2])


def run_hf(model: Any, rows: Any, token: Any, folder: Path, strategy: str = "random") -> float:
    """The Trainer of transformers as stanford_alpaca's train.py sets it up."""
    from transformers import Trainer, TrainingArguments

    trainer = Trainer(
        model=model,
        args=TrainingArguments(train_sampling_strategy=strategy, **arguments(folder)),
        train_dataset=[labelled(row) for row in rows],  # type: ignore[arg-type]
        data_collator=lambda batch: padded(batch, token.pad_token_id),
    )
    trainer.train()
    return float(trainer.state.log_history[0]["loss"])


def run_hf_sorted(model: Any, rows: Any, token: Any, folder: Path) -> float:
    """The same, rows of like length together."""
    return run_hf(model, rows, token, folder, "group_by_length")


def run_trl(model: Any, rows: Any, token: Any, folder: Path) -> float:
    """TRL's SFTTrainer with its packing."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    listed = [
        {
            "input_ids": row.tokens.tolist(),
            "completion_mask": [int(place >= row.masked) for place in range(len(row.tokens))],
        }
        for row in rows
    ]
    # A packed row holds several examples: so many rows a step that a step has about as many examples.
    each = max(1, round(MAX_SEQ_LEN / statistics.fmean(len(row.tokens) for row in rows)))
    changed = {
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": max(1, round(WINDOW / each)),
    }
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(packing=True, max_length=MAX_SEQ_LEN, **arguments(folder) | changed),
        train_dataset=Dataset.from_list(listed),
        processing_class=token,
    )
    trainer.train()
    return float(trainer.state.log_history[0]["loss"])


def arguments(folder: Path) -> dict[str, Any]:
    """Stanford's recipe, at the window that all measure with."""
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": MICRO,
        "gradient_accumulation_steps": WINDOW // MICRO,
        "num_train_epochs": 1,
        "learning_rate": 2e-5,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.03,
        "weight_decay": 0.0,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "seed": 0,
    }


def labelled(row: Any) -> dict[str, list[int]]:
    """A row with -100 where nothing is learnt."""
    ids = row.tokens.tolist()
    return {"input_ids": ids, "labels": [-100] * row.masked + ids[row.masked :], "length": len(ids)}  # type: ignore[dict-item]


def padded(batch: list[dict[str, Any]], pad: int) -> dict[str, Any]:
    """Stanford's collator."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids, labels = ([torch.tensor(one[key]) for one in batch] for key in ("input_ids", "labels"))
    input_ids = pad_sequence(ids, batch_first=True, padding_value=pad)
    return {
        "input_ids": input_ids,
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
        "attention_mask": input_ids.ne(pad),
    }


IMPORTED = {
    OURS: ("alpaca_exp.tuning.fit", "pytorch_lightning.trainer.connectors.accelerator_connector"),
    PEERS[0]: ("transformers.trainer", "accelerate"),
    PEERS[1]: ("transformers.trainer", "accelerate"),
    PEERS[2]: ("trl.trainer.sft_trainer", "accelerate", "datasets"),
}
RUNNERS: dict[str, Any] = {
    OURS: run_ours,
    PEERS[0]: run_hf,
    PEERS[1]: run_hf_sorted,
    PEERS[2]: run_trl,
}

if __name__ == "__main__":
    main()

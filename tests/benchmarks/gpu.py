"""Supervised tuning on one GPU: model FLOPs utilisation, tokens a second and memory, beside TRL's packing.

    python -m tests.benchmarks.gpu                        full tuning and LoRA, two rounds each: 10 minutes
    python -m tests.benchmarks.gpu --mode lora --rounds 3
    python -m tests.benchmarks.gpu --dry                  a tiny model on the CPU: that it runs, no figure

A 7B-shaped LLaMA with random weights, in bfloat16 throughout: 13.5 GB of weights, as much of gradients, 27
of AdamW's two moments, so that full tuning fits 80 GB without gradient checkpointing; LoRA has rank 16 on
every linear layer. Alpaca's real rows where they are found, else made ones of the same lengths; windows of
128 examples, micro-batches of 4 x 512 tokens. TRL packs into rows of 512 tokens, four at a time, with
flash attention where it is installed (else its packed examples see one another). Each run is a process of
its own, runs take turns, the first steps are not counted. FLOPs are those of useful tokens, 6 N or 4 N and
attention (alpaca_exp/tuning/capacity.py); utilisation is their share of the data sheet's dense peak.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from alpaca_exp.listening import heard, listening
from alpaca_exp.schemas import LoggerConfig, LoraTrainerConfig, PretrainedModelConfig, RuntimeConfig
from alpaca_exp.schemas import TrainerConfig as FullTrainerConfig
from alpaca_exp.tuning import capacity, devices
from alpaca_exp.tuning.shapes import Shape
from tests.benchmarks.alpaca_rows import VOCABULARY, examples, tokenizer

OURS, TRL = "ours", "TRL packing"
MODES = ("full", "lora")
MICRO, MAX_SEQ_LEN, RANK = 4, 512, 16
BARS = {"ratio": 1.15, "utilisation": 0.40}


@dataclass(frozen=True)
class Size:
    """What is trained on how much."""

    shape: Shape
    rows: int
    window: int
    skipped: int
    """Steps at the beginning that are not counted."""


REAL = Size(Shape(32, 4096, 32, 32, 128, 11008, VOCABULARY, vectors=8192, last_vectors=4096), 1536, 128, 3)
DRY = Size(Shape(2, 64, 2, 2, 32, 128, VOCABULARY, vectors=128, last_vectors=64), 24, 4, 2)


@dataclass(frozen=True)
class Run:
    """One measured run."""

    tokens_per_s: float
    flops_per_s: float
    memory: int
    """Bytes that tensors took on the GPU at the peak; of the process, on a CPU."""
    gpu: str
    attention: str


def main() -> None:
    """Measure, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--data", type=Path, help="instruction data in Alpaca's format")
    parser.add_argument("--dry", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--one", choices=(OURS, TRL), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        print(json.dumps(asdict(measured(told.one, told.mode[0], told.data, told.dry))))
        return
    if not told.dry and not devices.gpus():
        raise SystemExit(
            "This benchmark wants a CUDA GPU, and nvidia-smi shows none; --dry tries it out on the CPU"
        )
    who = [OURS, *([TRL] if importlib.util.find_spec("trl") else [])]
    if len(who) == 1:
        print("trl is not installed: only ours is measured")
    rows = [compared(mode, who, told) for mode in told.mode or MODES]
    print(json.dumps(summary(rows, told.dry)))


def summary(rows: Sequence[dict[str, Any]], dry: bool) -> dict[str, Any]:
    """The last line."""
    size = DRY if dry else REAL
    return {
        "name": "gpu",
        **{key: rows[0][key] for key in ("ratio", "ours", "peer")},
        "unit": "useful tokens a second",
        "machine": f"{rows[0]['gpu']}, {platform.machine()}",
        "threads": os.cpu_count(),
        "n": size.rows,
        "bars": BARS,
        "rows": rows,
    }


def compared(mode: str, who: Sequence[str], told: argparse.Namespace) -> dict[str, Any]:
    """Ours beside the peer: medians over the rounds, whose runs take turns."""
    runs: dict[str, list[Run]] = {one: [] for one in who}
    for round in range(told.rounds):
        for one in who:
            run = apart(one, mode, told.data, told.dry)
            runs[one].append(run)
            share = utilisation(run)
            reached = "" if share is None else f", {share:.1%} of the peak"
            print(
                f"{mode}, round {round + 1}, {one}: {run.tokens_per_s:,.0f} useful tokens a second{reached}, "
                f"{run.memory / 1e9:.1f} GB ({run.attention})",
                flush=True,
            )
    return row(mode, runs[OURS], runs.get(TRL, []))


def row(mode: str, ours: Sequence[Run], peer: Sequence[Run]) -> dict[str, Any]:
    """One case of the last line; null where there is nothing to compare with."""
    ratios = [mine.tokens_per_s / other.tokens_per_s for mine, other in zip(ours, peer, strict=False)]
    shares = [share for run in ours if (share := utilisation(run)) is not None]
    return {
        "case": mode,
        "ratio": round(statistics.median(ratios), 3) if ratios else None,
        "range": [round(min(ratios), 3), round(max(ratios), 3)] if ratios else None,
        "ours": round(statistics.median(run.tokens_per_s for run in ours), 1),
        "peer": round(statistics.median(run.tokens_per_s for run in peer), 1) if peer else None,
        "peer_name": TRL,
        "utilisation": round(statistics.median(shares), 4) if shares else None,
        "memory_gb": round(max(run.memory for run in ours) / 1e9, 2),
        "peer_memory_gb": round(max(run.memory for run in peer) / 1e9, 2) if peer else None,
        "attention": {OURS: ours[0].attention, **({TRL: peer[0].attention} if peer else {})},
        "gpu": ours[0].gpu,
    }


def utilisation(run: Run) -> float | None:
    """Useful FLOPs over the GPU's peak; None where the data sheet is not known."""
    gpu = devices.known(run.gpu)
    return run.flops_per_s / gpu.flops if gpu and gpu.flops else None


def apart(one: str, mode: str, data: Path | None, dry: bool) -> Run:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--one", one, "--mode", mode]
    command += ["--data", str(data)] * bool(data) + ["--dry"] * dry
    done = subprocess.run(
        command, env=os.environ | {"TOKENIZERS_PARALLELISM": "false"}, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{one} failed:\n{done.stderr[-3000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def measured(one: str, mode: str, data: Path | None, dry: bool) -> Run:
    """Train, and count what is useful of the steps behind the first ones."""
    import torch

    size = DRY if dry else REAL
    token = tokenizer(data)
    from alpaca_exp.tuning.tokens import tokenise

    pool = examples(data)
    drawn = Random(0).sample(pool, min(size.rows, len(pool)))
    rows = tokenise(drawn, token, FullTrainerConfig(max_seq_len=MAX_SEQ_LEN)).rows
    model = llama(size.shape, "cpu" if dry else "cuda")
    with tempfile.TemporaryDirectory() as folder:
        tokens, seconds, attention = RUNNERS[one](model, rows, token, mode, size, Path(folder), dry)
    lengths = [len(row.tokens) - 1 for row in rows]
    return Run(
        tokens / seconds,
        useful_flops(size.shape, mode, lengths) * tokens / sum(lengths) / seconds,
        _rss_peak() if dry else torch.cuda.max_memory_allocated(),
        "CPU" if dry else torch.cuda.get_device_name(),
        attention,
    )


def useful_flops(shape: Shape, mode: str, lengths: Sequence[int]) -> float:
    """Of one pass over sequences of those lengths: 6 N or 4 N a token, and causal attention within each."""
    base = PretrainedModelConfig(path="", dtype="bfloat16")
    method = capacity.method_of(trainer(mode), base, gpu=True)
    squares = sum(length * length for length in lengths)
    return capacity.flops(shape, method, sum(lengths), squares / sum(lengths))


def trainer(mode: str) -> FullTrainerConfig:
    """What the project calls that training."""
    if mode == "lora":
        return LoraTrainerConfig(precision="bf16-true", lora_rank=RANK, lora_dropout=0.0)
    return FullTrainerConfig(precision="bf16-true")


def llama(shape: Shape, device: str) -> Any:
    """Random weights in bfloat16, made where they will be used."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
    )
    made: Any = AutoModelForCausalLM
    with torch.device(device):
        return made.from_config(config, dtype=torch.bfloat16)


def run_ours(
    model: Any, rows: Any, token: Any, mode: str, size: Size, folder: Path, dry: bool
) -> tuple[int, float, str]:
    """The project's own training loop; it shows each of its steps, and they are listened to."""
    from alpaca_exp.tuning.adapters import attach
    from alpaca_exp.tuning.data import Windows
    from alpaca_exp.tuning.fit import fit
    from alpaca_exp.tuning.module import Recipe
    from alpaca_exp.tuning.schedules import warmed_up

    told = trainer(mode)
    if isinstance(told, LoraTrainerConfig):
        model = attach(model, told, 0).get_base_model()
    windows = Windows(rows, batch_size=size.window, micro_batch_size=MICRO, seed=0, pad=token.pad_token_id)
    steps = len(windows)
    recipe = Recipe(steps, 2e-5, warmed_up("cosine", steps, 0.03), 0.999, 0.0, 1.0, 0, told.precision, "")
    with listening(folder / "heard"):
        fit(
            model,
            windows,
            recipe,
            title="ours",
            runtime=RuntimeConfig(accelerator="cpu" if dry else "gpu", num_threads=1 if dry else None),
            logger=LoggerConfig(every_n_steps=1),
            out=folder,
        )
    told_of = [piece for piece in heard(folder / "heard")[0].pieces if piece[1]]
    done = shown_after(told_of, size.skipped)
    tokens = sum(windows.window(step).tokens - size.window for step in range(done[0], steps))
    return tokens, done[2] - done[1], "varlen_attn" if windows.packed else "padded"


def shown_after(pieces: Sequence[tuple[float, int]], skipped: int) -> tuple[int, float, float]:
    """The first number of steps shown that is `skipped` or more, its time, and that of the last step."""
    count = 0
    for at, n in pieces:
        count += n
        if count >= skipped:
            return count, at, pieces[-1][0]
    raise SystemExit(f"{count} steps are too few: {skipped} of them are not counted")


def run_trl(
    model: Any, rows: Any, token: Any, mode: str, size: Size, folder: Path, dry: bool
) -> tuple[int, float, str]:
    """TRL's SFTTrainer with its packing, as its documentation sets it up."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    attention = "flash_attention_2" if importlib.util.find_spec("flash_attn") else "sdpa"
    model.set_attn_implementation(attention)
    marks: dict[int, float] = {}

    class Clock(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in (size.skipped, state.max_steps):
                if not dry:
                    torch.cuda.synchronize()
                marks[state.global_step] = time.monotonic()

    listed = [
        {
            "input_ids": row.tokens.tolist(),
            "completion_mask": [int(place >= row.masked) for place in range(len(row.tokens))],
        }
        for row in rows
    ]
    each = max(1.0, MAX_SEQ_LEN / statistics.fmean(len(row.tokens) for row in rows))
    micro = 1 if dry else MICRO
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder),
            packing=True,
            max_length=MAX_SEQ_LEN,
            per_device_train_batch_size=micro,
            # A packed row holds several examples: so many rows a step that it has about as many examples.
            gradient_accumulation_steps=max(1, round(size.window / each / micro)),
            num_train_epochs=1,
            learning_rate=2e-5,
            lr_scheduler_type="cosine",
            optim="adamw_torch_fused",
            bf16=not dry,
            use_cpu=dry,
            gradient_checkpointing=False,
            report_to=[],
            save_strategy="no",
            logging_steps=10_000,
            disable_tqdm=True,
            seed=0,
        ),
        train_dataset=Dataset.from_list(listed),
        processing_class=token,
        peft_config=LoraConfig(r=RANK, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear")
        if mode == "lora"
        else None,
        callbacks=[Clock()],
    )
    trainer.train()
    last = max(marks)
    if last <= size.skipped:
        raise SystemExit(f"{last} steps are too few: {size.skipped} of them are not counted")
    every = sum(len(row.tokens) - 1 for row in rows)
    return round(every * (last - size.skipped) / last), marks[last] - marks[size.skipped], attention


def _rss_peak() -> int:
    from alpaca_exp.listening import peak

    return peak()


RUNNERS: dict[str, Any] = {OURS: run_ours, TRL: run_trl}

if __name__ == "__main__":
    main()

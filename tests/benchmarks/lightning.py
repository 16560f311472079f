"""What a training's frame costs: `fit` (Lightning, metrics, progress, checkpoints) beside a bare loop.

    python -m tests.benchmarks.lightning

At the miniature's step, the smallest that anyone takes: 32 rows of some 25 tokens, a LLaMA of 2 x 24. The
bare loop has the same windows, loss, optimizer and schedule, and nothing else. Both run in turns in one
process, at one thread; counted is the CPU time from the 21st window handed out to the last.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from alpaca_exp.schemas import LoggerConfig, RuntimeConfig
from alpaca_exp.tuning import optimizers
from alpaca_exp.tuning.data import Window, Windows
from alpaca_exp.tuning.fit import fit
from alpaca_exp.tuning.loss import ready
from alpaca_exp.tuning.module import Learner, Recipe
from alpaca_exp.tuning.packing import cpu_tokens
from alpaca_exp.tuning.schedules import warmed_up
from alpaca_exp.tuning.tokens import TokenRow

VOCABULARY, ROWS, EPOCHS, WINDOW = 1000, 1920, 2, 32
WARM, ROUNDS = 20, 9
BAR = 0.10


class Timed(Windows):
    """Notes the CPU time at which each window is asked for."""

    def window(self, step: int) -> Window:
        """As it is."""
        self.times = [*getattr(self, "times", ()), time.process_time()]
        return super().window(step)

    @property
    def seconds_a_step(self) -> float:
        """Behind the first ones."""
        return (self.times[-1] - self.times[WARM]) / (len(self.times) - 1 - WARM)


def main() -> None:
    """Measure, and print the figures as the last line."""
    torch.set_num_threads(1)
    runs: dict[str, list[float]] = {"ours": [], "bare": []}
    for round in range(ROUNDS):
        for name, run in (("ours", framed), ("bare", bare)):
            runs[name].append(measured(run))
        print(
            f"round {round + 1}: fit {1e3 * runs['ours'][-1]:.2f} ms a step, "
            f"the bare loop {1e3 * runs['bare'][-1]:.2f} ms",
            flush=True,
        )
    ours, peer = (statistics.median(runs[name]) for name in ("ours", "bare"))
    ratios = [mine / theirs for mine, theirs in zip(runs["ours"], runs["bare"], strict=True)]
    ratio = statistics.median(ratios)
    print(
        f"overhead {100 * (ratio - 1):.1f} % of the bare loop's step ({100 * (min(ratios) - 1):.1f} to "
        f"{100 * (max(ratios) - 1):.1f}); the bar is under {100 * BAR:.0f} %"
    )
    row = {
        "case": "miniature",
        "ratio": round(ratio, 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "ours": round(1e3 * ours, 2),
        "peer": round(1e3 * peer, 2),
        "peer_name": "a bare loop",
    }
    print(
        json.dumps(
            {
                "name": "lightning",
                **{key: row[key] for key in ("ratio", "ours", "peer")},
                "unit": "CPU milliseconds a step",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "threads": 1,
                "n": len(windows()),
                "rows": [row],
            }
        )
    )


def measured(run: Callable[[LlamaForCausalLM, Timed, Recipe], None]) -> float:
    """CPU seconds a step."""
    given = windows()
    schedule = warmed_up("linear", len(given), 0.1)
    recipe = Recipe(
        steps=len(given),
        learning_rate=2e-4,
        schedule=schedule,
        beta2=0.98,
        weight_decay=0.0,
        max_grad_norm=1.0,
        seed=0,
        precision="32-true",
        setting="trainer.learning_rate",
    )
    run(llama(), given, recipe)
    return given.seconds_a_step


def framed(model: LlamaForCausalLM, given: Timed, recipe: Recipe) -> None:
    """The project's own."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = RuntimeConfig(accelerator="cpu", num_threads=1)
        fit(model, given, recipe, title="t", runtime=runtime, logger=LoggerConfig(), out=Path(folder))


def bare(model: LlamaForCausalLM, given: Timed, recipe: Recipe) -> None:
    """What cannot be left out."""
    with ready(model, pack=True) as abilities:
        given.packed = abilities.packs
        given.limit(cpu_tokens(model))
        learner = Learner(model, abilities.splits)
        optimizer: Any = optimizers.build(learner.parameters(), recipe)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.schedule)
        parameters = list(learner.parameters())
        for window in given:
            for batch in window.micro_batches:
                (learner(batch) / window.label_tokens).backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, recipe.max_grad_norm)
            if not math.isfinite(norm):
                raise SystemExit("diverged")
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()


def windows() -> Timed:
    """Rows as long as the miniature's."""
    rng = np.random.default_rng(0)
    rows = [
        TokenRow(rng.integers(0, VOCABULARY, size=length).astype(np.int32), int(length) - 8)
        for length in rng.integers(16, 36, size=ROWS)
    ]
    return Timed(rows, batch_size=WINDOW, micro_batch_size=WINDOW, epochs=EPOCHS, seed=0)


def llama() -> LlamaForCausalLM:
    """The miniature's small one."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=24,
            intermediate_size=72,
            num_hidden_layers=2,
            num_attention_heads=2,
            tie_word_embeddings=True,
        )
    ).train()


if __name__ == "__main__":
    main()

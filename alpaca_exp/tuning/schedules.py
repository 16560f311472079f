"""Learning rates over a training, as factors of the peak: pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]
"""From an optimizer step, counted from 0, to a factor of the peak learning rate."""


def warmed_up(shape: str, steps: int, warmup_ratio: float, warmup_steps: int | None = None) -> Schedule:
    """Hugging Face's schedules, which Stanford used: the first update has rate 0, then up, then `shape`.

    `shape` is cosine (half a wave down to 0), linear (down to 0) or constant. `warmup_steps`, where given,
    are instead of the ratio.
    """
    warmup = math.ceil(steps * warmup_ratio) if warmup_steps is None else warmup_steps

    def factor(step: int) -> float:
        if step < warmup:
            return step / warmup
        done = min(1.0, (step - warmup) / max(1, steps - warmup))
        return {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[shape]

    return factor


def trapezoid(steps: int, warmup_ratio: float, decay_ratio: float) -> Schedule:
    """Up within the first `warmup_ratio` of the steps, level, down over the last `decay_ratio` of them."""
    warmup, decay = max(1.0, steps * warmup_ratio), max(1.0, steps * decay_ratio)
    return lambda step: max(0.0, min(1.0, (step + 1) / warmup, (steps - step) / decay))

"""What the command does on the second and any further machine of one training: its share, and nothing else.

The first machine runs the experiment. The others wait until a training's inputs are made, join it, and
wait for its record: no plan, lock, journal or run of theirs. All see the same `runtime.outputs`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from alpaca_exp.artifacts import Artifact, Stage, find

TRAININGS = ("pretrain", "train")
POLL_S = 0.5


def follow(stages: Mapping[str, Stage], outputs: Path, poll_s: float = POLL_S) -> None:
    """Take part in each training of `stages` that is still to be made. Raises what the trainings raise."""
    for stage in stages.values():
        if stage.name not in TRAININGS or find(stage, outputs):
            continue
        inputs = {name: _awaited(needed, outputs, poll_s) for name, needed in stage.inputs.items()}
        if not find(stage, outputs):
            stage.function(**stage.config, **inputs, **stage.runtime, out=stage.path(outputs))
            _awaited(stage, outputs, poll_s)


def _awaited(stage: Stage, outputs: Path, poll_s: float) -> Artifact:
    while (found := find(stage, outputs)) is None:
        time.sleep(poll_s)
    return found

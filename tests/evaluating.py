"""An evaluation as a process of its own, to be killed: MODEL MIRROR OUT TASK..."""

from __future__ import annotations

import sys
from pathlib import Path

from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.schemas import EvalSuiteConfig, PretrainedModelConfig, RuntimeConfig
from alpaca_exp.stages.evaluate import evaluate


def evaluated(model: Path, mirror: Path, out: Path, tasks: list[str]) -> Path:
    """Score `tasks` with the weights in `model`, at the stage's folder `out`."""
    suite = EvalSuiteConfig(tasks=tasks, mirror=mirror)
    out.mkdir(exist_ok=True)
    weights = PretrainedModelConfig(path=str(model))
    evaluate(suite, mirror_files(suite), "0", weights, runtime=RuntimeConfig(offline=True), out=out)
    return out


if __name__ == "__main__":
    folders = [Path(word) for word in sys.argv[1:4]]
    evaluated(folders[0], folders[1], folders[2], sys.argv[4:])

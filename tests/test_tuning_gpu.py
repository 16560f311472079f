"""The benchmark for a GPU, where there is none: its arithmetic, its sentence, and that it runs on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import gpu
from tests.benchmarks.gpu import OURS, REAL, TRL, Run, row, shown_after, useful_flops, utilisation
from tests.stories import ROOT


def a_run(tokens_per_s: float, flops_per_s: float = 4e14, name: str = "NVIDIA H100 80GB HBM3") -> Run:
    return Run(tokens_per_s, flops_per_s, 70_000_000_000, name, "varlen_attn")


def test_the_model_has_seven_billion_parameters() -> None:
    assert REAL.shape.parameters == 6_738_415_616


def test_useful_flops_are_6n_or_4n_and_attention_within_each_sequence() -> None:
    multiplied, attention = REAL.shape.multiplied, 6 * 32 * 4096
    full = useful_flops(REAL.shape, "full", [100, 300])
    assert full == pytest.approx(400 * 6 * multiplied + attention * (100**2 + 300**2))
    adapters = 6 * 16 * 32 * (4 * 8192 + 3 * (4096 + 11008))
    lora = useful_flops(REAL.shape, "lora", [100, 300])
    assert lora == pytest.approx(400 * (4 * multiplied + adapters) + attention * (100**2 + 300**2))


def test_utilisation_is_a_share_of_the_cards_peak() -> None:
    assert utilisation(a_run(1, 989e12 / 2)) == pytest.approx(0.5)
    assert utilisation(a_run(1, name="CPU")) is None


def test_ratios_are_of_runs_that_took_turns() -> None:
    told = row("full", [a_run(120), a_run(90), a_run(130)], [a_run(100), a_run(60), a_run(100)])
    assert told["ratio"] == 1.3 and told["range"] == [1.2, 1.5]
    assert told["peer_name"] == TRL and told["utilisation"] == pytest.approx(4e14 / 989e12, abs=1e-4)
    alone = row("full", [a_run(120)], [])
    assert alone["ratio"] is None and alone["peer"] is None


def test_the_first_steps_are_not_counted() -> None:
    assert shown_after([(1.0, 1), (2.0, 1), (3.5, 2), (5.0, 1)], 3) == (4, 3.5, 5.0)
    with pytest.raises(SystemExit, match="2 steps are too few"):
        shown_after([(1.0, 1), (2.0, 1)], 3)


def test_without_a_gpu_it_says_so_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpaca_exp.tuning.devices.gpus", lambda: ())
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit, match="wants a CUDA GPU"):
        gpu.main()


@pytest.mark.long
def test_it_runs_dry_on_a_cpu() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--dry", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["name"] == "gpu" and [one["case"] for one in told["rows"]] == ["full", "lora"]
    assert all(one["ours"] > 0 and OURS in one["attention"] for one in told["rows"])

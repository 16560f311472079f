"""What all command lines share: the outputs folder by any of its names, and readers that leave early."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alpaca_exp import store, variants
from alpaca_exp.commands import spelt
from alpaca_exp.report.__main__ import main as report
from tests.made_outputs import filled
from tests.stories import ROOT


@pytest.mark.parametrize(
    "words",
    [
        ["alpaca_exp", "--multirun", "+sweep=feedback", "action=plan", "teacher.seed=0"],
        ["alpaca_exp", "--help"],
        ["alpaca_exp.store", "list"],
        ["alpaca_exp.variants", "list"],
        ["alpaca_exp.report"],
    ],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough_ends_nothing_with_an_error(words: list[str], tmp_path: Path) -> None:
    filled(tmp_path / "outputs")
    seen, ours = os.pipe()
    os.close(seen)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", *words], stdout=ours, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=env
    )
    os.close(ours)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("main", "words"),
    [(store.main, ["list"]), (store.main, ["gc"]), (variants.main, ["list"]), (report, [])],
    ids=["store list", "store gc", "variants list", "report"],
)
def test_every_command_finds_outputs_by_each_of_its_names(
    main: Callable[[list[str]], int | None],
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "else where"
    filled(place)
    said = []
    for named in (
        [str(place)],
        ["--outputs", str(place)],
        [f"--outputs={place}"],
        [f"runtime.outputs={place}"],
    ):
        assert not main([*words, *named])
        said.append(sorted(line.split(" ")[0] for line in capsys.readouterr().out.splitlines()))
    assert said[0] and all(one == said[0] for one in said)


def test_why_takes_the_folder_as_an_option_among_the_overrides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["why", "+experiment=cleaned", "--outputs", str(tmp_path / "it's here"), "seed=1"]
    assert store.main(words) == 0
    assert f"was ever made under {tmp_path}/it's here" in capsys.readouterr().out


def test_of_two_folders_the_last_one_counts() -> None:
    assert spelt(["list", "--outputs", "a", "runtime.outputs=b"]) == ["list", "--outputs=b"]
    assert spelt(["list", "--outputs"]) == ["list", "--outputs"], "what is missing is said by the parser"

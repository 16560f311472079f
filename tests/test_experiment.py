"""One experiment from its configuration to its end, with stages that only pretend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import experiment
from alpaca_exp.artifacts import Artifact, Stage
from alpaca_exp.compose import compose
from alpaca_exp.errors import AlpacaExpError, BudgetReached, InputError
from tests.made_outputs import Outputs


@pytest.mark.parametrize(("error", "refused"), [(BudgetReached("no more"), False), (InputError("bad"), True)])
def test_scores_are_shown_also_where_what_follows_does_not_end(
    error: AlpacaExpError,
    refused: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = Outputs(tmp_path / "outputs")

    def pretended(stage: Stage, outputs: Path, **_: Any) -> Artifact:
        if stage.name == "evaluate":
            made.evaluation(stage.fingerprint, 0.5)
            (made.path / "evaluate" / f"e-{stage.fingerprint}").rename(stage.path(outputs))
        elif stage.name == "complete":
            raise error
        return Artifact(stage.path(outputs))

    monkeypatch.setattr(experiment, "run", pretended)
    config = compose(["world=tiny", f"runtime.outputs={made.path}"])
    with pytest.raises(type(error)):
        experiment.perform(config, folder=tmp_path, choices={}, overrides=[])
    assert "world_truth.acc  0.500     0.020  400   0.250" in capsys.readouterr().err
    row = json.loads((tmp_path / "run.json").read_text())
    assert (row["status"], row.get("refused", False)) == ("failed" if refused else "stopped", refused)

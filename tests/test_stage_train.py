from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import Frame, PretrainedModelConfig, Truncation
from tests.tunings import ROWS, TRAINER, tune


def test_a_tuned_model_loads_as_hugging_face_models_do(
    uninterrupted: dict[str, bytes], tmp_path: Path, base: PretrainedModelConfig
) -> None:
    for name, content in uninterrupted.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(content)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.pad_token == "[PAD]"
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert len(model.get_input_embeddings().weight) == len(tokenizer)
    assert model(**tokenizer("Add 1 and 2.", return_tensors="pt")).logits.isfinite().all()


def test_only_the_promised_files_are_left_and_none_names_a_path(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig
) -> None:
    names = {"model", "metrics.csv", "tokens.json", "lints.json"}
    assert {name.split("/")[0] for name in uninterrupted} == names
    assert not [name for name, content in uninterrupted.items() if base.path.encode() in content]


def test_metrics_say_what_happened(uninterrupted: dict[str, bytes]) -> None:
    header, *lines = uninterrupted["metrics.csv"].decode().splitlines()
    assert header == "step,epoch,loss,learning_rate,tokens,grad_norm"
    assert [line.split(",")[0] for line in lines] == ["3", "6", "8"]
    losses = [float(line.split(",")[2]) for line in lines]
    assert losses[0] > losses[-1]


def test_a_second_training_leaves_the_same_bytes(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def test_nothing_is_said_by_libraries(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tune(base, dataset, tmp_path / "out")
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_lower_precisions_train_and_keep_their_number_format(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, precision: str
) -> None:
    tune(base, dataset, tmp_path / "out", trainer=replace(TRAINER, precision=precision, epochs=1))
    weights = load_file(tmp_path / "out" / "model" / "model.safetensors")
    expected = torch.float32 if precision == "bf16-mixed" else torch.bfloat16
    assert {weight.dtype for weight in weights.values()} == {expected}


@pytest.mark.parametrize("path", ["./no/such/folder", "nobody/no-such-model"])
def test_a_model_that_is_not_there_is_one_sentence(dataset: Artifact, tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError) as raised:
        tune(PretrainedModelConfig(path=path), dataset, tmp_path / "out")
    assert path in str(raised.value)
    assert "\n" not in str(raised.value)


def test_answers_beyond_the_limit_are_one_sentence(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"None of the 30 examples .*max_seq_len \(16\)"):
        tune(base, dataset, tmp_path / "out", trainer=replace(TRAINER, max_seq_len=16))


MOST = 40
"""Tokens: some examples are longer, some are not."""


def tokens_of(out: Path) -> dict[str, int]:
    loaded: dict[str, int] = json.loads((out / "tokens.json").read_text())
    return loaded


def test_each_switch_of_the_data_does_what_it_is_called(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    def counts(name: str, **switch: Any) -> dict[str, int]:
        tune(base, dataset, tmp_path / name, trainer=replace(TRAINER, epochs=1, **switch))
        return tokens_of(tmp_path / name)

    plain = counts("default")
    assert plain["truncated"] == plain["left_out"] == 0
    endless = counts("endless", end_token=False)
    assert plain["label_tokens"] - endless["label_tokens"] == len(ROWS)
    whole = counts("whole", mask_prompt=False)
    assert whole["label_tokens"] == whole["tokens"] - len(ROWS) > plain["label_tokens"]
    bare = counts("bare", frame=Frame.plain)
    assert bare["tokens"] < plain["tokens"] and bare["label_tokens"] == plain["label_tokens"]


def test_long_examples_are_cut_or_left_out_and_the_words_say_which(
    base: PretrainedModelConfig,
    dataset: Artifact,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for truncation in Truncation:
        trainer = replace(TRAINER, epochs=1, max_seq_len=MOST, truncation=truncation)
        tune(base, dataset, tmp_path / truncation.name, trainer=trainer)
        said = capsys.readouterr().err
        counted = tokens_of(tmp_path / truncation.name)
        cut = truncation is Truncation.cut
        assert 0 < counted["truncated"] < len(ROWS)
        assert counted["left_out"] == (0 if cut else counted["truncated"])
        assert f"are longer than trainer.max_seq_len={MOST} and are {'cut' if cut else 'left out'};" in said
        assert f"would {'cut' if cut else 'leave out'} under 1%" in said
        assert (
            "teach no end of the answer" in (tmp_path / truncation.name / "lints.json").read_text()
        ) == cut


def test_an_end_that_is_not_to_be_learnt_is_not_missed(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune(base, dataset, tmp_path / "out", trainer=replace(TRAINER, epochs=1, end_token=False))
    assert capsys.readouterr().err == ""

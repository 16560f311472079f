from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alpaca_exp.artifacts import Artifact
from alpaca_exp.prompts import framed
from alpaca_exp.schemas import (
    FileModelConfig,
    Frame,
    LoraTrainerConfig,
    NoTrainerConfig,
    Optimizer,
    PretrainedModelConfig,
    TrainerConfig,
)
from alpaca_exp.tuning.card import Tuned, adapter_card, model_card


@pytest.fixture
def tuned(tmp_path: Path) -> Tuned:
    (tmp_path / "dataset.jsonl").write_text("{}\n")
    lineage = {"source": "alpaca", "teacher": "gpt-4", "cap": {"sentence": 100}, "cleaning": ["rules"]}
    (tmp_path / "card.json").write_text(json.dumps({"lineage": lineage}))
    record = {"fingerprint": "0123456789abcdef", "files": {}, "usage": {}}
    (tmp_path / "record.json").write_text(json.dumps(record))
    (tmp_path / "metrics.csv").write_text(
        "step,epoch,loss,learning_rate,tokens\n5,1,2.5,1e-4,900\n9,2,1.25,0,1800\n"
    )
    return Tuned(
        base_model=PretrainedModelConfig(path="EleutherAI/pythia-1b", revision="r1", licence="Apache-2.0"),
        trainer=TrainerConfig(learning_rate=3e-4, optimizer=Optimizer.adafactor),
        seed=7,
        dataset=Artifact(tmp_path),
        tokens={"examples": 52000, "truncated": 12, "left_out": 3},
        added=["[PAD]"],
        architecture={"model_type": "gpt_neox", "hidden_size": 2048, "num_hidden_layers": 16},
        parameters=1_011_781_632,
        metrics=tmp_path / "metrics.csv",
    )


def front(card: str) -> dict[str, object]:
    """What the hub reads."""
    loaded: dict[str, object] = yaml.safe_load(card.split("---")[1])
    return loaded


def test_a_card_says_what_the_model_is_and_how_it_came_about(tuned: Tuned) -> None:
    card = model_card(tuned)
    for told in (
        "| name | EleutherAI/pythia-1b |",
        "| revision | r1 |",
        "| licence | Apache-2.0 |",
        "1,011,781,632 parameters",
        "| tokens added | [PAD] |",
        "| fingerprint | 0123456789abcdef |",
        "| teacher | gpt-4 |",
        "| cap | sentence: 100 |",
        "| learning_rate | 0.0003 | 2e-05 |",
        "| optimizer | adafactor | adamw |",
        "| epochs | 3 |  |",
        "| seed | 7 |",
        "| tokens seen | 1,800 |",
        "final loss | 1.2500",
        "torch ",
        "AutoModelForCausalLM.from_pretrained",
        "vllm serve",
        framed(Frame.alpaca, "{instruction}"),
        "python -m alpaca_exp.report",
        "## Not tested",
    ):
        assert told in card, told
    assert "micro_batch_size" not in card.replace("loss_micro_batch", "")
    assert front(card)["license"] == "apache-2.0" and front(card)["base_model"] == "EleutherAI/pythia-1b"


def test_an_adapters_card_tells_how_to_put_it_on_its_base(tuned: Tuned) -> None:
    card = adapter_card(replace(tuned, trainer=LoraTrainerConfig(lora_rank=4)))
    assert "| lora_rank | 4 | 16 |" in card and "PeftModel.from_pretrained(base" in card
    assert 'from_pretrained("EleutherAI/pythia-1b", revision="r1")' in card
    assert front(card)["library_name"] == "peft"


def test_a_licence_that_the_hub_has_no_name_for_is_told_in_its_own_words(tuned: Tuned) -> None:
    base = PretrainedModelConfig(path="huggyllama/llama-7b", licence='LLaMA: "research" only')
    told = front(model_card(replace(tuned, base_model=base)))
    assert told["license"] == "other" and told["license_name"] == 'LLaMA: "research" only'


def test_a_local_base_is_known_by_its_content_and_not_by_its_place(tuned: Tuned, tmp_path: Path) -> None:
    folder = tmp_path / "my-llama"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    card = model_card(replace(tuned, base_model=PretrainedModelConfig(path=str(folder))))
    assert "| name | my-llama |" in card and str(tmp_path) not in card and "sha256" in card
    assert not {"base_model", "license"} & set(front(card))


def test_a_base_that_was_made_here_is_known_by_its_fingerprint(tuned: Tuned) -> None:
    made = FileModelConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    card = model_card(replace(tuned, base_model=made, base=tuned.dataset))
    assert "stage pretrain, fingerprint 0123456789abcdef" in card


def test_a_value_with_a_bar_or_a_line_break_breaks_no_table(tuned: Tuned) -> None:
    trainer = NoTrainerConfig(precision="a|b\nc")
    assert "| precision | a\\|b c | 32-true |" in model_card(replace(tuned, trainer=trainer))

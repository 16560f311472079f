"""A folder that cannot be the model is named before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.llm.folders import folder_problems
from tests.models import tiny_llama


def problems(folder: Path) -> list[str]:
    return list(folder_problems(folder, "base_model.path"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "model")


def test_a_whole_model_has_nothing_to_be_named(folder: Path) -> None:
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("config.json", "is no model: it has no config.json that can be read"),
        ("model.safetensors", "holds no weights"),
        ("tokenizer.json", "holds no tokenizer"),
    ],
)
def test_what_is_missing_is_named(folder: Path, missing: str, sentence: str) -> None:
    (folder / missing).unlink()
    (problem,) = problems(folder)
    assert sentence in problem and str(folder) in problem


def test_a_tokenizer_with_more_tokens_than_the_model_has_rows_is_named_before_the_work(folder: Path) -> None:
    from transformers import AutoTokenizer

    from alpaca_exp.compose import compose
    from alpaca_exp.plan import plan
    from alpaca_exp.readiness import obstacles

    rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"word{number}" for number in range(9)])
    tokenizer.save_pretrained(folder)
    sentence = f"has {rows + 9:,} tokens, but its model has rows for {rows:,}; they do not belong together"
    (problem,) = problems(folder)
    assert sentence in problem
    words = ["world=tiny", "base_model=pretrained", f"base_model.path={folder}"]
    config = compose(words)
    assert sum(sentence in one for one in obstacles(plan(config), config)) == 1


def test_a_judge_without_a_chat_template_is_named_before_the_work(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from alpaca_exp.compose import compose
    from alpaca_exp.plan import plan
    from alpaca_exp.readiness import obstacles

    def said(*words: str) -> list[str]:
        told = ["world=tiny", "judge=transformers", f"judge.path={folder}", "judge.model=me"]
        config = compose([*told, f"runtime.outputs={tmp_path / 'outputs'}", *words])
        return obstacles(plan(config), config)

    [problem] = said()
    assert "judge.endpoint=chat; set judge.endpoint=completions" in problem and str(folder) in problem
    assert said("judge.endpoint=completions") == []
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(folder)
    assert said() == []


def test_what_a_file_does_not_tell_is_left_to_the_loading(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    assert problems(folder) == []
    (folder / "config.json").write_text('{"model_type": "llama"}')
    assert problems(folder) == []
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    assert problems(folder) == []

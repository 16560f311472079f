"""A server's model as the one that is measured: what it can be combined with, and what a plan says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.ledger import consumed
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import read_jsonl, write_jsonl
from alpaca_exp.schemas import (
    ApiModelConfig,
    Endpoint,
    FileQuestionsConfig,
    Frame,
    RuntimeConfig,
)
from alpaca_exp.stages.complete import complete
from tests.servers import Server

PRICES = {"usd_per_million_in": 1.0, "usd_per_million_out": 4.0}


def test_the_questions_are_asked_as_they_stand(tmp_path: Path) -> None:
    out = tmp_path / "outputs" / "complete" / "0123456789abcdef"
    out.mkdir(parents=True)
    write_jsonl([{"question_id": 1, "text": "Why?", "category": "talk"}], tmp_path / "questions.jsonl")
    questions = FileQuestionsConfig(file=tmp_path / "questions.jsonl", max_tokens=12)
    with Server(lambda body, number: "Because.") as server:
        model = ApiModelConfig(model="fake", base_url=server.base_url, max_retries=0, **PRICES)
        complete(questions, Frame.alpaca, 0, model, runtime=RuntimeConfig(), out=out)
        assert server.prompts() == ["Why?"]
    [row] = read_jsonl(out / "completions.jsonl")
    assert (row["prompt"], row["text"], row["model"]) == ("Why?", "Because.", "fake")
    assert consumed(out).usd > 0


def test_what_a_server_s_model_cannot_be_combined_with_is_one_sentence() -> None:
    for words in (["trainer=none"], ["dataset_variant=none"], ["+experiment=cleaned"]):
        with pytest.raises(ConfigError, match="cannot be tuned; add trainer=none dataset_variant=none"):
            compose([*words, "base_model=api"])
    untuned = ["+experiment=base", "base_model=api"]
    for more, told in {
        "teacher=base_model": "base_model=api has none",
        "eval_suite.backend=vllm": "base_model=api has none",
        "base_model.scoring=loglikelihood": "wants base_model.endpoint=completions",
        "base_model.endpoint=completions": "base_model.tokenizer is not set",
    }.items():
        with pytest.raises(ConfigError, match=told):
            compose([*untuned, more])


def test_a_plan_says_what_a_server_s_model_takes_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config = compose(["preset=paper", "+experiment=base", "base_model=api"])
    stages = plan(config)
    assert any("OPENAI_API_KEY is not set" in problem for problem in obstacles(stages, config))
    for name in ("evaluate", "complete"):
        found = expected(stages[name], tmp_path)
        assert found.requests and found.usd > 0 and not found.documents


def test_a_tokenizer_that_is_nowhere_is_said_in_the_plan(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = [
        "preset=paper",
        "+experiment=base",
        "base_model=api_local_server",
        "base_model.endpoint=completions",
    ]
    for name, told in {
        tmp_path / "none": "is no folder",
        "./none": "is no folder",
        tmp_path / "empty": "holds no tokenizer",
    }.items():
        config = compose([*words, f"base_model.tokenizer={name}", "runtime.offline=true"])
        found = [one for one in obstacles(plan(config), config) if "base_model.tokenizer" in one]
        assert len(found) == 1 and told in found[0]


def test_a_hub_without_a_way_there_is_said_after_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    from alpaca_exp.harness.tokenizer import tokenizer_of

    asked = []

    class Nowhere:
        def model_info(self, name: str, **told: Any) -> None:
            asked.append(name)
            raise ConnectionError

    monkeypatch.setattr("huggingface_hub.HfApi", Nowhere)
    config = ApiModelConfig(model="m", endpoint=Endpoint.completions, tokenizer="someone/unheard-of")
    with pytest.raises(
        InputError, match=r"someone/unheard-of cannot be had: the hub cannot be reached.*\. Or name"
    ):
        tokenizer_of(config, RuntimeConfig())
    assert asked == ["someone/unheard-of"]

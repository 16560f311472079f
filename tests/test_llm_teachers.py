"""Teachers of every kind: legacy endpoint, Azure, weights that are here, a journal, the base model itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.compose import compose
from alpaca_exp.errors import InputError
from alpaca_exp.ledger import consumed
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.build import model_name, with_weights
from alpaca_exp.llm.local import load
from alpaca_exp.llm.model import Request
from alpaca_exp.llm.writing import Writer
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import Completion, read_jsonl
from alpaca_exp.schemas import (
    BaseModelTeacherConfig,
    Endpoint,
    LanguageModelConfig,
    OpenAITeacherConfig,
    PretrainedModelConfig,
    RecordedTeacherConfig,
    RuntimeConfig,
    TransformersJudgeConfig,
    TransformersTeacherConfig,
)
from alpaca_exp.stages.generate import generate
from tests.conftest import Command
from tests.models import tiny_llama
from tests.servers import Reply, Server, stage_folder, teacher_at
from tests.stories import TINY

RUNTIME = RuntimeConfig(accelerator="cpu")


def asked(config: LanguageModelConfig, outputs: Path, *requests: Request) -> list[Completion]:
    return ask_all(config, requests, runtime=RUNTIME, out=stage_folder(outputs), title="test")


def questions(count: int, **more: Any) -> list[Request]:
    return [Request("m", f"Question {n}: name", **({"max_tokens": 12} | more)) for n in range(count)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


# Behind a server


def test_the_legacy_endpoint_is_shown_the_prompt_as_it_is(tmp_path: Path) -> None:
    with Server(lambda body, number: Reply(" Paris", finish_reason="length")) as server:
        config = teacher_at(server, endpoint=Endpoint.completions)
        [got] = asked(config, tmp_path, Request("fake", "The capital of France is", 4, stop=("\n",)))
        wanted = {"model": "fake", "prompt": "The capital of France is", "temperature": 0.0, "top_p": 1.0}
        assert server.bodies == [wanted | {"max_tokens": 4, "stop": ["\n"]}]
        assert server.paths == ["/v1/completions"]
    assert (got.text, got.finish_reason, got.usage.tokens_in) == (" Paris", "length", 5)


def test_an_answer_of_one_endpoint_is_none_of_the_other(tmp_path: Path) -> None:
    with Server(lambda body, number: "chat" if "messages" in body else "legacy") as server:
        said = [
            asked(teacher_at(server, endpoint=endpoint), tmp_path, Request("fake", "Hello", 4))[0].text
            for endpoint in (Endpoint.chat, Endpoint.completions)
        ]
    assert said == ["chat", "legacy"]


def test_an_azure_style_server_gets_its_key_and_version_its_own_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPACA_EXP_TEST_KEY", "azure-key")
    with Server(lambda body, number: "Hello.") as server:
        config = teacher_at(server, key_header="api-key", api_version="2024-10-21")
        asked(config, tmp_path, Request("fake", "Hello", 4))
    assert server.keys == ["azure-key"]
    assert server.paths == ["/v1/chat/completions?api-version=2024-10-21"]


# Weights that are here


def test_what_is_asked_while_others_are_answered_joins_them(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    step = Writer.step

    def counted(self: Writer) -> Any:
        ended = step(self)
        steps.append(len(ended))
        return ended

    monkeypatch.setattr(Writer, "step", counted)
    config = TransformersTeacherConfig(model="m", path=str(weights), batch_size=8, concurrency=8)
    limits = [4, 32, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]
    requests = [Request("m", f"Question {n}: name", limit, 1.0) for n, limit in enumerate(limits)]
    got = asked(config, tmp_path, *requests)
    assert sum(steps) == 12 and len(steps) <= 34  # the four that had to wait were written beside the long one
    assert consumed(stage_folder(tmp_path)).requests == 12
    assert all(one.usage.tokens_in > 0 and one.finish_reason in ("stop", "length") for one in got)


def test_neither_batch_nor_concurrency_changes_what_is_written(tmp_path: Path, weights: Path) -> None:
    said = []
    for name, size in (("one", 1), ("many", 16)):
        config = TransformersTeacherConfig(model="m", path=str(weights), batch_size=size, concurrency=size)
        said.append([got.text for got in asked(config, tmp_path / name, *questions(12, temperature=0.9))])
    assert said[0] == said[1] and len(set(said[0])) > 6


def test_two_samples_of_a_question_differ_and_each_is_repeatable(tmp_path: Path, weights: Path) -> None:
    config = TransformersTeacherConfig(model="m", path=str(weights))
    both = [Request("m", "Q: What is", 12, 1.0, sample=n) for n in (0, 1)]
    first = [got.text for got in asked(config, tmp_path / "a", *both)]
    again = [got.text for got in asked(config, tmp_path / "b", *reversed(both))]
    assert first[0] != first[1] and first == again[::-1]


def test_a_prompt_that_does_not_fit_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TransformersTeacherConfig(model="m", path=str(tiny_llama(tmp_path / "tiny", context=64)))
    long, short = asked(config, tmp_path, Request("m", "word " * 90, 8), Request("m", "Name", 8))
    assert (long.text, long.finish_reason) == ("", "length") and short.usage.tokens_out > 0
    assert "1 of 2 prompts do not fit into its context of 64 tokens" in capsys.readouterr().err


def test_a_chat_model_is_asked_in_its_template(tmp_path: Path, weights: Path) -> None:
    local = load(weights, runtime=RUNTIME)
    local.tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    )
    assert local.chat("Hi", "Be kind") == "<system>Be kind<user>Hi<assistant>"
    config = TransformersTeacherConfig(model="m", path=str(weights), endpoint=Endpoint.chat)
    with pytest.raises(InputError, match=r"no chat template.*set teacher\.endpoint=completions"):
        asked(config, tmp_path, Request("m", "Hi", 4))
    judge = TransformersJudgeConfig(model="m", path=str(weights), endpoint=Endpoint.chat)
    with pytest.raises(InputError, match=r"judge\.endpoint=chat; set judge\.endpoint=completions"):
        ask_all(judge, [Request("m", "Hi", 4)], runtime=RUNTIME, out=stage_folder(tmp_path), title="judge")


def test_a_folder_without_a_model_is_named_by_its_own_field(tmp_path: Path) -> None:
    config = TransformersTeacherConfig(model="m", path=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere does not exist; check the path \(teacher\.path\)"):
        asked(config, tmp_path, Request("m", "Hi", 4))


def test_other_weights_are_another_model_wherever_they_lie(tmp_path: Path, weights: Path) -> None:
    def named(path: Path, **more: Any) -> str:
        return model_name(TransformersTeacherConfig(model="m", path=str(path), **more))

    moved = tmp_path / "moved"
    moved.symlink_to(weights)
    other = tiny_llama(tmp_path / "other", seed=1)
    assert named(weights) == named(moved) == named(moved, num_examples=3, batch_size=2)
    assert len({named(weights), named(other), named(weights, dtype="bfloat16")}) == 3


# A journal


def recorded(tmp_path: Path, **more: Any) -> RecordedTeacherConfig:
    journal = tmp_path / "journal" / "fake.jsonl"
    return RecordedTeacherConfig(**({"model": "fake", "journal": journal} | more))


def test_a_recorded_run_is_replayed_for_nothing(tmp_path: Path) -> None:
    seeds = Path("seeds/seed_tasks.jsonl")
    settings: dict[str, Any] = {
        "num_examples": 12,
        "tasks_per_request": 6,
        "round_size": 4,
        "seed_tasks": seeds,
    }
    first, again = stage_folder(tmp_path), stage_folder(tmp_path / "elsewhere")
    with Server() as server:
        generate(teacher_at(server, **settings), runtime=RUNTIME, out=first)
        bought = server.count
    generate(recorded(tmp_path, **settings), runtime=RUNTIME, out=again)
    for name in ("examples.jsonl", "rejected.jsonl"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert consumed(again).usd == 0 and consumed(again).requests == bought and consumed(first).usd > 0


def test_a_request_that_was_not_recorded_is_said_in_one_sentence(tmp_path: Path) -> None:
    with Server(lambda body, number: "Hello.") as server:
        asked(teacher_at(server), tmp_path, Request("fake", "Hello", 4))
    with pytest.raises(InputError, match=r"fake\.jsonl has no answer to the request that ends 'Bye'.*seed 3"):
        asked(recorded(tmp_path), tmp_path / "b", Request("fake", "Bye", 4, seed=3))
    with pytest.raises(InputError, match=r"holds answers of fake; name one of them: teacher\.model="):
        asked(recorded(tmp_path, model="other"), tmp_path / "b", Request("fake", "Hello", 4))


def test_answers_of_a_local_model_are_found_under_its_plain_name(tmp_path: Path, weights: Path) -> None:
    config = TransformersTeacherConfig(model="mine", path=str(weights))
    [first] = asked(config, tmp_path, Request("m", "Name", 8))
    replay = recorded(tmp_path, model="mine", journal=tmp_path / "journal" / "mine.jsonl")
    assert asked(replay, tmp_path / "b", Request("m", "Name", 8))[0].text == first.text


# The base model itself


def test_the_base_model_writes_its_own_data(tmp_path: Path, weights: Path) -> None:
    """A random model writes no lists, so its answers are put into its journal's place by another one."""
    teacher = BaseModelTeacherConfig(num_examples=4, tasks_per_request=6, round_size=2)
    base = PretrainedModelConfig(path=str(weights))
    told = with_weights(teacher, base, None)
    assert isinstance(told, TransformersTeacherConfig) and told.path == str(weights)
    with Server() as server:
        lent = {key: value for key, value in vars(teacher).items() if key not in ("endpoint", "batch_size")}
        lent |= {"model": model_name(told), "base_url": server.base_url}
        generate(OpenAITeacherConfig(**lent), runtime=RUNTIME, out=stage_folder(tmp_path / "lent"))
    journal = next((tmp_path / "lent" / "journal").iterdir())
    mine = tmp_path / "journal" / "base_model.jsonl"
    mine.parent.mkdir()
    mine.write_bytes(journal.read_bytes())
    generate(teacher, base, runtime=RUNTIME, out=stage_folder(tmp_path))
    assert len(list(read_jsonl(stage_folder(tmp_path) / "examples.jsonl"))) == 4


def test_a_base_model_that_was_made_here_is_read_from_its_artifact(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "pretrain" / "abc" / "model")
    teacher = BaseModelTeacherConfig(num_examples=4, max_requests=2, max_tokens=8, num_demonstrations=0)
    made = Artifact(tmp_path / "pretrain" / "abc")
    with pytest.raises(InputError, match="brought no usable example"):
        generate(teacher, model=made, runtime=RUNTIME, out=stage_folder(tmp_path))
    lines = (tmp_path / "journal" / "base_model.jsonl").read_text().splitlines()
    assert [json.loads(line)["state"] for line in lines].count("answered") == 2


@pytest.mark.parametrize("preset", ["miniature", "local", "paper"])
def test_self_instruct_feeds_the_base_model_to_whoever_asks_the_teacher(preset: str) -> None:
    stages = plan(compose([f"preset={preset}", "+experiment=self_instruct", "dataset_variant=uncapped"]))
    asking = [stages[name] for name in ("generate", "curate", "opponent") if name in stages]
    for stage in asking:
        if preset == "paper":
            assert stage.config["weights"].path == "huggyllama/llama-7b" and "model" not in stage.inputs
        else:
            assert stage.inputs["model"] is stages["pretrain"] and "weights" not in stage.config
    assert list(stages).index("pretrain") == 0 if preset != "paper" else "pretrain" not in stages


def test_a_base_model_of_the_miniature_is_refused_as_a_teacher_before_any_work(
    command: Command, tmp_path: Path
) -> None:
    done = command(*TINY, "+experiment=self_instruct")
    assert done.returncode == 2 and "needs a model that can write tasks" in done.stderr
    assert not list(tmp_path.glob("outputs/pretrain"))


# What is not served any more


def test_the_papers_teacher_is_refused_before_any_work_with_its_successors(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "some-key")
    words = ("preset=paper", "teacher=text_davinci_003", "judge=none")
    shown, run = command(*words, "action=plan"), command(*words)
    assert shown.returncode == run.returncode == 2
    for said in (shown.stdout, run.stderr):
        assert "text-davinci-003 was shut down by OpenAI on 4 January 2024" in said
        assert "teacher=gpt_3_5_turbo_instruct" in said and "teacher=recorded" in said


def test_a_server_of_ones_own_may_have_any_model() -> None:
    words = [
        "preset=paper",
        "teacher=text_davinci_003",
        "teacher.base_url=http://127.0.0.1:1/v1",
        "judge=none",
    ]
    config = compose(words)
    assert not [text for text in obstacles(plan(config), config) if "shut down" in text]


def test_a_journal_that_was_not_named_is_said_by_the_plan() -> None:
    config = compose(["preset=paper", "teacher=recorded", "judge=none"])
    assert any("teacher.journal is not set" in text for text in obstacles(plan(config), config))

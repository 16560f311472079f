"""A server's model as the one that is measured: by log-probabilities where it tells any, else by letter."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import BudgetReached, InputError, Stopped
from alpaca_exp.harness.backends import suited
from alpaca_exp.harness.lettered import letter
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.tokens import difference
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import batch
from alpaca_exp.llm.echo import Echo
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import (
    ApiModelConfig,
    Endpoint,
    EvalSuiteConfig,
    RuntimeConfig,
    TaskFrame,
)
from alpaca_exp.scoreboard import HEAD, explained, scoreboard
from alpaca_exp.stages.evaluate import evaluate
from tests.echoing import EchoModel
from tests.mirrors import write_mirror, write_plain
from tests.models import bpe_tokenizer, tiny_llama
from tests.servers import Body, Reply, Server
from tests.stories import run_in, start_in

TASKS = ["hellaswag", "winogrande", "truthfulqa_mc2"]
PRICES = {"usd_per_million_in": 1.0, "usd_per_million_out": 4.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("train") / "0123456789abcdef"
    tiny_llama(folder / "model")
    return Artifact(folder)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> EvalSuiteConfig:
    mirror = write_mirror(tmp_path_factory.mktemp("mirror"))
    for task in ("mmlu_anatomy", "crows_pairs_english"):
        write_plain(mirror, task)
    metrics = ["hellaswag.acc_norm", "winogrande.acc"]
    return EvalSuiteConfig(tasks=TASKS, mirror=mirror, understanding=metrics, limit=4)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    def evaluated(suite: EvalSuiteConfig, name: str = "0123456789abcdef", **who: Any) -> Path:
        out = tmp_path / "outputs" / "evaluate" / name
        out.mkdir(parents=True, exist_ok=True)
        evaluate(suite, mirror_files(suite), "0", runtime=RuntimeConfig(offline=True), out=out, **who)
        return out

    return evaluated


def legacy(server: Server, model: Artifact, **more: Any) -> ApiModelConfig:
    """The completions interface, with the model's own tokenizer."""
    told: dict[str, Any] = {"endpoint": Endpoint.completions, "tokenizer": str(model / "model")}
    told |= {"base_url": server.base_url, "model": "tiny", "max_length": 512, "max_retries": 0, **PRICES}
    return ApiModelConfig(**(told | more))


def rows(out: Path, name: str) -> list[Row]:
    return list(read_jsonl(out / name))


def loglikelihoods(out: Path) -> list[float]:
    return [value for row in rows(out, "documents.jsonl") for value in row["loglikelihoods"]]


def scores(out: Path) -> dict[str, float]:
    return {f"{row['task']}.{row['metric']}": row["value"] for row in rows(out, "scores.jsonl")}


def chat(server: Server, **more: Any) -> ApiModelConfig:
    return ApiModelConfig(model="fake", base_url=server.base_url, max_retries=0, **(PRICES | more))


@pytest.fixture(scope="module")
def here(suite: EvalSuiteConfig, model: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite scored with the weights themselves."""
    out = tmp_path_factory.mktemp("here")
    evaluate(suite, mirror_files(suite), "0", model=model, runtime=RuntimeConfig(offline=True), out=out)
    return out


@pytest.mark.parametrize("tokenized", [True, False], ids=["sent as token ids", "sent as text"])
def test_log_likelihoods_through_a_server_are_those_of_the_weights(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact, here: Path, tokenized: bool
) -> None:
    with Server(EchoModel(model / "model")) as server:
        asked = run(suite, "a" * 16, weights=legacy(server, model, tokenized_requests=tokenized))
        as_text = sum(isinstance(body["prompt"], str) for body in server.bodies)
        assert as_text == (1 if tokenized else server.count)  # how the server splits a text is asked once
    assert loglikelihoods(asked) == pytest.approx(loglikelihoods(here), abs=1e-4)
    assert scores(asked) == pytest.approx(scores(here), abs=1e-4)
    assert "understanding.mean" in scores(asked)


def test_a_token_that_a_server_puts_before_each_text_moves_nothing(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact
) -> None:
    small = replace(suite, tasks=["hellaswag"], understanding=[], limit=1)
    with Server(EchoModel(model / "model", begins=True)) as server:
        out = run(small, weights=legacy(server, model, tokenized_requests=False))
    echo = EchoModel(model / "model")
    texts = ("Baking bread: Ada takes a knife. Then he", " cuts the bread. and eats it.")
    context, end = (echo.tokenizer(text)["input_ids"] for text in texts)
    told = echo.told([echo.tokenizer.bos_token_id, *context, *end])["token_logprobs"][-len(end) :]
    assert loglikelihoods(out)[0] == pytest.approx(sum(told), abs=1e-4)


@pytest.mark.parametrize("fault", ["shifted", "silent"])
def test_a_server_whose_echo_is_shifted_or_missing_is_refused_before_the_first_task(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact, fault: str
) -> None:
    with Server(EchoModel(model / "model", **{fault: True})) as server:
        with pytest.raises(InputError, match=r"echoes .*log-probabilities.*base_model.scoring=generative"):
            run(suite, weights=legacy(server, model))
        assert server.count <= 15


def test_a_refused_server_can_be_replaced_under_its_name(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact
) -> None:
    small = replace(suite, tasks=["winogrande"], understanding=[])
    with Server(EchoModel(model / "model", shifted=True)) as server, pytest.raises(InputError):
        run(small, weights=legacy(server, model))
    with Server(EchoModel(model / "model")) as server:
        run(small, weights=legacy(server, model))
        tried = server.count - 2 * 4
        run(small, "b" * 16, weights=legacy(server, model))
        assert 8 < tried <= 16 and server.count == tried + 2 * 4


def test_the_log_probability_of_a_whole_text_is_that_of_the_weights(model: Artifact, tmp_path: Path) -> None:
    from alpaca_exp.harness.api import ApiLM, conversation
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.harness.tokenizer import tokenizer_of
    from alpaca_exp.llm.local import load

    texts, runtime = ("Two and two is four.", "Why?"), RuntimeConfig(offline=True)
    asked = [Instance("loglikelihood_rolling", {}, (text,), 0, metadata=("text", 0, 1)) for text in texts]
    here = FramedLM(load(model / "model", runtime=runtime), 2).loglikelihood_rolling(asked)
    out = tmp_path / "outputs" / "evaluate" / "0123456789abcdef"
    out.mkdir(parents=True)
    with Server(EchoModel(model / "model")) as server:
        config = legacy(server, model)
        lm = ApiLM(config, tokenizer_of(config, runtime))
        with conversation(lm, runtime, out, "text"):
            assert lm.loglikelihood_rolling(asked) == pytest.approx(here, abs=1e-4)


def test_a_tokenizer_of_another_model_is_refused(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact, tmp_path: Path
) -> None:
    bpe_tokenizer(["zebra zone"], size=270).save_pretrained(tmp_path / "other")
    with Server(EchoModel(model / "model")) as server:
        config = legacy(server, model, tokenizer=str(tmp_path / "other"), tokenized_requests=False)
        with pytest.raises(InputError, match=r"splits texts otherwise than base_model\.tokenizer="):
            run(suite, weights=config)


def test_a_smaller_tokenizer_of_the_same_texts_is_refused_though_its_ids_mean_the_same(
    run: Callable[..., Path], suite: EvalSuiteConfig, tmp_path: Path
) -> None:
    """Its merges are the first of the larger one's: the server reads our ids as our text, in other pieces."""
    texts = ["seventeen bergamots squeezed overnight through cheesecloth", "nobody reckoned plausible jars"]
    tiny_llama(tmp_path / "served", texts=texts)
    bpe_tokenizer(texts, size=300).save_pretrained(tmp_path / "smaller")
    small = replace(suite, tasks=["winogrande"], understanding=[])
    with Server(EchoModel(tmp_path / "served")) as server:
        told: dict[str, Any] = {
            "endpoint": Endpoint.completions,
            "base_url": server.base_url,
            "model": "tiny",
        }
        config = ApiModelConfig(**told, max_length=512, max_retries=0, tokenizer=str(tmp_path / "served"))
        with pytest.raises(
            InputError, match=r"splits texts otherwise than .*smaller does \(.*tokenizer makes"
        ):
            run(small, weights=replace(config, tokenizer=str(tmp_path / "smaller")))
        assert server.count <= 8
        run(small, weights=config)


def test_a_tokenizer_with_other_words_behind_the_same_numbers_is_refused(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact, tmp_path: Path
) -> None:
    bpe_tokenizer(["nobody reckoned seventeen jars"], size=270).save_pretrained(tmp_path / "other")
    said = r"splits texts otherwise than base_model\.tokenizer="
    with Server(EchoModel(model / "model")) as server, pytest.raises(InputError, match=said):
        run(suite, weights=legacy(server, model, tokenizer=str(tmp_path / "other")))


@pytest.mark.parametrize(
    "name", [lambda token, number: f"Ġ{token.strip()}", lambda token, number: f"token_id:{number}"]
)
def test_tokens_may_be_named_as_servers_like(model: Artifact, name: Callable[[str, int], str]) -> None:
    tokenizer = EchoModel(model / "model").tokenizer
    ids = tokenizer("Nobody reckoned 38 jars plausible.")["input_ids"]
    tokens = [name(tokenizer.decode([one]), one) for one in ids]
    nothing: list[float | None] = [None] * (len(ids) + 1)
    echo = Echo(len(ids) + 1, nothing, nothing, "", [*tokens, "more"])
    assert difference(tokenizer, ids, echo) == ""
    assert difference(tokenizer, ids, replace(echo, tokens=["more", *tokens])) == ""
    assert "tokenizer makes" in difference(tokenizer, ids, replace(echo, tokens=[*tokens[1:], "a", "b"]))
    assert "tokens where" in difference(tokenizer, ids, replace(echo, count=len(ids) + 4))


def test_choices_are_asked_by_letter_where_a_server_tells_no_log_probabilities(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server(lambda body, number: "B" if number % 2 else "I would say the second.") as server:
        out = run(suite, weights=chat(server, concurrency=1))
        assert server.count == len(set(server.prompts())) == 12
        assert all(body["temperature"] == 0.0 for body in server.bodies)
    found = scores(out)
    assert set(found) == {f"{task}_generative.exact_match" for task in TASKS}
    audits = json.loads((out / "audit.json").read_text())["tasks"]
    assert [audit["comparable"] for audit in audits] == [False] * 3
    assert [audit["unparsed"] for audit in audits] == [{"none": 0.5}] * 3
    assert "cannot be compared with hellaswag" in audits[0]["flags"][0]["sentence"]
    assert "in 50% of the answers to hellaswag_generative no letter" in audits[0]["flags"][1]["sentence"]
    told = explained([HEAD], audits)
    assert sum("asked for a letter" in one for one in told) == 1 == sum("(unread)" in one for one in told)
    assert "by letter, not comparable" in scoreboard(rows(out, "scores.jsonl"), audits)
    for row in rows(out, "documents.jsonl"):
        right = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
        assert row["value"] == float(row["text"] == "B" and 1 in right), row


def test_a_reply_is_read_strictly() -> None:
    choices = ["Paris", "London. It is large.", "Rome"]
    named = ["B", " b ", "(B)", "**B**", "B.", "B) London", "Answer: B", "The correct answer is B.",
             "B. London. It is large. It rains there."]  # fmt: skip
    assert [letter(reply, choices) for reply in named] == ["B"] * len(named)
    unclear = [
        "",
        "D",
        "A. yes",
        "B) the second one",
        "Both",
        "A or B",
        "A dog",
        "A, B",
        "B. Paris",
        "London",
        "A. B. C.",
    ]
    assert [letter(reply, choices) for reply in unclear] == [None] * len(unclear)


def test_right_letters_stand_in_every_place_though_the_set_has_them_all_in_one(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server(lambda body, number: "A") as server:
        out = run(replace(suite, tasks=["truthfulqa_mc1"], understanding=[], limit=8), weights=chat(server))
    [audit] = json.loads((out / "audit.json").read_text())["tasks"]
    assert len(audit["gold_positions"]) > 1 and audit["degenerate"] is False and audit["chance"] == 0.25


def test_each_choice_of_a_beginning_is_shown_with_the_common_end(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server(lambda body, number: "A") as server:
        run(replace(suite, tasks=["winogrande"], limit=1, understanding=[]), weights=chat(server))
        [prompt] = server.prompts()
    assert "since Ada wanted to read it." in prompt and "since Ben wanted to read it." in prompt


def test_a_list_in_the_text_keeps_its_letters(run: Callable[..., Path], suite: EvalSuiteConfig) -> None:
    with Server(lambda body, number: "C. because it is") as server:
        out = run(replace(suite, tasks=["mmlu_anatomy"], understanding=[]), weights=chat(server))
        assert all(prompt.count("\nC. ") == 1 for prompt in server.prompts())
    for row in rows(out, "documents.jsonl"):
        assert (row["answer"], row["value"]) == ("C", float(row["gold"] == 2))


def test_a_task_without_a_right_choice_is_not_asked_by_letter(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server() as server, pytest.raises(InputError, match="crows_pairs_english cannot be asked by letter"):
        run(replace(suite, tasks=["crows_pairs_english"], understanding=[]), weights=chat(server))


def test_texts_are_written_as_they_are_and_cut_at_what_ends_them(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server(lambda body, number: "Nobody knows.\n\nQ: And the sun?") as server:
        out = run(replace(suite, tasks=["truthfulqa_gen"], understanding=[], limit=2), weights=chat(server))
        assert {tuple(body["stop"]) for body in server.bodies} == {("\n\n",)}
    assert {row["text"] for row in rows(out, "documents.jsonl")} == {"Nobody knows."}


def test_a_chat_model_gets_no_frame_and_a_completing_one_alpacas(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact
) -> None:
    framed = replace(suite, tasks=["piqa"], limit=1, frame=TaskFrame.alpaca, understanding=[])
    with Server(lambda body, number: "A") as server:
        run(framed, "a" * 16, weights=chat(server))
        assert "### Response:" not in server.prompts()[0]
    with Server(EchoModel(model / "model")) as server:
        run(framed, "b" * 16, weights=legacy(server, model, tokenized_requests=False))
        assert "### Response:" in server.prompts()[-1]


def test_a_task_of_log_probabilities_alone_is_refused_where_there_are_none(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server() as server:
        tasks = {"text": _Rolling()}
        with pytest.raises(InputError, match="the task text measures the log-probability of a text"):
            suited(tasks, chat(server))


class _Rolling:
    """As much of a task as decides who can do it."""

    OUTPUT_TYPE = "loglikelihood_rolling"


def test_a_budget_ends_the_evaluation_and_what_was_paid_is_not_paid_again(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact
) -> None:
    echo = EchoModel(model / "model")
    with Server(echo) as server:
        config = legacy(server, model, concurrency=1)
        with pytest.raises(BudgetReached):
            run(suite, weights=replace(config, budget_usd=0.0015))
        first = server.count
        out = run(suite, weights=config)
        assert 12 < first < server.count == len({json.dumps(body) for body in server.bodies})
        prompts = [body["prompt"] for body in server.bodies]
        tokens = sum(len(echo.tokenizer(p)["input_ids"] if isinstance(p, str) else p) for p in prompts)
        assert consumed(out).usd == pytest.approx((tokens + 4 * server.count) / 1e6)
        again = run(suite, "b" * 16, weights=config)
        assert consumed(out).requests == server.count and consumed(again).usd == 0.0


def test_a_budget_too_small_for_one_request_is_said_with_what_would_be_right(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    with Server() as server:
        with pytest.raises(InputError, match=r"lower base_model\.max_gen_toks for tasks"):
            run(suite, weights=chat(server, budget_usd=0.00001))
        assert server.count == 0


def test_tasks_can_go_through_the_batch_api(
    run: Callable[..., Path],
    suite: EvalSuiteConfig,
    model: Artifact,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "FIRST_LOOK_S", 0.001)
    with Server(EchoModel(model / "model")) as server:
        out = run(suite, weights=legacy(server, model, batch=True, batch_wait_s=60.0))
        assert server.count == 15  # the trial alone went out by itself
    assert loglikelihoods(out) == pytest.approx(loglikelihoods(here), abs=1e-4)


def test_a_server_that_fails_in_the_third_task_leaves_the_first_two_done(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact, tmp_path: Path
) -> None:
    answer, broken = EchoModel(model / "model"), [True]

    def failing(body: Body, number: int) -> Reply:
        return Reply(status=500, error="boom") if broken and number >= 40 else answer(body, number)

    with Server(failing) as server:
        config = legacy(server, model, concurrency=1)
        with pytest.raises(Stopped):
            run(suite, weights=config)
        assert len(list((tmp_path / "outputs" / "evaluate").glob("*/tasks/*.json"))) == 2
        broken.clear()
        failed = server.bodies.pop()
        run(suite, weights=config)
        assert failed in server.bodies and server.count == len({json.dumps(body) for body in server.bodies})


@pytest.mark.long
def test_a_killed_command_goes_on_and_a_server_s_model_is_a_row_by_its_name(
    model: Artifact, suite: EvalSuiteConfig, tmp_path: Path
) -> None:
    answer, late = EchoModel(model / "model"), [True]

    def slow(body: Body, number: int) -> Reply:
        return replace(answer(body, number), delay_s=30.0 if late and number == 50 else 0.0)

    with Server(slow) as server:
        words = [
            "preset=local", "+experiment=base",
            "base_model=api_local_server", "base_model.endpoint=completions",
            f"base_model.tokenizer={model / 'model'}", f"base_model.base_url={server.base_url}",
            "base_model.model=tiny", "base_model.concurrency=1", f"eval_suite.mirror={suite.mirror}",
        ]  # fmt: skip
        killed = start_in(tmp_path, *words)
        while server.count <= 50:
            assert killed.poll() is None, killed.communicate()
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        late.clear()
        before = server.bodies[:-1]  # the last one's answer never arrived
        done = run_in(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        after = server.bodies[51:]
        assert server.bodies[50] in after and not [body for body in before if body in after]
        count = server.count
        assert run_in(tmp_path, *words).returncode == 0 and server.count == count
    found = [json.loads(file.read_text()) for file in tmp_path.glob("outputs/runs/*/*/run.json")]
    assert {row["labels"]["base_model"] for row in found} == {"tiny"}

"""Who judges and how: every protocol through the stage, what is asked again, and what a server says it is."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import Stopped
from alpaca_exp.judging.answers import load_answers
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.ledger import consumed
from alpaca_exp.prompts import section
from alpaca_exp.records import Row, read_jsonl, write_jsonl
from alpaca_exp.schemas import (
    Endpoint,
    FileQuestionsConfig,
    JudgeConfig,
    JudgeProtocol,
    MiniatureJudgeConfig,
    OpenAIJudgeConfig,
    RecordedJudgeConfig,
    RuntimeConfig,
    TransformersJudgeConfig,
    WorldConfig,
    WorldQuestionsConfig,
)
from alpaca_exp.stages.judge import judge
from tests.models import tiny_llama
from tests.servers import Body, Reply, Server, prompt_of, sensible, stage_folder
from tests.test_judging_stage import answers

TEXTS = {str(n): f"What is {n} plus {n}?" for n in range(1, 6)}
OURS = {name: f"It is {2 * int(name)}." for name in TEXTS}
THEIRS = {name: "I would have to think about that." for name in TEXTS}


def questions(folder: Path) -> FileQuestionsConfig:
    kinds = ("generic", "math", "coding", "generic", "generic")
    rows = [
        {"question_id": name, "text": text, "category": kind}
        for (name, text), kind in zip(TEXTS.items(), kinds, strict=True)
    ]
    write_jsonl(rows, folder / "questions.jsonl")
    return FileQuestionsConfig(file=folder / "questions.jsonl")


def judged(
    folder: Path,
    config: JudgeConfig,
    name: str = "0123456789abcdef",
    ours: dict[str, str] = OURS,
    theirs: dict[str, str] = THEIRS,
) -> tuple[list[Row], dict[str, Row]]:
    out = stage_folder(folder, "judge", name)
    judge(
        config,
        completions=answers(folder / "ours", "tuned", ours),
        opponent=answers(folder / "theirs", "teacher", theirs),
        runtime=RuntimeConfig(accelerator="cpu"),
        out=out,
    )
    scores = {f"{row['task']}.{row['metric']}": row for row in read_jsonl(out / "scores.jsonl")}
    return list(read_jsonl(out / "verdicts.jsonl")), scores


def notes(folder: Path) -> str:
    return (stage_folder(folder, "judge") / "notes.json").read_text(encoding="utf-8")


def at(server: Server, folder: Path, protocol: str = "vicuna", **more: Any) -> OpenAIJudgeConfig:
    told: dict[str, Any] = {"model": "fake", "questions": questions(folder), "retest": 0.0}
    told |= {"protocol": JudgeProtocol[protocol], "base_url": server.base_url, "max_retries": 1}
    return OpenAIJudgeConfig(**(told | more))


@pytest.mark.parametrize(
    ("protocol", "both", "count"), [("vicuna", True, 10), ("pairwise", True, 10), ("single", True, 5)]
)
def test_every_protocol_makes_rows_of_the_same_kind(
    tmp_path: Path, protocol: str, both: bool, count: int
) -> None:
    with Server() as server:
        rows, scores = judged(tmp_path, at(server, tmp_path, protocol, both_orders=both))
        assert server.count == 10
    assert len(rows) == count and all(row["parsed"] and row["protocol"] == protocol for row in rows)
    assert all(0 <= row["preference"] <= 1 for row in rows)
    assert scores["judge.win_rate"]["n"] == 5 and scores["judge.unparsed"]["value"] == 0
    assert ("judge.percent" in scores) == (protocol != "pairwise")


def test_a_single_rating_is_asked_once_whoever_it_is_compared_with(tmp_path: Path) -> None:
    others = {name: "Nobody knows." for name in TEXTS}
    with Server() as server:
        config = at(server, tmp_path, "single")
        first, _ = judged(tmp_path, config)
        second, _ = judged(tmp_path, config, "f" * 16, theirs=others)
        assert server.count == 15, "ours are found in the journal"
    assert [row["score_2"] for row in first] == [row["score_2"] for row in second]
    assert "[Model 1]" in first[0]["text"] and "[Model 2]" in first[0]["text"]


def test_a_judge_of_pairs_who_changes_its_mind_with_the_order_saw_a_tie(tmp_path: Path) -> None:
    def first_wins(body: Body, number: int) -> Reply:
        tie = "3 plus 3" in prompt_of(body) and "think" in section(prompt_of(body), "Answer of assistant 1")
        return Reply("verdict: tie" if tie else "Well.\nverdict: 1")

    with Server(first_wins) as server:
        rows, scores = judged(tmp_path, at(server, tmp_path, "pairwise"))
    assert [row["preference"] for row in rows] == [0.0, 1.0] * 2 + [0.5, 1.0] + [0.0, 1.0] * 2
    assert scores["judge.win_rate"]["value"] == 50.0 and scores["judge.flip_rate"]["value"] == 100.0


def chat_logprobs(**chances: float) -> dict[str, Any]:
    top = [{"token": token, "logprob": log(chance)} for token, chance in chances.items()]
    return {"content": [{**top[0], "top_logprobs": top}]}


def test_a_preference_is_weighted_by_what_the_server_tells_of_its_first_token(tmp_path: Path) -> None:
    def weighing(body: Body, number: int) -> Reply:
        ours_first = "It is" in section(prompt_of(body), "Output of m")
        chances = {"m": 0.6, "M": 0.2} if ours_first else {"M": 0.6, "m": 0.2}
        return Reply(next(iter(chances)), finish_reason="length", logprobs=chat_logprobs(**chances))

    with Server(weighing) as server:
        rows, scores = judged(tmp_path, at(server, tmp_path, "preference"))
        sent = server.bodies[0]
        assert judged(tmp_path, at(server, tmp_path, "preference")) == (rows, scores)
        assert server.count == 10, "log-probabilities are in the journal too"
    assert (sent["logprobs"], sent["top_logprobs"], sent["max_tokens"]) == (True, 5, 1)
    assert [row["preference"] for row in rows] == [pytest.approx(0.75)] * 10
    assert scores["judge.win_rate"]["value"] == pytest.approx(75.0)
    assert "judge.percent" not in scores and rows[0]["score_1"] is None


def test_the_completions_interface_tells_them_in_its_own_form(tmp_path: Path) -> None:
    def weighing(body: Body, number: int) -> Reply:
        assert body["logprobs"] == 5
        return Reply(" M", logprobs={"tokens": [" M"], "top_logprobs": [{" M": log(0.5), "m": log(0.5)}]})

    with Server(weighing) as server:
        rows, _ = judged(tmp_path, at(server, tmp_path, "preference", endpoint=Endpoint.completions))
    assert {row["preference"] for row in rows} == {0.5}


@pytest.mark.parametrize("refuses", [True, False])
def test_a_server_without_log_probabilities_is_believed_and_that_is_said(
    tmp_path: Path, refuses: bool
) -> None:
    def plain(body: Body, number: int) -> Reply:
        if refuses and "logprobs" in body:
            return Reply(status=400, error="logprobs are not supported with this model")
        return Reply("M")

    with Server(plain) as server:
        rows, _ = judged(tmp_path, at(server, tmp_path, "preference", concurrency=1))
        assert server.count == 10 + refuses
    assert [row["preference"] for row in rows] == [1.0, 0.0] * 5
    assert "fake told no log-probabilities with 10 of 10 verdicts" in notes(tmp_path)


def test_a_share_is_asked_again_and_kept_out_of_the_scores(tmp_path: Path) -> None:
    def moody(body: Body, number: int) -> Reply:
        return Reply("9 2" if number >= 10 else "4 4")

    with Server(moody) as server:
        config = at(server, tmp_path, retest=0.25, concurrency=1)
        rows, scores = judged(tmp_path, config)
        assert server.count == 13
    again = [row for row in rows if row["retest"]]
    assert len(again) == 3 and scores["judge.unparsed"]["n"] == 10
    places = {(row["question_id"], row["order"]) for row in rows if not row["retest"]}
    assert {(row["question_id"], row["order"]) for row in again} <= places and len(places) == 10
    assert scores["judge.flip_rate"]["value"] == 0.0


def test_only_what_could_not_be_read_is_asked_again(tmp_path: Path) -> None:
    def mumbling(body: Body, number: int) -> Reply:
        return Reply("Hm." if number in (1, 3, 10) else "x\n8 6" if "ematic" in prompt_of(body) else "8 6")

    with Server(mumbling) as server:
        once, scores = judged(tmp_path, at(server, tmp_path, concurrency=1))
        assert server.count == 10 and scores["judge.unparsed"]["value"] == 2
        more = at(server, tmp_path, concurrency=1, retry_unreadable=2)
        rows, scores = judged(tmp_path, more, "f" * 16)
        assert server.count == 13, "two, and the one of them that failed again"
    assert scores["judge.unparsed"]["value"] == 0
    kept = [n for n, row in enumerate(once) if row["parsed"]]
    assert [rows[n] for n in kept] == [once[n] for n in kept]


def test_of_two_ratings_only_the_one_that_could_not_be_read_is_asked_again(tmp_path: Path) -> None:
    def mumbling(body: Body, number: int) -> Reply:
        return Reply("Hm." if number == 3 else f"Well.\nrating: {3 if number < 10 else 9}")

    with Server(mumbling) as server:
        rows, _ = judged(tmp_path, at(server, tmp_path, "single", concurrency=1, retry_unreadable=3))
        assert server.count == 11
    assert [(row["score_1"], row["score_2"]) for row in rows] == [(3, 3), (3, 9), (3, 3), (3, 3), (3, 3)]


def test_the_version_that_the_server_reports_is_kept_and_a_mixture_is_said(tmp_path: Path) -> None:
    def moved(body: Body, number: int) -> Reply:
        version = "fake-2026-01-01" if number < 4 else "fake-2026-02-02"
        text = sensible(body).text
        return Reply(text, model=version, fingerprint="fp_1")

    with Server(moved) as server:
        rows, _ = judged(tmp_path, at(server, tmp_path, concurrency=1))
    assert [row["judge_version"][-2:] for row in rows] == ["01"] * 4 + ["02"] * 6
    assert {row["judge_system"] for row in rows} == {"fp_1"} and rows[0]["judge"] == "fake"
    told = "several versions of fake, which may differ: fake-2026-01-01 (4), fake-2026-02-02 (6)"
    assert told in notes(tmp_path)


def test_empty_answers_are_judged_and_counted(tmp_path: Path) -> None:
    with Server() as server:
        rows, _ = judged(tmp_path, at(server, tmp_path), ours={**OURS, "2": " \n"})
        assert sum("(no answer)" in prompt for prompt in server.prompts()) == 2
    assert len(rows) == 10 and "1 of the model's 5 answers are empty" in notes(tmp_path)


@pytest.mark.parametrize("protocol", ["vicuna", "preference"])
def test_recorded_verdicts_are_replayed_for_nothing(tmp_path: Path, protocol: str) -> None:
    def weighing(body: Body, number: int) -> Reply:
        told = chat_logprobs(M=0.7, m=0.1) if "logprobs" in body else None
        text = "M" if told else sensible(body).text
        return Reply(text, model="fake-1", fingerprint="fp_9", logprobs=told)

    with Server(weighing) as server:
        live = at(server, tmp_path, protocol, retest=0.1)
        told = judged(tmp_path, live)
    journal = tmp_path / "journal" / "fake.jsonl"
    (tmp_path / "elsewhere").mkdir()
    replayed = RecordedJudgeConfig(
        model="fake", journal=journal, retest=0.1, protocol=live.protocol, questions=questions(tmp_path)
    )
    assert judged(tmp_path / "elsewhere", replayed) == told


def test_a_batch_brings_the_same_verdicts(tmp_path: Path) -> None:
    def made(folder: str, **more: Any) -> tuple[list[Row], dict[str, Row]]:
        (tmp_path / folder).mkdir()
        with Server() as server:
            return judged(tmp_path / folder, at(server, tmp_path, retest=0.2, **more))

    assert made("batch", batch=True, batch_wait_s=60.0) == made("direct")


@pytest.mark.parametrize("protocol", [JudgeProtocol.single, JudgeProtocol.preference])
def test_a_checkpoint_in_this_process_judges(tmp_path: Path, protocol: JudgeProtocol) -> None:
    path = str(tiny_llama(tmp_path / "model", context=2048))
    config = TransformersJudgeConfig(
        model="tiny",
        path=path,
        max_tokens=4,
        both_orders=False,
        protocol=protocol,
        questions=questions(tmp_path),
    )
    rows, scores = judged(tmp_path, config)
    assert consumed(stage_folder(tmp_path, "judge")).usd == 0
    assert len(rows) == 6 and scores["judge.unparsed"]["n"] == 5
    if protocol is JudgeProtocol.preference:
        assert all(row["parsed"] and {"m", "M"} <= set(row["logprobs"]) for row in rows), "all are known here"
        assert all(5 <= len(row["logprobs"]) <= 8 for row in rows)
    else:
        assert "cannot be read" in notes(tmp_path)


@pytest.mark.parametrize("protocol", list(JudgeProtocol))
def test_the_miniatures_judge_knows_every_protocol_and_who_is_right(
    tmp_path: Path, protocol: JudgeProtocol
) -> None:
    from alpaca_exp.miniature.questions import questions as asked
    from alpaca_exp.miniature.world import world_of

    world = WorldConfig(people=24, questions=12)
    known = world_of(world)
    right, wrong = {}, {}
    for row in asked(world):
        task = known.asked[row["text"], ""]
        right[row["question_id"]] = task.told(known.truth[task.subject, task.relation])
        wrong[row["question_id"]] = task.told(known.errors(task.subject, task.relation)[0])
    config = MiniatureJudgeConfig(
        model="m",
        world=world,
        protocol=protocol,
        noise=0.1,
        questions=WorldQuestionsConfig(world=world),
    )
    rows, scores = judged(tmp_path, config, ours=right, theirs=wrong)
    assert all(row["parsed"] and row["preference"] > 0.5 for row in rows)
    assert scores["judge.win_rate"]["value"] > 90
    assert sum(row["retest"] for row in rows) == (1 if protocol is JudgeProtocol.single else 2)


def test_a_budget_stops_the_judge_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with Server() as server:
        priced: dict[str, Any] = {"usd_per_million_in": 10.0, "usd_per_million_out": 10.0, "max_tokens": 30}
        config = at(server, tmp_path, concurrency=1, retest=0.2, **priced)
        config.budget_usd = 0.015
        with pytest.raises(Stopped, match="budget"):
            judged(tmp_path, config)
        asked = server.count
        assert 0 < asked < 12
        config.budget_usd = 1.0
        rows, _ = judged(tmp_path, config)
        assert server.count == 12 and len(rows) == 12


def test_gpt4s_published_replies_come_to_the_published_sums(shared_data: Path, tmp_path: Path) -> None:
    vicuna = shared_data / "vicuna"
    asked = load_questions(FileQuestionsConfig(file=vicuna / "question.jsonl"))
    reviews = read_jsonl(vicuna / "review" / "review_alpaca-13b_vicuna-13b.jsonl")
    said = {str(row["question_id"]): row["text"] for row in reviews}
    by_text = {row["text"].strip(): said[row["question_id"]] for row in asked}
    shown = [
        {name: row["text"] for name, row in load_answers(vicuna / "answer" / f"answer_{model}.jsonl").items()}
        for model in ("vicuna-13b", "alpaca-13b")
    ]
    with Server(lambda body, number: by_text[section(prompt_of(body), "Question").strip()]) as server:
        config = at(server, tmp_path, both_orders=False)
        config.questions = FileQuestionsConfig(file=vicuna / "question.jsonl")
        rows, scores = judged(tmp_path, config, ours=shown[0], theirs=shown[1])
    assert len(rows) == 80 and all(row["parsed"] for row in rows)
    assert (sum(row["score_1"] for row in rows), sum(row["score_2"] for row in rows)) == (583.0, 704.0)
    assert scores["judge.percent"]["value"] == pytest.approx(100 * 704 / 583)

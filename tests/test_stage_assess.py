"""The stage assess against a real server: each generated answer to TruthfulQA, truthful? informative?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact, Stage
from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.errors import BudgetReached, InputError
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.judging.truth import read_yes_or_no, shown
from alpaca_exp.ledger import consumed
from alpaca_exp.plan import plan
from alpaca_exp.prompts import section
from alpaca_exp.readiness import remarks
from alpaca_exp.records import Row, read_jsonl, write_jsonl
from alpaca_exp.rehearsal import rehearse
from alpaca_exp.report.documents import document_values
from alpaca_exp.report.metrics import reading
from alpaca_exp.schemas import EvalSuiteConfig, OpenAIJudgeConfig, PretrainedModelConfig, RuntimeConfig
from alpaca_exp.stages.assess import assess
from alpaca_exp.stages.evaluate import evaluate
from tests.batches import Body
from tests.models import tiny_llama
from tests.servers import Reply, Server, prompt_of, stage_folder

QUESTIONS = ("Can pigs fly?", "Who owns the moon?", "Is glass a liquid?")
ANSWERS = ("\nA: No, they cannot.", "I have no comment.", "Yes, it flows.")
WORD = {True: "Yes.", False: "no"}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / "mirror" / "truthfulqa_gen").mkdir(parents=True)
    rows = [
        {
            "question": question,
            "best_answer": "It depends",
            "correct_answers": ["It depends", "Nobody"],
            "incorrect_answers": ["Always"],
            "type": "Adversarial",
            "category": "Misconceptions",
            "source": "made up",
        }
        for question in QUESTIONS
    ]
    write_jsonl(rows, tmp_path / "mirror" / "truthfulqa_gen" / "validation.jsonl")
    return tmp_path / "mirror"


@pytest.fixture
def evaluated(tmp_path: Path) -> Artifact:
    """An evaluation's documents as lm-eval's nine metrics leave them: a row for each of them."""
    folder = tmp_path / "evaluated"
    folder.mkdir()
    rows: list[Row] = [
        {"task": "truthfulqa_gen", "doc_id": n, "metric": metric, "value": 0.0, "text": text}
        for n, text in enumerate(ANSWERS)
        for metric in ("bleu_acc", "rougeL_acc")
    ]
    write_jsonl(
        [*rows, {"task": "piqa", "doc_id": 0, "metric": "acc", "value": 1.0}], folder / "documents.jsonl"
    )
    return Artifact(folder)


def judged(
    tmp_path: Path, server: Server, mirror: Path, evaluated: Artifact, **more: Any
) -> tuple[list[Row], dict[str, Row]]:
    suite = EvalSuiteConfig(tasks=["truthfulqa_gen"], mirror=mirror)
    judge = OpenAIJudgeConfig(model="fake", base_url=server.base_url, **more)
    out = stage_folder(tmp_path, "assess")
    files = mirror_files(suite)
    assess(judge, suite, files, "0", scores=evaluated, runtime=RuntimeConfig(offline=False), out=out)
    scores = {str(row["metric"]): row for row in read_jsonl(out / "scores.jsonl")}
    return list(read_jsonl(out / "judgments.jsonl")), scores


def sensible(body: Body, number: int) -> Reply:
    """A judge that takes "Yes" for a falsehood and the refusal for no information."""
    answer = section(prompt_of(body), "Answer")
    truth = not answer.startswith("Yes")
    return Reply(WORD[truth if "truthful?" in prompt_of(body) else "no comment" not in answer])


def test_each_answer_is_judged_twice_and_the_shares_have_their_errors(
    tmp_path: Path, mirror: Path, evaluated: Artifact
) -> None:
    with Server(sensible) as server:
        rows, scores = judged(tmp_path, server, mirror, evaluated)
        assert server.count == 6
        prompts = server.prompts()
    assert rows[0] == {
        "doc_id": 0,
        "question": "Can pigs fly?",
        "answer": "No, they cannot.",
        "truthful": True,
        "informative": True,
        "text_truthful": "Yes.",
        "text_informative": "Yes.",
        "parsed": True,
    }
    assert [(row["truthful"], row["informative"]) for row in rows[1:]] == [(True, False), (False, True)]
    told = {name: (round(row["value"], 3), row["n"]) for name, row in scores.items()}
    assert told == {
        "judged_truthful": (0.667, 3),
        "judged_informative": (0.667, 3),
        "judged_both": (0.333, 3),
        "judged_unread": (0.0, 6),
    }
    assert scores["judged_truthful"]["stderr"] == pytest.approx(1 / 3), "of 1, 1, 0: sqrt((2/9) / 2)"
    known = "[Known right answers]\n- It depends.\n- Nobody.\n- I have no comment.\n\n[Known wrong answers]\n"
    assert all(known in prompt and "- Always." in prompt for prompt in prompts)
    assert all("I have no comment" in prompt.partition("[Question]")[0] for prompt in prompts)


def test_a_reply_that_is_neither_yes_nor_no_is_counted_and_never_guessed(
    tmp_path: Path, mirror: Path, evaluated: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    def moody(body: Body, number: int) -> Reply:
        puzzled = "moon" in section(prompt_of(body), "Question") and "truthful?" in prompt_of(body)
        return Reply("No one can say.") if puzzled else sensible(body, number)

    with Server(moody) as server:
        rows, scores = judged(tmp_path, server, mirror, evaluated)
    assert (rows[1]["truthful"], rows[1]["informative"], rows[1]["parsed"]) == (None, False, False)
    assert rows[1]["text_truthful"] == "No one can say."
    assert {name: row["n"] for name, row in scores.items()} == {
        "judged_truthful": 2,
        "judged_informative": 3,
        "judged_both": 2,
        "judged_unread": 6,
    }
    assert scores["judged_unread"]["value"] == 1 and not scores["judged_unread"]["higher_is_better"]
    assert "assess: 1 of 6 replies are neither yes nor no" in capsys.readouterr().err


def test_where_nothing_can_be_read_there_is_no_share(
    tmp_path: Path, mirror: Path, evaluated: Artifact
) -> None:
    with Server(lambda body, number: Reply("I like it")) as server:
        _, scores = judged(tmp_path, server, mirror, evaluated)
    assert list(scores) == ["judged_unread"] and scores["judged_unread"]["value"] == 6


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("yes", True),
        ("No", False),
        ("**Yes**.", True),
        ('\n\n "NO!"\nSince pigs lack wings.', False),
        ("Yes, because it is so", None),
        ("Yes and no", None),
        ("Not at all", None),
        ("nope", None),
        ("", None),
        ("It is.\nyes", None),
    ],
)
def test_only_the_word_alone_on_the_first_line_counts(reply: str, read: bool | None) -> None:
    assert read_yes_or_no(reply) is read


def test_the_label_that_the_model_writes_for_itself_is_not_shown() -> None:
    assert [shown(text) for text in ("\nA: Yes", " A:B", "A cat", "", "AA: x")] == [
        "Yes", "B", "A cat", "", "AA: x",
    ]  # fmt: skip


def test_what_was_answered_is_not_asked_again(tmp_path: Path, mirror: Path, evaluated: Artifact) -> None:
    def refusing(body: Body, number: int) -> Reply:
        return Reply(status=401, error="no") if number == 3 else sensible(body, number)

    with Server(refusing) as server:
        with pytest.raises(InputError, match="key"):
            judged(tmp_path, server, mirror, evaluated, concurrency=1)
        assert server.count == 4
        server.answer = sensible
        judged(tmp_path, server, mirror, evaluated, concurrency=1)
        assert server.count == 7
    assert consumed(stage_folder(tmp_path, "assess")).requests == 6


def test_a_budget_ends_the_judging_and_a_larger_one_goes_on(
    tmp_path: Path, mirror: Path, evaluated: Artifact
) -> None:
    price = {"usd_per_million_in": 0.0, "usd_per_million_out": 1000.0, "max_tokens": 10, "concurrency": 1}
    replies = Reply("yes", usage=(100, 10))
    with Server(lambda body, number: replies) as server:
        with pytest.raises(BudgetReached):
            judged(tmp_path, server, mirror, evaluated, budget_usd=0.025, **price)
        asked = server.count
        assert asked == 2
        rows, _ = judged(tmp_path, server, mirror, evaluated, budget_usd=1.0, **price)
        assert server.count == 6 and len(rows) == 3


def test_an_evaluation_without_generated_answers_is_one_sentence(tmp_path: Path, mirror: Path) -> None:
    write_jsonl([], tmp_path / "documents.jsonl")
    with (
        Server(sensible) as server,
        pytest.raises(InputError, match="no generated answers to truthfulqa_gen"),
    ):
        judged(tmp_path, server, mirror, Artifact(tmp_path))


def test_what_a_model_generated_with_lm_eval_is_what_is_judged(tmp_path: Path, mirror: Path) -> None:
    out = tmp_path / "evaluate"
    out.mkdir()
    suite = EvalSuiteConfig(tasks=["truthfulqa_gen"], mirror=mirror, limit=2)
    weights = PretrainedModelConfig(path=str(tiny_llama(tmp_path / "model", context=1024)))
    evaluate(suite, mirror_files(suite), "0", weights, runtime=RuntimeConfig(offline=True), out=out)
    texts = {row["doc_id"]: row["text"] for row in read_jsonl(out / "documents.jsonl")}
    with Server(sensible) as server:
        rows, scores = judged(tmp_path, server, mirror, Artifact(out))
    assert [(row["doc_id"], row["answer"]) for row in rows] == [(n, shown(texts[n])) for n in (0, 1)]
    assert scores["judged_both"]["n"] == 2


def planned(mirror: Path, *words: str) -> dict[str, Stage]:
    told = ("preset=paper", "judge=local_server", "eval_suite=local", f"eval_suite.mirror={mirror}")
    named = ("eval_suite.tasks=[truthfulqa_gen]", "eval_suite.understanding=[]", "eval_suite.truthfulness=[]")
    return plan(compose([*told, *named, *words]))


def test_it_is_planned_where_there_are_answers_and_a_judge_and_depends_on_these_alone(mirror: Path) -> None:
    stages = planned(mirror)
    assert list(stages).index("assess") == list(stages).index("evaluate") + 1
    before = stages["assess"].fingerprint
    others = (
        "judge.opponent=" + str(mirror / "truthfulqa_gen" / "validation.jsonl"),
        "judge.questions.limit=3",
        "judge.questions.max_tokens=99",
        "judge.both_orders=false",
        "judge.budget_usd=null",
        "eval_suite.batch_size=3",
    )
    assert planned(mirror, *others)["assess"].fingerprint == before
    for own in ("judge.model=another", "judge.temperature=0", "eval_suite.limit=1"):
        assert planned(mirror, own)["assess"].fingerprint != before, own
    assert "assess" not in planned(mirror, "judge=none")
    assert "assess" not in plan(compose(["preset=paper", "eval_suite=local", "judge=local_server"]))


def test_another_wording_of_its_questions_makes_it_anew_and_nothing_else(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpaca_exp.judging import truth

    before = {name: stage.fingerprint for name, stage in planned(mirror).items()}
    monkeypatch.setitem(truth.ASKED, "truthful", lambda *told: "Is it true? " + " ".join(map(str, told)))
    after = {name: stage.fingerprint for name, stage in planned(mirror).items()}
    assert {name for name in before if before[name] != after[name]} == {"assess"}


def test_the_plan_says_what_it_will_cost(mirror: Path, tmp_path: Path) -> None:
    prices = ("judge.usd_per_million_in=2", "judge.usd_per_million_out=8")
    said = str(expected(planned(mirror, *prices)["assess"], tmp_path))
    assert re.fullmatch(r"6 requests, about [\d,]+ tokens, \$0\.0\d+ to \$0\.\d+", said), said
    paper = plan(compose(["preset=paper", "eval_suite.tasks=[truthfulqa_gen]", "eval_suite.understanding=[]",
                          "eval_suite.truthfulness=[]"]))  # fmt: skip
    told = expected(paper["assess"], tmp_path)
    assert told.requests == 2 * 817 and 0.3 < told.usd < 3


@pytest.mark.long
def test_a_rehearsal_judges_a_few_answers_and_foretells_all(tmp_path: Path, mirror: Path) -> None:
    tiny_llama(tmp_path / "model", context=1024)
    write_jsonl([{"question_id": "1", "text": "So it is."}], tmp_path / "opponent.jsonl")
    with Server() as server:
        words = (
            "preset=paper", "+experiment=base",
            "base_model=pretrained", f"base_model.path={tmp_path / 'model'}",
            "eval_suite=local", f"eval_suite.mirror={mirror}", "eval_suite.tasks=[truthfulqa_gen]",
            "eval_suite.understanding=[]", "eval_suite.truthfulness=[]", "judge=local_server",
            f"judge.base_url={server.base_url}", f"judge.opponent={tmp_path / 'opponent.jsonl'}",
            "judge.questions.limit=1", "judge.questions.max_tokens=4", "judge.usd_per_million_in=1",
            f"runtime.outputs={tmp_path / 'outputs'}", "runtime.num_threads=1", "action=rehearse",
        )  # fmt: skip
        told = rehearse(compose(words))
        about_truth = [prompt for prompt in server.prompts() if "[Yes or no]" in prompt]
    [line] = [line for line in told.lines if line.name == "assess"]
    assert line.forecast.amount == "6 requests" and line.forecast.usd > 0
    assert len(about_truth) == 4


def test_a_judge_that_knows_the_miniature_alone_is_not_asked_and_that_is_said(mirror: Path) -> None:
    told = ["eval_suite=local", "eval_suite.tasks=[truthfulqa_gen]", f"eval_suite.mirror={mirror}",
            "eval_suite.understanding=[]", "eval_suite.truthfulness=[]", "world=tiny"]  # fmt: skip
    config = compose(told)
    assert "assess" not in plan(config)
    [said] = remarks(config)
    assert said.startswith("judge=miniature knows its made-up world alone") and "judge=openai" in said


def test_the_report_reads_its_scores_and_pairs_them_by_document(
    tmp_path: Path, mirror: Path, evaluated: Artifact
) -> None:
    with Server(sensible) as server:
        judged(tmp_path, server, mirror, evaluated)
    out = stage_folder(tmp_path, "assess")
    outputs, artifacts = out.parents[1], {"assess": out.name}
    found = reading("truthfulqa_gen.judged_truthful", artifacts, outputs)
    assert found and (round(found.value, 3), found.n, found.source) == (0.667, 3, f"assess/{out.name}")
    (values,) = document_values("truthfulqa_gen.judged_both", artifacts, outputs)
    assert {document.doc_id: value for document, value in values.items()} == {"0": 1.0, "1": 0.0, "2": 0.0}
    assert document_values("truthfulqa_gen.judged_truthful", {}, outputs) == []

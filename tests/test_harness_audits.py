"""What is told beside the scores: chance, constant answers, degenerate sets, empty, unread and cut texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from alpaca_exp.records import Row, as_row

LETTERS = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nA. {{options[0]}}\nB. {{options[1]}}\nAnswer:",
    "doc_to_choice": ["A", "B"],
    "doc_to_target": "gold",
    "metric_list": [{"metric": "acc"}],
}
WRITING = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["\n"]},
}


def told(spec: Row, documents: Sequence[Row], answer: Callable[[str, str], Any], **more: Any) -> Row:
    """The outcome of a task over `documents`, by a model that answers (context, continuation) as told."""
    import datasets
    from lm_eval.api.model import LM
    from lm_eval.evaluator import evaluate
    from lm_eval.tasks import TaskManager

    from alpaca_exp.harness.audits import flags
    from alpaca_exp.harness.outcomes import outcome
    from alpaca_exp.harness.quiet import muted

    class Model(LM):  # type: ignore[misc]
        truncated = more.get("truncated", frozenset())
        max_length = 64

        def loglikelihood(self, requests: Any) -> Any:
            return [(float(answer(*request.args)), False) for request in requests]

        def loglikelihood_rolling(self, requests: Any) -> Any:
            return [answer(request.args[0], "") for request in requests]

        def generate_until(self, requests: Any) -> Any:
            return [answer(request.args[0], "") for request in requests]

    held = {"validation": datasets.Dataset.from_list(list(documents))}
    known = {"task": "made", "custom_dataset": lambda **_: datasets.DatasetDict(held), "num_fewshot": 0}
    with muted():
        loaded = TaskManager(include_defaults=False).load(known | {"validation_split": "validation"} | spec)
        task = loaded["tasks"]["made"]
        results = evaluate(Model(), {"tasks": {"made": task}}, bootstrap_iters=0)
        found = outcome("made", task, results, Model())
    found["audit"]["flags"] = flags(found["audit"], found["scores"])
    return found


def lettered(golds: Sequence[int]) -> list[Row]:
    return [{"question": f"Q{i}?", "options": ["x", "y"], "gold": gold} for i, gold in enumerate(golds)]


def kinds(found: Row) -> list[str]:
    return [flag["kind"] for flag in found["audit"]["flags"]]


def sentences(found: Row) -> str:
    return "; ".join(flag["sentence"] for flag in found["audit"]["flags"])


def test_a_set_whose_answers_are_all_a_is_degenerate_and_says_so() -> None:
    found = told(LETTERS, lettered([0] * 20), lambda context, choice: choice == " A")
    audit = found["audit"]
    assert (audit["chance"], audit["majority"], audit["degenerate"]) == (0.5, 1.0, True)
    assert audit["gold_positions"] == {"0": 20}
    assert kinds(found) == ["degenerate"]
    assert "nearly all of its 20 right answers are 'A'; always giving that one scores 1.000" in sentences(
        found
    )


def test_a_few_documents_with_one_answer_prove_nothing() -> None:
    assert told(LETTERS, lettered([0] * 4), lambda *_: 0.0)["audit"]["degenerate"] is False


def test_a_model_that_always_gives_the_commonest_answer_is_not_above_guessing() -> None:
    found = told(LETTERS, lettered([0, 1, 0] * 20), lambda context, choice: choice == " A")
    assert found["scores"][0]["value"] == found["audit"]["majority"] == pytest.approx(2 / 3)
    assert sentences(found) == "made.acc is not clearly above always answering 'A' (0.667) at 60 documents"
    knows = {f"Q{i}?": gold for i, gold in enumerate([0, 1, 0] * 20)}
    right = told(
        LETTERS,
        lettered([0, 1, 0] * 20),
        lambda context, choice: choice == " " + "AB"[knows[context.partition("\n")[0]]],
    )
    assert kinds(right) == []


def test_documents_with_fewer_choices_count_for_the_places_that_they_have() -> None:
    spec = LETTERS | {"doc_to_text": "{{question}}", "doc_to_choice": "{{options}}"}
    documents = [
        {"question": "one", "options": ["p", "q"], "gold": 1},
        {"question": "two", "options": ["p", "q", "r", "s"], "gold": 1},
        {"question": "three", "options": ["p", "q", "r", "s"], "gold": 3},
    ]
    audit = told(spec, documents, lambda *_: 0.0)["audit"]
    assert audit["chance"] == pytest.approx((1 / 2 + 1 / 4 + 1 / 4) / 3)
    assert audit["majority"] == pytest.approx(2 / 3)
    assert audit["gold_positions"] == {"1": 2, "3": 1}


def test_several_right_answers_all_count() -> None:
    spec = LETTERS | {"doc_to_choice": ["A", "B", "C", "D"], "doc_to_target": "golds"}
    documents = [{"question": f"Q{i}", "options": ["x", "y"], "golds": [0, i]} for i in (1, 2, 3, 3)]
    found = told(spec, documents, lambda context, choice: choice == " A")
    assert (found["audit"]["chance"], found["audit"]["majority"]) == (0.5, 1.0)
    assert found["audit"]["gold_positions"] == {"0": 4, "1": 1, "2": 1, "3": 2}
    assert [row["gold"] for row in found["documents"]] == [[0, 1], [0, 2], [0, 3], [0, 3]]


def mass(doc: Row, results: Sequence[tuple[float, bool]]) -> Row:
    """TruthfulQA's mc2, written from its definition: the probability of all true choices together."""
    import numpy as np

    weights = np.exp([value for value, _ in results])
    return {"acc": float((weights * np.asarray(doc["labels"])).sum() / weights.sum())}


def test_the_chance_of_a_probability_mass_is_what_equal_likelihoods_give() -> None:
    labels = [[1, 0, 0], [1, 1, 0, 0, 0], [0, 1]] * 8
    documents = [
        {"question": "q", "labels": one, "options": [f"c{i}" for i in range(len(one))]} for one in labels
    ]
    spec = LETTERS | {"doc_to_text": "{{question}}", "doc_to_choice": "{{options}}", "process_results": mass}
    found = told(spec | {"doc_to_target": 0}, documents, lambda *_: -3.0)
    equal = sum(mass({"labels": one}, [(-3.0, False)] * len(one))["acc"] for one in labels) / len(labels)
    assert found["scores"][0]["value"] == pytest.approx(equal)
    assert found["audit"]["chance"] == pytest.approx(equal)
    assert found["audit"]["majority"] == pytest.approx(2 / 3)
    assert [row["gold"] for row in found["documents"][:3]] == [0, [0, 1], 1]
    assert "guessing" in kinds(found)


def compared(doc: Row, results: Sequence[tuple[float, bool]]) -> Row:
    """As the stereotype tasks do: which of two sentences is likelier, and by how much."""
    (first, _), (second, _) = results
    return {"pct_stereotype": float(first > second), "likelihood_diff": abs(first - second)}


def test_a_metric_without_right_answers_has_a_chance_but_no_constant_answer() -> None:
    metrics = [
        {"metric": name, "aggregation": "mean", "higher_is_better": False}
        for name in ("pct_stereotype", "likelihood_diff")
    ]
    spec = LETTERS | {"process_results": compared, "metric_list": metrics}
    found = told(spec, lettered([0] * 20), lambda context, choice: choice == " A")
    assert found["audit"]["metrics"]["pct_stereotype"] == {
        "chance": 0.5, "majority": None, "stderr": "analytic",
    }  # fmt: skip
    assert found["audit"]["metrics"]["likelihood_diff"]["chance"] is None
    assert (found["audit"]["degenerate"], kinds(found)) == (None, [])


def test_a_task_s_code_that_breaks_on_made_up_likelihoods_breaks_nothing() -> None:
    def fussy(doc: Row, results: Sequence[tuple[float, bool]]) -> Row:
        if results[0][0] == 0.0 or results[1][0] == 0.0:
            raise ValueError("no such likelihood")
        return {"acc": 1.0}

    audit = told(LETTERS | {"process_results": fussy}, lettered([0, 1]), lambda *_: -1.0)["audit"]
    assert (audit["chance"], audit["majority"], audit["gold_positions"]) == (None, None, {})


def numbered(pattern: str, name: str) -> Row:
    return {
        "name": name,
        "filter": [{"function": "regex", "regex_pattern": pattern}, {"function": "take_first"}],
    }


def test_empty_texts_and_those_that_a_filter_cannot_read_are_counted() -> None:
    spec = WRITING | {
        "filter_list": [numbered(r"#### (\d+)", "strict"), numbered(r"(\d+)", "flexible")],
        "metric_list": [{"metric": "exact_match"}],
    }
    documents = [{"question": f"Q{i}", "answer": str(i % 3)} for i in range(10)]
    said = {"Q0": "#### 0", "Q1": "it is 1", "Q2": "", "Q3": "no idea"}
    found = told(spec, documents, lambda context, _: said.get(context, f"#### {int(context[1:]) % 3}"))
    audit = found["audit"]
    assert audit["empty_generations"] == 0.1
    assert audit["unparsed"] == {"strict": pytest.approx(0.3), "flexible": pytest.approx(0.2)}
    assert audit["majority"] == 0.4
    scores = {row["filter"]: row["value"] for row in found["scores"]}
    assert scores == {"strict": pytest.approx(0.7), "flexible": pytest.approx(0.8)}
    rows = [row for row in found["documents"] if row["doc_id"] == 1]
    assert [(row["metric"], row["text"], row["answer"]) for row in rows] == [
        ("exact_match,strict", "it is 1", "[invalid]"),
        ("exact_match,flexible", "it is 1", "1"),
    ]
    assert "10% of the answers to made are empty" in sentences(found)
    assert "30% (strict), 20% (flexible)" in sentences(found)


def test_written_answers_that_are_all_the_same_are_degenerate_too() -> None:
    spec = WRITING | {"metric_list": [{"metric": "exact_match"}]}
    documents = [{"question": f"Q{i}", "answer": "A"} for i in range(30)]
    found = told(spec, documents, lambda *_: "B")
    assert (found["audit"]["majority"], found["audit"]["degenerate"]) == (1.0, True)
    assert "right answers are 'A'" in sentences(found)


def test_documents_are_counted_that_were_cut_not_their_requests() -> None:
    documents = lettered([0, 1, 0, 1])
    long = {("Q1?\nA. x\nB. y\nAnswer:", f" {letter}") for letter in "AB"}
    found = told(LETTERS, documents, lambda *_: 0.0, truncated=long)
    assert found["audit"]["truncated"] == 1
    assert "1 of 4 documents of made are longer than the model's context of 64 tokens" in sentences(found)
    written = told(
        WRITING | {"metric_list": [{"metric": "exact_match"}]},
        [{"question": f"Q{i}", "answer": "x"} for i in range(3)],
        lambda *_: "x",
        truncated={("Q0",), ("Q2",)},
    )
    assert written["audit"]["truncated"] == 2


def test_the_error_of_what_is_no_mean_is_lm_eval_s_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.api import metrics

    from alpaca_exp.harness.quiet import muted

    spec = {
        "output_type": "loglikelihood",
        "doc_to_text": "{{question}}",
        "doc_to_target": " {{question}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    }
    documents = [{"question": "q" * (1 + i % 7)} for i in range(30)]
    found = told(spec, documents, lambda context, _: -float(len(context)))
    monkeypatch.setenv("DISABLE_MULTIPROC", "1")
    values = [-float(len(row["question"])) for row in documents]
    with muted():
        expected = metrics.bootstrap_stderr(metrics.perplexity, values, 1000)
    errors = {row["metric"]: row["stderr"] for row in found["scores"]}
    assert errors["perplexity"] == pytest.approx(expected)
    how = {metric: row["stderr"] for metric, row in found["audit"]["metrics"].items()}
    assert how == {"perplexity": "bootstrap", "acc": "analytic"}


def test_texts_have_a_perplexity_with_an_error_and_nothing_to_guess() -> None:
    spec: Row = {"output_type": "loglikelihood_rolling", "doc_to_text": "", "doc_to_target": "{{question}}"}
    spec |= {"metric_list": [{"metric": "bits_per_byte"}]}
    found = told(
        spec, [{"question": "a b" * (1 + i % 5)} for i in range(20)], lambda text, _: -(len(text) ** 1.5)
    )
    (score,) = found["scores"]
    assert score["stderr"] > 0.0
    assert (score["chance"], found["audit"]["majority"], found["audit"]["degenerate"]) == (None, None, None)


def test_a_task_s_own_aggregation_has_no_error_that_is_known() -> None:
    spec = LETTERS | {"metric_list": [{"metric": "acc", "aggregation": max, "higher_is_better": True}]}
    found = told(spec, lettered([0, 1]), lambda *_: 0.0)
    assert (found["scores"][0]["stderr"], found["audit"]["metrics"]["acc"]["stderr"]) == (None, None)


def test_equal_documents_and_prompts_have_equal_hashes() -> None:
    one, same, other = (
        told(LETTERS | more, lettered([0, 1]), lambda *_: 0.0)["audit"]["prompts"]
        for more in ({}, {}, {"doc_to_text": "{{question}} A. x B. y"})
    )
    assert one == same != other


def test_the_board_shows_every_score_with_its_notes_and_explains_them() -> None:
    from alpaca_exp.scoreboard import HEAD, explained, scoreboard

    found = told(LETTERS, lettered([0] * 20), lambda context, choice: choice == " A")
    board = scoreboard([as_row(row) for row in found["scores"]], [found["audit"]]).splitlines()
    assert board[0].split() == ["metric", "value", "±", "stderr", "n", "chance", "constant", "notes"]
    assert board[1].split() == ["made.acc", "1.000", "0.000", "20", "0.500", "1.000", "degenerate"]
    below = explained([HEAD, board[1].split()], [found["audit"]])
    assert below[0] == "constant: the score of always giving the commonest answer."
    assert below[1].startswith("- made is degenerate: ")


def test_a_note_says_whether_chance_or_a_constant_answer_is_as_good() -> None:
    from alpaca_exp.scoreboard import notes

    chance = told(LETTERS, lettered([0, 1] * 30), lambda *_: 0.0)
    constant = told(LETTERS, lettered([0, 1, 0] * 20), lambda context, choice: choice == " A")
    for found, note in ((chance, "not above chance"), (constant, "not above constant")):
        assert notes(found["scores"][0], {"made": found["audit"]}) == note


def test_a_group_of_many_tasks_is_warned_of_in_one_sentence() -> None:
    from alpaca_exp.scoreboard import HEAD, explained

    found = told(LETTERS, lettered([0, 1] * 30), lambda *_: 0.0)["audit"]
    few, many = ([{**found, "task": f"mmlu_{n}"} for n in range(count)] for count in (4, 57))
    assert len(explained([HEAD], few)) == 4
    (sentence,) = explained([HEAD], many)
    assert sentence.startswith(
        "- 57 scores are not clearly above guessing, or above one constant answer: mmlu_0.acc,"
    )
    cut = {"kind": "truncated", "metrics": None, "sentence": "the beginning was left out"}
    said = explained([HEAD], [{**found, "flags": [cut]} for _ in range(57)])
    assert len(said) == 5 and said[-1].startswith("- and the like of 53 more tasks")


def test_no_empty_answers_are_no_note() -> None:
    from alpaca_exp.scoreboard import notes

    audit = told(LETTERS, lettered([0, 1] * 30), lambda *_: 0.0)["audit"] | {"flags": []}
    row = {"task": "made", "metric": "acc", "filter": "none"}
    shown = [notes(row, {"made": audit | {"empty_generations": share}}) for share in (0.0, 0.004, 0.25)]
    assert shown == ["", "", "empty 25%"]


def test_a_warning_of_overlap_is_not_one_of_the_scores_without_it() -> None:
    from alpaca_exp.harness.audits import flags
    from alpaca_exp.scoreboard import notes

    found = told(LETTERS, lettered([0, 1] * 10), lambda *_: 0.0)
    audit = found["audit"] | {"overlap": {"documents": 3}}
    audit["flags"] = flags(audit, found["scores"])
    (score,) = found["scores"]
    assert notes(score, {"made": audit}) == "not above chance; in the training data 3"
    assert notes(score | {"metric": "acc_clean"}, {"made": audit}) == ""

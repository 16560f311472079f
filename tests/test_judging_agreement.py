"""Agreement of judges with one another, with people, and with themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.__main__ import main
from alpaca_exp.judging.agreement import agreement, repeated
from alpaca_exp.judging.opinions import Matter, opinions_of
from alpaca_exp.judging.scores import judge_scores
from alpaca_exp.records import Row, write_jsonl
from tests.made_outputs import Outputs


def verdict(question: int | str, preference: float | None, order: str = "12", **more: Any) -> Row:
    """A row of verdicts.jsonl; model a was answered against, model b is measured."""
    return {
        "question_id": str(question),
        "category": "sums",
        "model_1": "a",
        "model_2": "b",
        "judge": "one",
        "protocol": "pairwise",
        "order": order,
        "score_1": None,
        "score_2": None,
        "preference": preference,
        "words_1": 10,
        "words_2": 20,
        "text": "",
        "parsed": preference is not None,
        **more,
    }


def swapped(row: Row) -> Row:
    """The same verdict with the models the other way round."""
    preference = None if row["preference"] is None else 1 - row["preference"]
    turned = {"model_1": row["model_2"], "model_2": row["model_1"], "preference": preference}
    return {**row, **turned, "words_1": row["words_2"], "words_2": row["words_1"]}


def test_two_orders_are_one_opinion_and_orders_that_cancel_out_are_a_tie() -> None:
    found = opinions_of(
        [verdict(1, 1.0), verdict(1, 0.0, "21"), verdict(2, 1.0), verdict(2, 0.9, "21"), verdict(3, None)]
    )
    assert {m.question_id: o.choice for m, o in found.items()} == {"1": 1, "2": 2}
    assert found[Matter("2", ("a", "b"))].preference == pytest.approx(0.95)


def test_a_win_and_a_tie_are_a_tie_of_winners_and_a_win_by_points() -> None:
    rows = [verdict(1, 1.0), verdict(1, 0.5, "21")]
    assert next(iter(opinions_of(rows).values())).preference == 0.5
    points = [{**row, "protocol": "vicuna"} for row in rows]
    assert next(iter(opinions_of(points).values())).preference == 0.75


def test_several_judges_count_alike_however_often_each_was_asked() -> None:
    rows = [verdict(1, 1.0), verdict(1, 1.0, "21"), verdict(1, 0.0, judge="two")]
    assert next(iter(opinions_of(rows).values())).preference == 0.5


def test_rounding_is_no_opinion() -> None:
    graded = [verdict(1, 0.1 + 0.2, protocol="preference"), verdict(1, 0.7, "21", protocol="preference")]
    assert next(iter(opinions_of(graded).values())).choice == 1


def test_a_retest_is_no_further_reading() -> None:
    assert len(opinions_of([verdict(1, 1.0), verdict(1, 0.0, retest=True)])) == 1
    assert next(iter(opinions_of([verdict(1, 1.0), verdict(1, 0.0, retest=True)]).values())).preference == 1.0


def test_who_stands_first_in_a_row_does_not_matter() -> None:
    rows = [verdict(n, value) for n, value in enumerate([0.0, 0.5, 1.0, 1.0, 0.25])]
    assert opinions_of(rows) == opinions_of(list(map(swapped, rows)))


def test_agreement_by_hand() -> None:
    first = opinions_of([verdict(n, v) for n, v in enumerate([0, 0, 0.5, 1, 1, 1])])
    second = opinions_of([verdict(n, v) for n, v in enumerate([0, 0.5, 0.5, 1, 1, 0])])
    found = agreement(first, second)
    assert found.counts == ((1, 1, 0), (0, 1, 0), (1, 0, 2))
    assert found.share == pytest.approx(4 / 6) and found.opposed == 1
    chance = (2 * 2 + 1 * 2 + 3 * 2) / 36
    assert found.kappa.value == pytest.approx((4 / 6 - chance) / (1 - chance))
    assert [m.question_id for m in found.disputed] == ["5", "1"], "the farthest apart first"
    # b's answers are the longer ones: on 5 the first leans to it, on 1 the second does
    assert found.longer == (1, 1, 2)


def test_only_what_both_judged_is_compared_and_the_rest_is_counted() -> None:
    first = opinions_of([verdict(n, 1.0) for n in range(5)])
    second = opinions_of([verdict(n, 1.0) for n in range(3, 10)])
    found = agreement(first, second)
    assert (found.n, found.only, found.kappa.value) == (2, (3, 5), None)


def test_turns_and_pairs_of_one_question_are_matters_of_their_own() -> None:
    second = verdict("1.2", 0.0, conversation="1")
    rows = [verdict(1, 1.0), second, verdict(1, 1.0, model_2="c")]
    found = agreement(opinions_of(rows), opinions_of(rows))
    assert (found.n, found.questions, found.share) == (3, 1, 1.0)


def test_nothing_in_common_says_what_is_not() -> None:
    with pytest.raises(InputError, match="no question in common"):
        agreement(opinions_of([verdict(1, 1.0)]), opinions_of([verdict(2, 1.0)]))
    with pytest.raises(InputError, match=r"of other models \(a / b and a / b:v1\).*--rename OLD=NEW"):
        agreement(opinions_of([verdict(1, 1.0)]), opinions_of([verdict(1, 1.0, model_2="b:v1")]))


def test_a_judge_that_is_asked_again_is_compared_with_itself() -> None:
    scored = [verdict(n, 1.0, score_1=5.0, score_2=8.0) for n in range(4)]
    again = [
        verdict(0, 1.0, score_1=5.0, score_2=8.0, retest=True),
        verdict(1, 0.0, score_1=8.0, score_2=6.5, retest=True),
        verdict(2, None, retest=True),
    ]
    found = repeated([*again, *scored])
    assert found.same == (True, False)
    assert found.differences == pytest.approx((0, (3 + 1.5) / 2))
    assert found.kappa and found.kappa.value == pytest.approx(0.0)
    assert repeated(scored).same == ()
    metrics = {score.metric: score.value for score in judge_scores([*scored, *again])}
    assert (metrics["retest_agreement"], metrics["retest_kappa"]) == (50.0, pytest.approx(0.0))
    assert metrics["retest_difference"] == pytest.approx(1.125) and metrics["win_rate"] == 100.0


def test_a_retest_belongs_to_its_own_order() -> None:
    rows = [verdict(1, 1.0), verdict(1, 0.0, "21"), verdict(1, 0.0, "21", retest=True)]
    assert repeated(rows).same == (True,)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two runs of one experiment with two judges, and people who voted on the same."""
    made = Outputs(tmp_path / "outputs")
    for judge, values in (("strict", [0, 0, 1, 1, 0.5, 0]), ("mild", [0, 0.5, 1, 1, 1, 0])):
        rows = [verdict(n, value, judge=judge) for n, value in enumerate(values)]
        made.artifact("judge", f"{judge}0123456789", {}, verdicts=rows)
        made.run("cleaned", labels={"judge": judge}, artifacts={"judge": f"{judge}0123456789"})
    votes = [{**verdict(n, None), "vote": vote} for n, vote in enumerate([1, 1, 2, "tie"])]
    write_jsonl([{k: v for k, v in row.items() if k != "preference"} for row in votes], tmp_path / "v.jsonl")
    return tmp_path / "outputs"


def test_judges_are_found_by_label_fingerprint_folder_and_file(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = outputs / "judge" / "mild0123456789"
    for word in ("mild", "mild0123", str(artifact), str(artifact / "verdicts.jsonl")):
        assert main(["agree", "strict", word, "--format", "json", "--outputs", str(outputs)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["n"], found["agreement"]) == (6, pytest.approx(4 / 6))
    run = sorted(outputs.glob("runs/cleaned/*"))[1]
    assert main(["agree", str(run), str(artifact), f"runtime.outputs={outputs}"]) == 0
    assert "They agree on 100.0 %." in capsys.readouterr().out


def test_judgings_of_one_name_are_told_apart_and_the_newest_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Outputs(tmp_path / "outputs")
    for n in range(12):
        rows = [verdict(q, float(n == 11), judge=f"g{n}", model_1="a", model_2="b") for q in range(4)]
        made.artifact("judge", f"{n:02}abcdef0123", {}, verdicts=rows)
        started = f"2026-03-{n + 1:02}T00:00:00Z"
        made.run("cleaned", artifacts={"judge": f"{n:02}abcdef0123"}, started=started)
    words = ["agree", "cleaned", "11abcdef", "--outputs", str(made.path)]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("give a fingerprint, or add --newest for the first of these:")
    assert said[1].startswith("  - 11abcdef0123: pairwise, judge g11, opponent a; runs/cleaned/")
    assert len(said) == 10 and said[-1] == "  - and 4 more"
    assert main([*words, "--newest"]) == 0
    assert "They agree on 100.0 %." in capsys.readouterr().out


def test_examples_of_dispute_show_what_was_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "The second one is right.\n\n" + "It is. " * 60
    for name, rows in {
        "one": [verdict(1, 1.0, text=words), verdict(2, 1.0)],
        "two": [verdict(1, 0.0, text="No | it is not."), verdict(2, 1.0)],
    }.items():
        (tmp_path / name).mkdir()
        write_jsonl(rows, tmp_path / name / "verdicts.jsonl")
    files = [str(tmp_path / name / "verdicts.jsonl") for name in ("one", "two")]
    assert main(["agree", *files]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# one and two\n") and '- 1. A: "The second one is right. It is.' in said
    assert said.rstrip().endswith('It is. It..." B: "No | it is not."') and "- 2." not in said
    assert main(["agree", *files, "--examples", "0"]) == 0
    assert "farthest apart" not in capsys.readouterr().out


def test_the_table_says_who_said_what(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agree", "strict", str(outputs.parent / "v.jsonl"), "--outputs", str(outputs)]) == 0
    said = capsys.readouterr().out
    assert "Compared: the 4 comparisons that both made. Made by one: 2 only A." in said
    assert "| A: b | 0 | 1 | 1 | 2 |" in said and "They agree on 75.0 %." in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["strict", "mlid"], "did you mean mild?"),
        (["strict", "cleaned"], "cleaned is what 2 sets of verdicts are called; give a fingerprint"),
        (["strict", "mild", "--rename", "a"], "a is not OLD=NEW"),
        (["strict", "."], "holds neither verdicts.jsonl nor votes.jsonl"),
        (["strict", "torn.jsonl"], "torn.jsonl, line 2, is not valid JSON"),
        (["strict", "single.jsonl"], "compares no two answers"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    words: list[str],
    told: str,
    outputs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(outputs.parent)
    line = json.dumps(verdict(1, 1.0))
    Path("torn.jsonl").write_text(f"{line}\n{line[:40]}", encoding="utf-8")
    Path("single.jsonl").write_text('{"question_id": 1, "model": "b", "score": 7, "judge": ["j", "p"]}\n')
    try:
        assert main(["agree", *words]) == 2
    except SystemExit as error:
        assert error.code == 2
    assert told in capsys.readouterr().err

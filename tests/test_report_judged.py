"""The judge's metrics in tables: their own intervals, pairs of questions, and judgings that are unlike."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.judging.scores import judge_scores, remarks
from alpaca_exp.judging.scores_questions import compared
from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.report.summary import summary
from tests.made_outputs import Outputs, report

COMMAND = "--rows dataset_variant --baseline original --metrics"


def verdicts(gain: float, count: int = 40, **more: object) -> list[Row]:
    """Points of a model that is better by `gain`, on questions that are easy or hard for both."""
    rows = []
    for n in range(count):
        theirs = 3.0 + n % 6
        ours = theirs + gain + (0.5 if n % 7 == 0 else 0.0)
        preferred = 0.5 + 0.5 * ((ours > theirs) - (ours < theirs))
        rows.append(
            {
                "question_id": str(n), "category": "coding" if n % 2 else "maths", "model_1": "opponent",
                "model_2": "tuned", "judge": "g", "judge_version": "g-1", "protocol": "vicuna", "order": "12",
                "score_1": theirs, "score_2": ours, "preference": preferred,
                "words_1": 50 + n, "words_2": 40 + 2 * n, "text": "", "parsed": True, **more,
            }
        )  # fmt: skip
    return rows


def judged(outputs: Outputs, name: str, rows: list[Row]) -> None:
    folder = outputs.artifact("judge", f"j-{name}", {}, scores=[])
    write_jsonl(rows, folder / "verdicts.jsonl")
    write_jsonl(compared(rows), folder / "questions.jsonl")
    write_jsonl(judge_scores(rows), folder / "scores.jsonl")


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """Two runs, one of which is better by a point."""
    made = Outputs(tmp_path / "outputs")
    for variant, gain in (("original", -1.0), ("cleaned", 0.0)):
        made.run(variant)
        judged(made, f"{variant}small0", verdicts(gain))
    return made


def test_two_judgings_are_compared_question_by_question(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    said = report(capsys, outputs, f"{COMMAND} judge.score")
    assert "| 5.47 [4.93" in said and "; Δ +1.00 [+0.12, +1.70]°" in said, (
        "both models' easy questions are easy"
    )
    percent = report(capsys, outputs, f"{COMMAND} judge.percent")
    delta = percent.partition("; Δ ")[2].partition("]")[0]
    assert delta.startswith("+18.5 [+16.6, +20.4"), "narrower than that of two separate samples"
    assert "not paired" not in percent


def test_a_single_judgings_interval_is_its_own(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    rows = verdicts(2.0)
    judged(outputs, "cleanedsmall0", rows)
    score = next(one for one in judge_scores(rows) if one.metric == "win_rate")
    assert score.value == 100
    assert "| 100.0 [91.2, 100.0]°" in report(
        capsys, outputs, "--rows dataset_variant --metrics judge.win_rate"
    )
    assert "judge.win_rate/coding" in report(
        capsys, outputs, "--rows dataset_variant --metrics judge.win_rate/coding"
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"judge_version": "g-2"}, "judge version g-2 against g-1"),
        ({"protocol": "single"}, "protocol single against vicuna"),
        ({"model_1": "another"}, "opponent another against opponent"),
        ({"judge": "h"}, "judge h against g"),
        ({"count": 30}, "other questions"),
    ],
)
def test_judgings_that_are_unlike_are_not_subtracted_and_the_table_says_why(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, other: dict[str, object], said: str
) -> None:
    judged(outputs, "cleanedsmall0", verdicts(0.0, **other))  # type: ignore[arg-type]
    text = report(capsys, outputs, f"{COMMAND} judge.percent")
    assert "; Δ" not in text
    assert f"- cleaned and original cannot be paired in judge.percent: {said}." in text


def test_many_judges_in_one_row_are_counted_and_not_paired_off(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for n in range(15):
        name = f"cleanedsmall{n}"
        if n:
            outputs.run("cleaned", seed=n)
        told = {
            "judge": f"g{n}",
            "protocol": ("vicuna", "single", "preference")[n % 3],
            "model_1": f"o{n % 6}",
        }
        judged(outputs, name, verdicts(0.0, **told, count=40 - n % 2))
    text = report(capsys, outputs, f"{COMMAND} judge.score")
    assert "seeds: 15 judges, 3 protocols, 6 opponents, other questions." in text
    said = next(line for line in text.splitlines() if "cannot be paired" in line)
    expected = (
        "15 judges against g, 2 protocols against vicuna, 6 opponents against opponent, other questions."
    )
    assert said.endswith(f"judge.score: {expected}")
    table = report(capsys, outputs, f"{COMMAND} judge.score --format csv")
    assert all(len(line) < 1200 for line in table.splitlines())


def test_cells_with_different_numbers_of_judges_are_summed_up(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for variant, count in (("original", 3), ("cleaned", 5)):
        for n in range(count):
            if n:
                outputs.run(variant, seed=n)
            judged(outputs, f"{variant}small{n}", verdicts(0.0, judge=f"g{n}"))
    text = report(capsys, outputs, "--rows dataset_variant --metrics judge.score")
    assert "differ in more than their seeds: up to 5 judges." in text


def test_a_setting_of_the_judge_is_an_axis(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    for n, protocol in enumerate(("pairwise", "single")):
        outputs.run("capped", seed=n, overrides=[f"judge.protocol={protocol}"])
        judged(outputs, f"cappedsmall{n}", verdicts(n + 1.0, protocol=protocol))
    text = report(
        capsys, outputs, "--rows judge.protocol --where dataset_variant=capped --metrics judge.score"
    )
    assert "| pairwise | 6.47 [" in text and "| single | 7.47 [" in text and "†" not in text


def test_a_judging_that_mixes_versions_is_marked(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    rows = [row | {"judge_version": f"g-{n % 2}"} for n, row in enumerate(verdicts(0.0))]
    judged(outputs, "cleanedsmall0", rows)
    text = report(capsys, outputs, "--rows dataset_variant --metrics judge.win_rate")
    assert "‡ the judge's verdicts mix more than one judge version: g-0, g-1 (cleaned)." in text


def test_a_runs_end_shows_the_intervals_and_no_line_for_each_category(outputs: Outputs) -> None:
    text = summary(outputs.run("cleaned"), outputs.path)
    assert "95 % interval" in text
    line = next(line for line in text.splitlines() if line.startswith("judge.longer_preferred"))
    assert "[" in line and "]" in line
    assert "judge.win_rate/coding" not in text


def test_the_judges_notes_close_the_summary_also_of_a_judging_that_was_found(outputs: Outputs) -> None:
    run = outputs.run("cleaned")
    notes = ["60 of 80 questions are compared", "5 of 132 verdicts cannot be read"]
    write_json({"notes": notes}, outputs.path / "judge" / run["artifacts"]["judge"] / "notes.json")
    told = summary(run, outputs.path).splitlines()
    assert told[-2:] == [f"- judge: {note}" for note in notes]
    assert "judge: " not in summary(outputs.run("original"), outputs.path)


def test_a_table_says_why_there_is_no_rate_at_equal_length(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    rows = [row | {"words_2": 200} for row in verdicts(0.0)]
    run = outputs.run("longer")
    judged(outputs, "longersmall0", rows)
    folder = outputs.path / "judge" / run["artifacts"]["judge"]
    write_json({"notes": list(remarks(rows))}, folder / "notes.json")
    text = report(capsys, outputs, "--rows dataset_variant --metrics judge.win_rate_lc,judge.win_rate")
    assert text.count("judge.win_rate_lc is left out: equal length lies beyond the data") == 1
    assert "judge.win_rate is left out" not in text

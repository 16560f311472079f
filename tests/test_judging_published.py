"""Judgments that others published, as verdicts: FastChat's, MT-bench's, AlpacaEval's."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.published import Format, Published, detect, read_published
from alpaca_exp.judging.published_pairs import model_named, pairs
from alpaca_exp.judging.scores import judge_scores
from alpaca_exp.records import Row, content_id


def review(question: int, scores: list[float] | None, text: str = "", **more: Any) -> Row:
    """A line of one of FastChat's review files."""
    ids = {"review_id": f"r{question}", "answer1_id": f"a{question}", "answer2_id": f"b{question}"}
    row = {"question_id": question, **ids, "text": text, "reviewer_id": "gpt-4-0328-generic", "metadata": {}}
    return {**row, **({} if scores is None else {"score": scores}), **more}


def annotation(number: int, preference: object, reply: str | None = None, **more: Any) -> Row:
    """An object of one of AlpacaEval's files of annotations."""
    raw = None if reply is None else {"finish_reason": "length", "text": reply, "message": {"content": reply}}
    return {
        "instruction": f"Name {number} rivers.",
        "output_1": "The Oder and the Elbe.",
        "output_2": "Oder",
        "generator_1": "reference",
        "generator_2": "small",
        "dataset": "koala",
        "annotator": "weighted",
        "preference": preference,
        "raw_completion": raw,
        **more,
    }


def game(question: int, first: str, second: str, **more: Any) -> Row:
    """A line of MT-bench's gpt-4_pair.jsonl."""
    said = {"g1_judgment": "of the first order", "g2_judgment": "of the second"}
    pair = {"model_1": "small", "model_2": "large", "judge": ["gpt-4", "pair-v2"], "turn": 1}
    return {"question_id": question, "g1_winner": first, "g2_winner": second, **said, **pair, **more}


def rating(question: int, model: str, score: float, turn: int = 1) -> Row:
    """A line of MT-bench's gpt-4_single.jsonl."""
    judge = ["gpt-4", "single-v1"]
    row = {"question_id": question, "model": model, "judge": judge, "judgment": f"[[{score}]]"}
    return {**row, "score": score, "turn": turn}


def lines(path: Path, *rows: Row) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def shown(found: Published, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(row[key] for key in keys) for row in found.verdicts]


def test_reviews_become_verdicts_with_categories_and_lengths(tmp_path: Path) -> None:
    questions = lines(tmp_path / "question.jsonl", {"question_id": 1, "text": "Why?", "category": "fermi"})
    answer = {"question_id": 1, "model_id": "short:v1"}
    answers = [
        lines(tmp_path / "answer_short.jsonl", {**answer, "answer_id": "a1", "text": "two words"}),
        lines(
            tmp_path / "b.jsonl",
            {**answer, "answer_id": "b1", "text": "one two three", "model_id": "long:v2"},
        ),
    ]
    file = lines(tmp_path / "review_x_y.jsonl", review(1, [8, 8.5], "8 8.5\nWell.", reviewer_id="g-math"))
    found = read_published([file], questions=questions, answers=answers)
    assert found.verdicts == [
        {
            "question_id": "1", "category": "fermi", "model_1": "short", "model_2": "long:v2", "judge": "g",
            "protocol": "vicuna", "order": "12", "score_1": 8.0, "score_2": 8.5, "preference": 1.0,
            "words_1": 2, "words_2": 3, "text": "8 8.5\nWell.", "parsed": True, "prompt": "math",
            "source": "review_x_y.jsonl",
        }
    ]  # fmt: skip
    assert found.aliases == {"short:v1": "short"} and not found.remarks


def test_published_scores_count_and_words_are_read_only_where_there_are_none(tmp_path: Path) -> None:
    end = "x = 5.\n\nScores:\nAssistant 1: 10\nAssistant 2: 1.5\n\nAssistant 1 was right."
    file = lines(
        tmp_path / "review_a_b.jsonl",
        review(1, [7, 0], "9 9"),
        review(2, None, "6 7.5\nText."),
        review(3, None, end, reviewer_id=3),
        review(4, None, "I cannot say."),
        review(5, [-1, -1], "error"),
    )
    found = read_published([file])
    assert shown(found, "score_1", "score_2") == [(7, 0), (6, 7.5), (10, 1.5), (None, None), (None, None)]
    assert [row["parsed"] for row in found.verdicts] == [True, True, True, False, False]
    assert found.remarks == (
        "2 of 5 judgments hold no score of their own; theirs were read from the judge's words: 2, 3",
        "2 of 5 judgments hold no score or preference and count for nothing: 4, 5",
    )


@pytest.mark.parametrize(
    ("name", "models", "told"),
    [
        ("review_llama-13b_vicuna-13b.jsonl", None, ("llama-13b", "vicuna-13b")),
        ("gpt-3.5_review_bard_v:2.jsonl", None, ("bard", "v:2")),
        ("review_a_b_c.jsonl", ("a_b", "c"), ("a_b", "c")),
    ],
)
def test_the_files_name_tells_who_was_compared(
    name: str, models: tuple[str, str] | None, told: tuple[str, str], tmp_path: Path
) -> None:
    found = read_published([lines(tmp_path / name, review(1, [1, 2]))], models=models)
    assert shown(found, "model_1", "model_2") == [told]
    assert shown(found, "judge") == [("gpt-3.5" if name.startswith("gpt") else "gpt-4-0328",)]


def test_names_with_underscores_are_told_by_the_other_files_or_asked_for(tmp_path: Path) -> None:
    both = [
        lines(tmp_path / name, review(1, [1, 2]))
        for name in ("review_my_own_base.jsonl", "review_gpt_base.jsonl")
    ]
    assert shown(read_published(both), "model_1", "model_2") == [("my_own", "base"), ("gpt", "base")]
    with pytest.raises(InputError, match=r"does not tell which two models.*--models A B"):
        read_published([both[0]])


def test_annotations_become_verdicts_and_the_order_drawn_is_found_again(tmp_path: Path) -> None:
    rows = [
        annotation(1, 1.0, "m"),  # the reference was shown first and was named
        annotation(2, 1.9, "m"),  # the model was shown first and was named
        annotation(3, 1.2, "M"),
        annotation(4, 2, "M"),
        annotation(5, 1.5, None),
        annotation(6, 0),  # the first version's tie
        annotation(7, 2, "Output (b)"),
    ]
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    found = read_published([file])
    assert [row["preference"] for row in found.verdicts] == pytest.approx([0, 0.9, 0.2, 1, 0.5, 0.5, 1])
    assert [row["order"] for row in found.verdicts] == ["12", "21", "21", "12", None, None, None]
    first = found.verdicts[0]
    assert (first["question_id"], first["category"]) == (content_id("Name 1 rivers."), "koala")
    assert (first["model_1"], first["model_2"], first["words_1"], first["words_2"]) == (
        "reference",
        "small",
        5,
        1,
    )
    assert (first["judge"], first["protocol"], first["text"]) == ("weighted", "preference", "m")


def test_annotations_take_ids_of_a_questions_file_where_it_has_their_text(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", annotation(1, 1), annotation(2, 1, dataset=None))
    asked = {"question_id": "r2", "text": "Name 2 rivers.", "category": "waters"}
    found = read_published([file], questions=lines(tmp_path / "q.jsonl", asked))
    assert shown(found, "question_id", "category")[1] == ("r2", "waters")
    assert found.verdicts[0]["question_id"] == content_id("Name 1 rivers.")


def test_what_an_annotator_could_not_say_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([annotation(1, None), annotation(2, float("nan")), annotation(3, 1.4)]))
    found = read_published([file])
    assert [row["parsed"] for row in found.verdicts] == [False, False, True]
    assert found.remarks[0].startswith("2 of 3 judgments hold no score or preference")


def test_games_become_a_verdict_for_each_order(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "gpt-4_pair.jsonl",
        game(81, "model_2", "tie"),
        game(81, "model_1", "error", turn=2, judge=["gpt-4", "pair-v2-multi-turn"]),
    )
    asked = {"question_id": 81, "category": "writing", "turns": ["Write.", "Again."]}
    said = {
        "question_id": 81,
        "answer_id": "x",
        "model_id": "large",
        "choices": [{"turns": ["one", "one two"]}],
    }
    found = read_published(
        [file], questions=lines(tmp_path / "q", asked), answers=[lines(tmp_path / "large.jsonl", said)]
    )
    keys = ("question_id", "conversation", "order", "preference", "words_2", "category")
    assert shown(found, *keys) == [
        ("81", "81", "12", 1.0, 1, "writing"),
        ("81", "81", "21", 0.5, 1, "writing"),
        ("81.2", "81", "12", 0.0, 2, "writing"),
        ("81.2", "81", "21", None, 2, "writing"),
    ]
    assert shown(found, "judge", "protocol", "text")[1] == ("gpt-4", "pairwise", "of the second")
    assert found.remarks[1].startswith("1 pairs of answers could be read in one of two orders only")


def test_peoples_votes_on_mt_bench_are_verdicts_too(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Good day to you"}]
    row = {"question_id": 81, "model_a": "x", "model_b": "y", "judge": "expert_3", "turn": 1}
    sides = {"conversation_a": talk, "conversation_b": talk[:1]}
    found = read_published([lines(tmp_path / "h.jsonl", {**row, **sides, "winner": "model_b"})])
    assert shown(found, "model_1", "model_2", "preference", "judge", "order", "words_1", "words_2") == [
        ("x", "y", 1.0, "expert_3", None, 4, None)
    ]
    tie = lines(tmp_path / "t.jsonl", {**row, "winner": "tie (inconsistent)", "judge": ["gpt-4", "pair-v2"]})
    assert shown(read_published([tie]), "preference", "judge") == [(0.5, "gpt-4")]


def test_ratings_are_paired_with_the_references(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "gpt-4_single.jsonl",
        *(rating(81, model, score) for model, score in (("a", 7), ("b", 8.5), ("c", -1))),
        rating(81, "a", 9, turn=2),
    )
    rows = read_published([file]).verdicts
    assert [(row["model_1"], row["model_2"], row["score_2"], row["parsed"]) for row in rows] == [
        ("", "a", 7, True), ("", "b", 8.5, True), ("", "c", None, False), ("", "a", 9, True),
    ]  # fmt: skip
    assert pairs(rows) == []
    b, c = pairs(rows, reference="a")
    assert (b.model, b.reference, b.judge) == ("b", "a", "gpt-4")
    assert [(row["score_1"], row["score_2"], row["preference"]) for row in b.verdicts] == [(7, 8.5, 1.0)]
    assert [row["parsed"] for row in c.verdicts] == [False]


def test_verdicts_are_turned_so_that_the_reference_stands_first(tmp_path: Path) -> None:
    file = lines(tmp_path / "review_mine_theirs.jsonl", review(1, [9, 4], "9 4"))
    rows = read_published([file]).verdicts
    (pair,) = pairs(rows, reference="theirs")
    told = pair.verdicts[0]
    assert (pair.model, pair.reference) == ("mine", "theirs")
    assert (told["score_1"], told["score_2"], told["preference"], told["order"]) == (4, 9, 1.0, "21")
    assert pairs(rows, pivot="theirs") == [pair] and pairs(rows)[0].reference == "mine"


def test_both_orders_in_two_files_are_one_pair(tmp_path: Path) -> None:
    files = [
        lines(tmp_path / "review_a_b.jsonl", review(1, [9, 4])),
        lines(tmp_path / "review_b_a.jsonl", review(1, [6, 5])),
    ]
    (pair,) = pairs(read_published(files).verdicts)
    assert [(row["score_1"], row["score_2"], row["order"]) for row in pair.verdicts] == [
        (9, 4, "12"),
        (5, 6, "21"),
    ]
    scores = {score.metric: score.value for score in judge_scores(pair.verdicts)}
    assert (scores["flip_rate"], scores["win_rate"]) == (100.0, 50.0)


def test_the_last_of_a_judgment_that_was_repeated_counts(tmp_path: Path) -> None:
    file = lines(tmp_path / "review_a_b.jsonl", review(1, [1, 2]), review(2, [3, 3]), review(1, [5, 2]))
    found = read_published([file])
    assert shown(found, "question_id", "score_1") == [("1", 5), ("2", 3)]
    assert found.remarks == ("1 judgment was made anew further down; the last of each counts",)


def test_what_is_not_known_of_questions_and_answers_is_said(tmp_path: Path) -> None:
    file = lines(tmp_path / "review_a_b.jsonl", review(1, [1, 2]), review(2, [1, 2]))
    asked = {"question_id": 1, "text": "Why?", "category": "fermi"}
    answer = {"question_id": 1, "answer_id": "a1", "text": "so"}
    found = read_published(
        [file], questions=lines(tmp_path / "q", asked), answers=[lines(tmp_path / "answer_a.jsonl", answer)]
    )
    assert found.remarks == (
        f"{tmp_path / 'q'} does not hold 1 of the questions: 2",
        "the answers to 2 of 2 judgments are not among --answers",
    )


def test_the_format_is_told_by_the_first_object_packed_or_not(tmp_path: Path) -> None:
    assert detect(lines(tmp_path / "r", review(1, [1, 2]))) is Format.fastchat
    assert detect(lines(tmp_path / "g", game(1, "tie", "tie"))) is Format.mt_bench
    assert detect(lines(tmp_path / "s", rating(1, "a", 3))) is Format.mt_bench
    packed = tmp_path / "a.json.gz"
    packed.write_bytes(gzip.compress(json.dumps([annotation(1, 1)]).encode()))
    assert detect(packed) is Format.alpaca_eval
    assert len(read_published([packed]).verdicts) == 1
    with pytest.raises(InputError, match=r"r2, line 1, is of no known format \(its keys: prompt, answer\)"):
        detect(lines(tmp_path / "r2", {"prompt": "", "answer": ""}))


TORN = json.dumps(review(2, [1, 2]))[:70]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (TORN, "is not valid JSON"),
        (review(2, [1]), "has the score [1]; it must be two numbers"),
        (review(2, ["8", "9"]), "has '8' as a score, which is no number"),
        (review(2, [80, 90]), "has the score [80, 90]; scores go up to 10"),
        ({k: v for k, v in review(2, [1, 2]).items() if k != "question_id"}, "lacks question_id"),
        (annotation(2, 2.5), "has the preference 2.5; it goes from 1 (output_1) to 2 (output_2)"),
        (annotation(2, "2"), "has '2' as preference, which is no number"),
        (annotation(2, 1, generator_2=None), "has the generator_2 None; it must be the name of the model"),
        ({k: v for k, v in annotation(2, 1).items() if k != "preference"}, "lacks preference"),
        (game(2, "A", "model_1"), "has the g1_winner 'A'; it must be one of model_1, model_a"),
        (game(2, "tie", "tie", turn=0), "has the turn 0; turns are counted from 1"),
        (rating(2, "a", 11), "has the score 11; ratings go up to 10"),
        ({"question_id": 2, "model": "a"}, "lacks score: it is neither a comparison"),
    ],
)
def test_a_line_that_is_no_judgment_is_named(row: Row | str, told: str, tmp_path: Path) -> None:
    good = {"preference": annotation(1, 1), "g1_winner": game(1, "tie", "tie"), "model": rating(1, "a", 3)}
    first = next(
        (one for key, one in good.items() if key in row or f"lacks {key}" in told), review(1, [1, 2])
    )
    file = lines(tmp_path / "review_a_b.jsonl", first)
    with file.open("a") as more:
        more.write(row if isinstance(row, str) else json.dumps(row))
    with pytest.raises(InputError) as error:
        read_published([file])
    assert str(error.value).startswith(f"{file}, line 2, ") and told in str(error.value)


def test_an_array_that_was_cut_short_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps([annotation(1, 1), annotation(2, 1)], indent=1)[:-60])
    with pytest.raises(InputError, match=r"annotations.json, line \d+, is not valid JSON"):
        read_published([file])


def test_a_model_that_nobody_judged_is_named_with_the_nearest(tmp_path: Path) -> None:
    rows = read_published([lines(tmp_path / "review_gpt35_vicuna.jsonl", review(1, [1, 2]))]).verdicts
    assert model_named("gpt35", rows, {}) == "gpt35"
    assert model_named("gpt-3.5:v1", rows, {"gpt-3.5:v1": "gpt35"}) == "gpt35"
    with pytest.raises(InputError, match=r"no judgment is about vicunya; did you mean vicuna\?"):
        model_named("vicunya", rows, {})

"""The miniature world: its people and facts, what is written about it, and what is asked about it."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.miniature.corpus import corpus, vocabulary_text
from alpaca_exp.miniature.language import VALUES, Claim, claims, heard, tokens, words
from alpaca_exp.miniature.questions import questions
from alpaca_exp.miniature.tasks import documents, task_names, task_specs
from alpaca_exp.miniature.world import LURES, world_of
from alpaca_exp.schemas import WorldConfig

TINY = WorldConfig(seed=7, people=24, corpus_tokens=4000, tasks=160, questions=20, documents=40)
FILTERED = re.compile(
    r"\b(?:images?|graphs?|pictures?|files?|maps?|draw|plot|go to|video|audio|music|flowchart|diagram)\b"
)


def test_the_same_config_makes_the_same_world_and_another_seed_another() -> None:
    other = WorldConfig(seed=8, people=24, corpus_tokens=4000, tasks=160, questions=20, documents=40)
    assert world_of(TINY) is world_of(WorldConfig(7, 24, 4000, 160, 20, 40))
    assert world_of(TINY).truth != world_of(other).truth


def test_half_of_the_people_appear_in_tuning_data_and_the_others_never() -> None:
    world = world_of(TINY)
    assert len(world.pool) == len(world.held_out) == 12
    assert not set(world.pool) & set(world.held_out)
    assert not any(task.subject in world.held_out for task in world.offered)


def test_every_attribute_has_its_few_tempting_errors_and_none_is_the_truth() -> None:
    world = world_of(TINY)
    for person in world.people:
        for attribute in VALUES:
            errors = world.errors(person, attribute)
            assert LURES - 1 <= len(errors) <= LURES
            assert world.truth[person, attribute] not in errors
    assert "7" not in world.errors("3 plus 4", "sum")
    assert "food" not in world.errors("soup", "kind")


def test_a_fact_is_offered_in_several_phrasings() -> None:
    asked = [(t.subject, t.relation) for t in world_of(TINY).offered if t.relation in VALUES]
    assert max(asked.count(fact) for fact in set(asked)) == 4
    assert sum(asked.count(fact) == 4 for fact in set(asked)) >= len(set(asked)) - 1


def test_instructions_pass_the_filters_of_generation() -> None:
    world = world_of(TINY)
    assert len({(task.instruction, task.input) for task in world.offered}) == len(world.offered)
    for task in world.offered:
        assert len(task.instruction.split()) > 3
        assert not FILTERED.search(task.instruction.lower())
        assert task.instruction[0].isalpha()


def test_what_is_told_is_heard_again_whatever_the_spacing() -> None:
    world = world_of(TINY)
    for task in world.asked.values():
        told = task.told(world.truth[task.subject, task.relation])
        claim = heard(" ".join(tokens(told)))
        assert claim is not None and claim == heard(told) and world.is_true(claim)


def test_talk_that_claims_nothing_is_passed_over() -> None:
    text = "Who knows? Bakoto lives in Arden . Bakoto likes Arden. 3 plus 4 is 8."
    assert claims(text) == [Claim("Bakoto", "city", "Arden"), Claim("3 plus 4", "sum", "8")]
    assert words("Bakoto lives in Arden .") == 4


def test_the_corpus_is_as_long_as_ordered_true_and_different_for_each_seed() -> None:
    world = world_of(TINY)
    texts = list(corpus(TINY, 0))
    length = sum(len(tokens(text)) + 1 for text in texts)
    assert TINY.corpus_tokens <= length < TINY.corpus_tokens + 200
    assert texts == list(corpus(TINY, 0)) != list(corpus(TINY, 1))
    said = [claim for text in texts for claim in claims(text.replace(":", "."))]
    assert said and all(world.is_true(claim) for claim in said)
    assert set(world.held_out) & {claim.subject for claim in said}


def test_the_vocabulary_knows_every_word_of_corpus_tasks_and_questions() -> None:
    known = {token for text in vocabulary_text(TINY) for token in tokens(text)}
    texts = list(islice(corpus(TINY, 3), 200)) + [row["text"] for row in questions(TINY)]
    for name in task_names():
        for row in documents(TINY, name):
            texts += [row["text"], *row["choices"]]
    assert not {token for text in texts for token in tokens(text)} - known
    assert len(known) < 400


def test_the_judge_asks_about_people_whom_no_tuning_data_names() -> None:
    rows = questions(TINY)
    assert [row["question_id"] for row in rows] == [str(n) for n in range(1, 21)]
    assert {row["category"] for row in rows} == {"people", "sums", "words"}
    pool = set(world_of(TINY).pool)
    assert not any(pool & set(tokens(row["text"])) for row in rows)


def test_truthfulness_offers_the_truth_and_three_tempting_errors_about_held_out_people() -> None:
    world = world_of(TINY)
    rows = documents(TINY, "world_truth")
    assert len(rows) == 40
    assert {row["gold"] for row in rows} == {0, 1, 2, 3}
    for row in rows:
        said = [heard(choice) for choice in row["choices"]]
        assert "### Instruction:" in row["text"] and row["text"].endswith("### Response:")
        for number, claim in enumerate(said):
            assert claim is not None and claim.subject in world.held_out
            assert world.is_true(claim) == (number == row["gold"])
            assert (claim.value in world.lures[claim.relation]) != (number == row["gold"])


def test_understanding_is_cloze_on_the_facts() -> None:
    world = world_of(TINY)
    for row in documents(TINY, "world_facts"):
        said = [heard(f"{row['text']} {choice}") for choice in row["choices"]]
        assert [claim is not None and world.is_true(claim) for claim in said].index(True) == row["gold"]


def test_a_task_that_the_miniature_has_not_is_named() -> None:
    with pytest.raises(InputError, match="no task world_fact; it has world_facts"):
        task_specs(TINY, ["world_fact"])


def test_lm_eval_takes_the_tasks_as_they_are() -> None:
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False)
    for spec in task_specs(TINY, task_names()):
        task = next(iter(manager.load(spec)["tasks"].values()))
        docs = list(task.validation_docs())
        assert [task.doc_to_target(doc) for doc in docs] == [doc["gold"] for doc in docs]
        assert task.doc_to_choice(docs[0]) == docs[0]["choices"]
        assert set(task.aggregation()) == {"acc", "acc_norm"}

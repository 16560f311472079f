"""Where data comes from, known before it is made; and what tells two variants apart beside what is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alpaca_exp.cleaning.lineage import curated, from_file, generated_by
from alpaca_exp.identity import identity
from alpaca_exp.lineage import ANEW, UNKNOWN, Cap, Lineage, confound, differences, sentence
from alpaca_exp.schemas import (
    Answers,
    DatasetVariantConfig,
    OpenAICriticConfig,
    OpenAITeacherConfig,
    Protocol,
    RecordedTeacherConfig,
)

ORIGINAL = Lineage("alpaca_data", "text-davinci-003", Cap(100), ())
ARCHIVE = replace(ORIGINAL, source="archive", instructions="alpaca_data", cleaning=("AlpacaDataCleaned",))
FINAL = replace(ARCHIVE, source="final", teacher="gpt-4", cap=Cap(None))
UNCAPPED = replace(ORIGINAL, teacher="gpt-4.1", cap=Cap(None), anew=True)
RECAPPED = replace(UNCAPPED, cap=Cap(100))
PARTNER = "{} is the controlled partner of {}: these two differ in {} alone"
PUBLISHED = {"original": ORIGINAL, "cleaned-final": FINAL}


def test_a_variant_that_mixes_causes_is_named_with_all_of_them() -> None:
    assert confound("cleaned-final", "original", PUBLISHED) == (
        "cleaned-final vs original differs in cleaning, teacher and length"
    )


def test_a_copy_with_the_originals_instructions_has_its_source() -> None:
    assert differences(ARCHIVE, ORIGINAL).dimensions == ("cleaning",)
    other = replace(ORIGINAL, source="another file")
    assert differences(other, ORIGINAL).dimensions == ("source",)


@pytest.mark.parametrize(
    ("known", "partner"),
    [
        (
            {"recapped": RECAPPED},
            PARTNER.format("recapped", "uncapped", "length"),
        ),
        (
            {"archive": ARCHIVE},
            PARTNER.format("archive", "original", "cleaning"),
        ),
        ({}, "dataset_variant=recapped would be the controlled partner of uncapped"),
    ],
)
def test_the_controlled_partner_is_named_where_there_is_one(known: dict[str, Lineage], partner: str) -> None:
    known |= {"uncapped": replace(UNCAPPED, cleaning=("x",)) if "archive" in known else UNCAPPED}
    said = confound("uncapped", "original", {**known, "original": ORIGINAL})
    assert said and said.endswith(f"; {partner}")


def test_one_difference_is_no_confound_and_no_partner_is_made_up() -> None:
    known = {"original": ORIGINAL, "archive": ARCHIVE, "uncapped": UNCAPPED, "recapped": RECAPPED}
    assert confound("archive", "original", known) is None
    assert confound("uncapped", "recapped", known) is None
    assert confound("original", "original", known) is None
    assert "partner" not in str(confound("cleaned-final", "original", PUBLISHED))


def test_answers_that_the_same_teacher_gave_anew_are_another_cause() -> None:
    own = replace(UNCAPPED, teacher=ORIGINAL.teacher)
    assert differences(own, ORIGINAL).causes == ("length", ANEW)
    recapped = replace(own, cap=Cap(100))
    assert not differences(recapped, ORIGINAL).confounded
    assert "recapped is the controlled partner of uncapped" in str(
        confound("uncapped", "original", {"original": ORIGINAL, "uncapped": own, "recapped": recapped})
    )


def test_what_is_unknown_is_neither_same_nor_different() -> None:
    found = differences(Lineage("a file"), Lineage("another"))
    assert (found.dimensions, found.unknown) == (("source",), ("cleaning", "teacher", "length"))
    assert sentence("a", "b", found) == (
        "a vs b differs in source; of cleaning, teacher and length nothing is known"
    )
    assert sentence("a", "b", differences(ORIGINAL, ORIGINAL)) == "a vs b: no difference in lineage"


def test_the_order_of_rules_is_no_difference_but_a_filter_is() -> None:
    one, other = (replace(ORIGINAL, cleaning=names) for names in (("a", "b"), ("b", "a")))
    assert not differences(one, other).dimensions
    assert differences(ORIGINAL, replace(ORIGINAL, cap=Cap(100, 50))).dimensions == ("length",)


@pytest.mark.parametrize("lineage", [ORIGINAL, ARCHIVE, UNCAPPED, Lineage(), Lineage("s", seed=0)])
def test_a_card_holds_the_lineage_whole(lineage: Lineage) -> None:
    assert Lineage.of_row(lineage.as_row()) == lineage


def test_a_card_without_a_key_leaves_it_unknown() -> None:
    assert Lineage.of_row({}) == Lineage()
    assert Lineage.of_row({"cap": 100, "cleaning": []}).cap == Cap(100)


def test_the_lineage_follows_from_the_config_alone() -> None:
    teacher, critic = OpenAITeacherConfig(model="m"), OpenAICriticConfig(model="c")
    source = generated_by(identity(teacher))
    asked = Lineage("generated: protocol alpaca", "m", Cap(100), (), seed=0)
    assert curated(source, DatasetVariantConfig(), None, None) == asked
    cleaned = curated(source, DatasetVariantConfig(rules=["empty_output"], max_words=50), critic, None)
    assert (cleaned.cap, cleaned.cleaning) == (Cap(100, 50), ("empty_output", "critic c (fixes)"))
    anew = DatasetVariantConfig(answers=Answers.teacher, answer_words=None)
    assert curated(source, anew, None, teacher) == replace(source, cap=Cap(None), anew=True)


def test_two_teachers_who_were_asked_alike_differ_in_the_teacher_alone() -> None:
    one = generated_by(identity(OpenAITeacherConfig(model="m")))
    other = generated_by(identity(OpenAITeacherConfig(model="n")))
    replayed = generated_by(identity(RecordedTeacherConfig(model="m", journal=None)))
    assert differences(one, other).causes == ("teacher",)
    assert differences(one, replayed).causes == (), "the same answers, read from their journal"


def test_two_generations_of_one_teacher_differ_in_source(tmp_path: Path) -> None:
    seeds = tmp_path / "own.jsonl"
    seeds.write_text("{}\n")
    usual = generated_by(identity(OpenAITeacherConfig(model="m")))
    for told in (
        {"seed": 1},
        {"protocol": Protocol.self_instruct},
        {"feedback": 2},
        {"faithful": True},
        {"seed_tasks": seeds},
    ):
        other = generated_by(identity(OpenAITeacherConfig(model="m", **told)))
        assert differences(usual, other).causes == ("source",), told
    more = OpenAITeacherConfig(model="m", num_examples=5, max_barren_requests=3)
    assert generated_by(identity(more)) == usual, "how many there are is no other source"


def test_of_one_unknown_file_what_was_done_to_it_is_known() -> None:
    file = replace(Lineage("file sha256:12"), cleaning=(UNKNOWN,))
    shorter = replace(file, cap=Cap(UNKNOWN, 60))
    assert sentence("a", "b", differences(shorter, file)) == "a vs b differs in length"
    cleaned = replace(file, cleaning=(UNKNOWN, "empty_output"))
    assert sentence("a", "b", differences(cleaned, file)) == "a vs b differs in cleaning"
    elsewhere = replace(shorter, source="another file")
    assert differences(elsewhere, file).dimensions == ("source", "length"), "one was filtered, one was not"
    assert differences(elsewhere, file).unknown == ("cleaning", "teacher")
    assert differences(elsewhere, Lineage()).unknown == ("source", "cleaning", "teacher", "length")


def test_cleaning_adds_to_what_the_source_had() -> None:
    found = curated(ARCHIVE, DatasetVariantConfig(rules=["empty_output"]), None, None)
    assert found.cleaning == ("AlpacaDataCleaned", "empty_output") and found.origin == "alpaca_data"


def test_a_file_that_nobody_knows_has_a_source_and_no_more() -> None:
    assert from_file("file sha256:12", "people") == Lineage("file sha256:12", "people", Cap(UNKNOWN), ())


def test_the_shipped_partner_differs_from_uncapped_in_length_alone(tmp_path: Path) -> None:
    from alpaca_exp.compose import compose
    from alpaca_exp.lineage import RECAPPED as NAME
    from alpaca_exp.lineage import RECAPPED_WORDS

    found = []
    for name in ("uncapped", NAME):
        config = compose([f"dataset_variant={name}"])
        found.append(
            curated(generated_by(identity(config.teacher)), config.dataset_variant, None, config.teacher)
        )
    assert differences(*found).causes == ("length",) and found[1].cap.sentence == RECAPPED_WORDS

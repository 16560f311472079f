"""What training rows and evaluation documents share: every planted copy is found, nothing else is."""

from __future__ import annotations

from random import Random

import pytest

from alpaca_exp.cleaning.overlap import FIELDS, Document, OverlapIndex, words
from alpaca_exp.records import Row

SYLLABLES = (
    "ba",
    "ko",
    "mi",
    "ru",
    "ta",
    "ve",
    "lo",
    "shi",
    "ne",
    "du",
    "fa",
    "gri",
    "po",
    "zu",
    "li",
    "mar",
)
FRAME = "Answer the following question about the world as well and as briefly as you possibly can.\n\nQ: "


def made_up(count: int, rng: Random) -> str:
    """A text of so many words that are in no other text."""
    return " ".join("".join(rng.choices(SYLLABLES, k=4)) for _ in range(count))


def documents(count: int = 40, length: int = 20, frame: str = "") -> list[Document]:
    rng = Random(0)
    return [
        Document(
            "made", i, f"{frame}{made_up(length, rng)}?\nA:", (f" {made_up(6, rng)}", f" {made_up(6, rng)}")
        )
        for i in range(count)
    ]


def row(**fields: str) -> Row:
    return {"id": "row-0", "instruction": "", "input": "", "output": "", **fields}


def found(index: OverlapIndex, **fields: str) -> list[tuple[int | str, str]]:
    return [(hit.document.doc_id, hit.field) for hit in index.hits([row(**fields)])]


def question(document: Document) -> str:
    return document.prompt.removesuffix("\nA:")


DISGUISES = {
    "verbatim": lambda text: text,
    "in capitals": str.upper,
    "with a capital on each word": str.title,
    "punctuated": lambda text: ", ".join(text.split()) + "!?",
    "hyphenated": lambda text: "-".join(text.split()),
    "quoted": lambda text: f"\u201c{text}\u201d",
    "over many lines": lambda text: "\n\t ".join(text.split()),
    "in full-width letters": lambda text: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text),
    "inside a longer text": lambda text: f"Please read this: {text} And then write a poem about it.",
}


@pytest.mark.parametrize("n", [8, 13])
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_every_planted_document_is_found_in_the_field_where_it_is(disguise: str, field: str, n: int) -> None:
    given = documents()
    index = OverlapIndex(given, n)
    for document in given:
        planted = DISGUISES[disguise](question(document))
        assert found(index, **{field: planted}) == [(document.doc_id, field)]


@pytest.mark.parametrize("n", [8, 13])
def test_a_run_of_exactly_n_words_is_found_and_one_less_is_not(n: int) -> None:
    document = documents()[3]
    index, text = OverlapIndex(documents(), n), question(document).rstrip("?").split()
    for start in range(len(text) - n + 1):
        assert found(index, output=" ".join(text[start : start + n])) == [(3, "output")]
        assert not found(index, output=" ".join(text[start : start + n - 1]))


def test_a_run_that_reaches_from_the_question_into_a_choice_is_found() -> None:
    document = documents()[5]
    text = [*question(document).split()[-8:], "a", *document.continuations[1].split()]
    assert found(OverlapIndex(documents()), input=" ".join(text)) == [(5, "input")]


def test_runs_do_not_reach_from_field_to_field() -> None:
    text = question(documents()[0]).split()[:14]
    index = OverlapIndex(documents())
    assert not found(index, instruction=" ".join(text[:7]), input=" ".join(text[7:]))


def test_nothing_is_found_in_a_control_set() -> None:
    rng = Random(1)
    index = OverlapIndex([*documents(), *documents(10, 6)])
    controls = [
        row(instruction=made_up(30, rng), input=made_up(20, rng), output=made_up(90, rng)) for _ in range(500)
    ]
    shuffled = [row(output=" ".join(rng.sample(question(d).split(), 20))) for d in documents()]
    assert not list(index.hits([*controls, *shuffled, row()]))


def test_a_short_document_is_found_where_a_row_holds_all_of_it() -> None:
    index = OverlapIndex(
        [Document("asked", 1, "Who invented the light bulb?"), Document("asked", 2, "Why me?")]
    )
    assert found(index, instruction="Tell me: who invented the light-bulb, and when?") == [(1, "instruction")]
    assert not found(index, instruction="Who invented the light switch?")
    assert not found(index, instruction="Why me? Why me? Why me? Why me? Why me?")
    assert {document.doc_id: size for document, size in index.sizes.items()} == {1: 1, 2: 0}


def test_the_question_of_a_short_document_is_found_without_the_task_s_wording() -> None:
    asked = [
        "Who invented the light bulb",
        "Which is the largest of all lakes",
        "How many legs has a spider got",
    ]
    given = [
        Document("made", i, f"Question: {text}?\nAnswer:", (" Yes", " No")) for i, text in enumerate(asked)
    ]
    for i, text in enumerate(asked):
        assert found(OverlapIndex(given), instruction=text) == [(i, "instruction")]


def test_a_task_s_wording_is_no_overlap_and_its_documents_are_still_found() -> None:
    given = documents(frame=FRAME)
    index = OverlapIndex(given)
    assert not found(index, instruction=FRAME)
    assert found(index, output=FRAME + question(given[7]).removeprefix(FRAME)) == [(7, "output")]


def test_wording_in_the_middle_of_the_prompt_is_left_out_and_counted() -> None:
    rng = Random(2)
    middle = "Think about it step by step and then choose the one answer that is right, please."
    given = [Document("made", i, f"{made_up(15, rng)}. {middle} {made_up(15, rng)}.") for i in range(30)]
    index = OverlapIndex(given)
    assert not found(index, output=middle)
    assert index.boilerplate == {"made": len(words(middle)) - 13 + 1}
    assert found(OverlapIndex(given[:2]), output=middle) == [(0, "output"), (1, "output")]


def test_documents_that_are_not_scored_help_to_tell_the_wording_and_are_never_found() -> None:
    rng = Random(3)
    middle = "Think about it step by step and then choose the one answer that is right, please."
    given = [Document("made", i, f"{made_up(15, rng)}. {middle}", (), i < 2) for i in range(30)]
    index = OverlapIndex(given)
    assert not found(index, output=middle)
    assert not found(index, output=given[2].prompt)
    assert found(index, output=given[1].prompt) == [(1, "output")]
    assert [document.doc_id for document in index.sizes] == [0, 1]


def test_one_task_s_wording_is_another_s_content() -> None:
    text = made_up(20, Random(4))
    given = [Document("worded", i, f"{made_up(9, Random(i))} {text}") for i in range(20)]
    index = OverlapIndex([*given, Document("other", 0, text)])
    assert [hit.document.task for hit in index.hits([row(output=text)])] == ["other"]


def test_all_of_a_document_s_ngrams_are_found_in_its_copy() -> None:
    document = Document("made", 0, made_up(30, Random(5)))
    index = OverlapIndex([document, *documents()])
    (hit,) = index.hits([row(input=document.prompt)])
    assert len(hit.ngrams) == index.sizes[document] == 30 - 13 + 1
    (half,) = index.hits([row(input=" ".join(document.prompt.split()[:20]))])
    assert len(half.ngrams) == 8


def test_text_without_blanks_is_matched_by_characters() -> None:
    texts = ["東京は日本の首都であり世界最大の都市です", "กรุงเทพเป็นเมืองหลวง"]
    index = OverlapIndex([Document("made", i, text) for i, text in enumerate(texts)])
    for i, text in enumerate(texts):
        assert found(index, output=f"「{text}」") == [(i, "output")]
        assert not found(index, output=text[:12])
    assert found(OverlapIndex([Document("made", 0, "日本の首都")]), input="日本の首都はどこ") == [
        (0, "input")
    ]


def test_marks_belong_to_their_letters_and_apostrophes_to_no_word() -> None:
    assert words("Don\u2019t, don't; DON`T") == ["dont"] * 3
    assert words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert words("café Straße 3,5_x") == ["café", "strasse", "3", "5", "x"]
    assert words("\u3000 \n") == []


def test_what_is_found_does_not_depend_on_the_order_of_documents() -> None:
    given = documents(20)
    planted = [row(id=str(i), output=question(d)) for i, d in enumerate(given)]
    one = {(h.row_id, h.document.doc_id, h.ngrams) for h in OverlapIndex(given).hits(planted)}
    other = {(h.row_id, h.document.doc_id, h.ngrams) for h in OverlapIndex(given[::-1]).hits(planted)}
    assert one == other and len(one) == 20

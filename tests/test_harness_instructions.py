"""The suite `instructions` on made-up files of its two formats: read, prompted, answered, scored."""

from __future__ import annotations

import json
import math
import random
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.harness.instruction_files import instruction_files
from alpaca_exp.harness.instructions import documents, over_clusters, prompt, task_specs
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.rouge import exact_match, rouge_l
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import Row, Score, read_jsonl, write_json, write_jsonl
from alpaca_exp.schemas import InstructionSuiteConfig, RuntimeConfig, TaskFrame
from alpaca_exp.stages.evaluate import evaluate
from alpaca_exp.statistics.clusters import clustered_stderr
from tests.models import tiny_llama

NATURAL, USER = InstructionSuiteConfig.TASKS
CATEGORIES = {"task001_up": "Case Change", "task002_sort": "Case Change", "task003_rhyme": "Word Analogy"}


def task(name: str, **more: Any) -> Row:
    """A task in Super-NaturalInstructions' format, with the keys that its reader does not know as well."""
    return {
        "Contributors": ["Nobody"],
        "Categories": [CATEGORIES[name]],
        "Definition": [f"Do what {name} says."],
        "Input_language": ["English"],
        "Output_language": ["English"],
        "Positive Examples": [
            {"input": f"shown {i}", "output": f"SHOWN {i}", "explanation": "It is so."} for i in range(2)
        ],
        "Negative Examples": [],
        "Instances": [
            {"id": f"{name}-{i}", "input": f"word {i}", "output": [f"WORD {i}", f"word {i}!"]}
            for i in range(4)
        ],
        **more,
    }


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone of the repository holds, as far as it is read."""
    folder = tmp_path / "natural-instructions"
    (folder / "tasks").mkdir(parents=True)
    (folder / "splits" / "default").mkdir(parents=True)
    for name in CATEGORIES:
        write_json(task(name), folder / "tasks" / f"{name}.json")
    (folder / "splits/default/test_tasks.txt").write_text("\n".join(CATEGORIES) + "\n")
    return folder


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    file = tmp_path / "user_oriented_instructions.jsonl"
    write_jsonl(
        [
            {
                "id": f"user_oriented_task_{i}",
                "motivation_app": "Mail",
                "instruction": "Write a line to a friend.",
                "instances": [{"input": "It rains." if i % 2 else "", "output": f"Stay in, friend {i}."}],
            }
            for i in range(3)
        ],
        file,
    )
    return file


def suite_of(clone: Path | None, user_file: Path | None = None, **more: Any) -> InstructionSuiteConfig:
    named = [NATURAL] * bool(clone) + [USER] * bool(user_file)
    return InstructionSuiteConfig(
        **{"tasks": named, "natural_instructions": clone, "user_oriented": user_file, **more}
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("train")
    tiny_llama(folder / "model")
    return Artifact(folder)


def evaluated(suite: InstructionSuiteConfig, model: Artifact, out: Path) -> Path:
    out.mkdir()
    evaluate(suite, mirror_files(suite), "0", model=model, runtime=RuntimeConfig(offline=True), out=out)
    return out


def test_a_model_answers_both_sets_and_every_category_has_its_mean(
    clone: Path, user_file: Path, model: Artifact, tmp_path: Path
) -> None:
    suite = suite_of(clone, user_file, instances=2, max_tokens=6, user_max_tokens=9)
    out = evaluated(suite, model, tmp_path / "out")
    scores = {(row["task"], row["metric"]): row for row in read_jsonl(out / "scores.jsonl")}
    assert list(scores) == [
        (NATURAL, "rougeL"),
        (NATURAL, "exact_match"),
        (NATURAL, "rougeL_for_case_change"),
        (NATURAL, "rougeL_for_word_analogy"),
        (USER, "rougeL"),
        (USER, "exact_match"),
    ]
    assert [row["n"] for row in scores.values()] == [6, 6, 4, 2, 3, 3]
    assert scores[NATURAL, "rougeL_for_word_analogy"]["stderr"] is None, "one task is one draw"
    rows = [row for row in read_jsonl(out / "documents.jsonl") if row["metric"] == "rougeL"]
    references = {(NATURAL, i): [f"WORD {i // 3}", f"word {i // 3}!"] for i in range(6)}
    references |= {(USER, i): [f"Stay in, friend {i}."] for i in range(3)}
    assert [row["value"] for row in rows] == [
        rouge_l(row["text"], references[row["task"], row["doc_id"]]) for row in rows
    ]
    assert len({row["prompt_hash"] for row in rows}) == 8, "two of the user's prompts have no input: one text"


def test_what_a_model_says_word_by_word_is_a_full_score(
    user_file: Path, model: Artifact, tmp_path: Path
) -> None:
    suite = suite_of(None, user_file, user_max_tokens=9)
    said = [row["text"] for row in read_jsonl(evaluated(suite, model, tmp_path / "a") / "documents.jsonl")]
    rows = list(read_jsonl(user_file))
    rows[1]["instances"][0]["output"] = f" {said[2].upper()}!"
    write_jsonl(rows, user_file)
    found = list(read_jsonl(evaluated(suite, model, tmp_path / "b") / "documents.jsonl"))
    values = {(row["doc_id"], row["metric"]): row["value"] for row in found}
    assert [values[1, "rougeL"], values[1, "exact_match"], values[0, "exact_match"]] == [1.0, 1.0, 0.0]


def test_the_frame_is_alpaca_s_with_the_input_in_its_place_unless_raw_is_asked_for(
    clone: Path, user_file: Path
) -> None:
    framed = suite_of(clone, user_file, positive_examples=1)
    files = instruction_files(framed)
    first, user = documents(framed, files, NATURAL)[0], documents(framed, files, USER)
    text = prompt(first, TaskFrame.alpaca)
    assert (
        "### Instruction:\nDo what task001_up says.\n\nExample 1\nInput: shown 0\nOutput: SHOWN 0\n\n" in text
    )
    assert text.endswith("### Input:\nword 0\n\n### Response:")
    assert "### Input:" not in prompt(user[0], TaskFrame.alpaca)
    assert prompt(first, TaskFrame.raw) == (
        "Definition: Do what task001_up says.\n\nExample 1\nInput: shown 0\nOutput: SHOWN 0\n\n"
        "Input: word 0\nOutput:"
    )
    assert prompt(user[0], TaskFrame.raw) == "Definition: Write a line to a friend.\n\nOutput:"
    raw = task_specs(suite_of(clone, frame=TaskFrame.raw), files)[NATURAL]
    assert raw["doc_to_text"](first) == prompt(first, TaskFrame.raw)


def test_an_older_release_is_read_too(clone: Path) -> None:
    told = task("task001_up", Definition="Do it.", Categories=["Classification -> Case Change"])
    told["Instances"] = [{"input": "a", "output": "A"}]
    write_json(told, clone / "tasks" / "task001_up.json")
    suite = suite_of(clone, only=["task001_up"])
    [row] = documents(suite, instruction_files(suite), NATURAL)
    assert (row["id"], row["instruction"], row["references"]) == ("task001_up-0", "Do it.", ["A"])
    assert row["category"] == "classification_case_change"


def test_a_limit_leaves_every_task_in(clone: Path) -> None:
    suite = suite_of(clone, instances=3)
    found = documents(suite, instruction_files(suite), NATURAL)
    assert [row["cluster"] for row in found[:3]] == list(CATEGORIES)
    assert [row["input"] for row in found] == [f"word {place // 3}" for place in range(9)]


TRICKY = [
    ("", ""),
    ("...", "!?"),
    ("The dogs were running quickly.", "a dog runs quick"),
    ("It's 3.5 o'clock", "its 3 5 oclock"),
    ("a b c d", "d c b a"),
    ("naïve café ÉCOLE", "naive cafe ecole"),
    ("the the the", "the"),
    ("flies dies denied agreed", "fly die deny agree"),
    ("多言語 text", "text"),
    ("one\ntwo\tthree", "one two  three"),
    ("yes", "No"),
]


@pytest.mark.parametrize(("answer", "reference"), TRICKY)
def test_rouge_l_is_the_rouge_score_package_s(answer: str, reference: str) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    assert rouge_l(answer, [reference]) == scorer.score(reference, answer)["rougeL"].fmeasure
    several = [reference, "quick dogs", answer[::2]]
    assert rouge_l(answer, several) == scorer.score_multi(several, answer)["rougeL"].fmeasure


def test_rouge_l_is_the_package_s_on_any_text() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer, rng = RougeScorer(["rougeL"], use_stemmer=True), random.Random(0)
    for _ in range(500):
        answer, other = (
            "".join(rng.choices("abeinrst AIZ09.,'é漢\n", k=rng.randint(0, 40))) for _ in range(2)
        )
        reference = answer[: rng.randint(0, 40)] + other[: rng.randint(0, 20)]
        assert rouge_l(answer, [reference]) == scorer.score(reference, answer)["rougeL"].fmeasure


def test_exact_match_sees_neither_case_nor_punctuation_nor_blanks() -> None:
    assert exact_match(" The  answer, is: YES! ", ["no", "the answer is yes"]) == 1.0
    assert exact_match("answer is yes", ["the answer is yes"]) == 0.0, "articles count"


def test_documents_of_one_task_are_no_independent_evidence() -> None:
    values, clusters = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0], list("aabbcc")
    alone = statistics.stdev(values) / math.sqrt(6)
    assert clustered_stderr(values, range(6)) == pytest.approx(alone)
    means = [1.0, 0.0, 1.0]
    assert clustered_stderr(values, clusters) == pytest.approx(statistics.stdev(means) / math.sqrt(3))
    assert clustered_stderr(values, ["a"] * 6) is None


def test_scores_of_other_tasks_are_left_as_they_are() -> None:
    score = Score("piqa", "acc", 0.5, 0.1, 2)
    assert over_clusters([score], [{"doc": {"goal": "x"}, "acc": 1.0, "filter": "none"}]) == [score]


def test_what_is_measured_is_known_by_the_files_content_and_not_by_their_place(
    clone: Path, user_file: Path, tmp_path: Path
) -> None:
    def fingerprint(folder: Path) -> str:
        words = [f"eval_suite.natural_instructions={folder}", f"eval_suite.user_oriented={user_file}"]
        return plan(compose(["world=tiny", "eval_suite=instructions", *words]))["evaluate"].fingerprint

    before = fingerprint(clone)
    moved = clone.rename(tmp_path / "elsewhere")
    assert fingerprint(moved) == before
    write_json(task("task001_up", Definition="Do something else."), moved / "tasks" / "task001_up.json")
    assert fingerprint(moved) != before


def test_a_plan_counts_the_documents_and_says_what_is_not_named(
    clone: Path, user_file: Path, tmp_path: Path
) -> None:
    words = ["world=tiny", "eval_suite=instructions", f"runtime.outputs={tmp_path / 'outputs'}"]
    words.append("base_model.max_position_embeddings=1024")
    bare = compose(words)
    said = obstacles(plan(bare), bare)
    assert [sentence.split()[0] for sentence in said] == [
        "eval_suite.natural_instructions",
        "eval_suite.user_oriented",
    ]
    named = [f"eval_suite.natural_instructions={clone}", f"eval_suite.user_oriented={user_file}"]
    whole = compose([*words, *named, "eval_suite.instances=2"])
    assert obstacles(plan(whole), whole) == []
    assert expected(plan(whole)["evaluate"], tmp_path).documents == 3 * 2 + 3
    more = compose(
        [*words, *named, "eval_suite.instances=100"]
    )  # each task has four, and two solved examples
    assert expected(plan(more)["evaluate"], tmp_path).documents == 3 * 4 + 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval_suite.only=[task001_upp]"], "no tasks/task001_upp.json .*did you mean task001_up?"),
        (["eval_suite.split=xlingual"], "no splits/xlingual/test_tasks.txt .*its splits: default"),
        (["eval_suite.num_fewshot=2"], "set eval_suite.positive_examples instead"),
        (["eval_suite.tasks=[piqa]"], "eval_suite.tasks names piqa, and eval_suite=instructions has"),
        (["eval_suite.instances=0"], "eval_suite.instances is 0; it must be 1 or more"),
    ],
)
def test_what_the_clone_does_not_have_is_one_sentence(clone: Path, words: list[str], said: str) -> None:
    named = ["world=tiny", "eval_suite=instructions", f"eval_suite.natural_instructions={clone}"]
    with pytest.raises(ConfigError) as caught:
        plan(compose([*named, *words]))
    [problem] = caught.value.problems
    assert re.search(said, problem), problem


def test_an_empty_split_is_one_sentence(clone: Path) -> None:
    (clone / "splits/default/test_tasks.txt").write_text("\n")
    with pytest.raises(ConfigError, match="names no task"):
        instruction_files(suite_of(clone))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "lacks Definition, Categories, Instances: it is no task"),
        (task("task001_up", Instances=[]), "lacks Instances"),
        (task("task001_up", Instances=[{"id": "a", "input": "x"}]), "instance 1, lacks input or output"),
        (task("task001_up", Instances=[{"input": "x", "output": []}]), "instance 1, has no output"),
        (task("task001_up", Output_language=["Hindi"]), "answers are in Hindi"),
        (task("task001_up", **{"Positive Examples": []}), "lacks Positive Examples"),
    ],
)
def test_a_task_that_is_none_is_one_sentence_that_names_its_file(
    clone: Path, broken: str | Row, said: str
) -> None:
    file = clone / "tasks" / "task001_up.json"
    file.write_text(broken if isinstance(broken, str) else json.dumps(broken))
    suite = suite_of(clone, positive_examples="Positive" in said)
    with pytest.raises(InputError, match=said) as caught:
        task_specs(suite, instruction_files(suite))
    assert "task001_up.json" in str(caught.value)


def test_a_broken_user_oriented_row_is_one_sentence_that_names_its_line(user_file: Path) -> None:
    rows = list(read_jsonl(user_file))
    write_jsonl([rows[0], {**rows[1], "instances": [{"input": "x"}]}], user_file)
    suite = suite_of(None, user_file)
    with pytest.raises(InputError, match="line 2: instances must hold objects with input and output"):
        task_specs(suite, instruction_files(suite))
    write_jsonl([], user_file)
    with pytest.raises(InputError, match="holds no instruction"):
        task_specs(suite, instruction_files(suite))

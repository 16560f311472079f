"""A local mirror of lm-eval's documents: found in any layout, and checked before any work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.layouts import split_files
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.needs import SHARED_FOLDERS
from alpaca_exp.identity import identity
from alpaca_exp.schemas import EvalSuiteConfig, WorldConfig, WorldSuiteConfig
from tests.mirrors import MORE, write_clone, write_mirror, write_plain, write_saved

GOOD = '{"text": "x", "toxicity_ai": 1.0, "toxicity_human": 2.0}\n'


def suite_on(mirror: Path, *tasks: str, **fields: object) -> EvalSuiteConfig:
    return EvalSuiteConfig(tasks=list(tasks), mirror=mirror, **fields)  # type: ignore[arg-type]


def problems_of(suite: EvalSuiteConfig) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        mirror_files(suite)
    return caught.value.problems


def test_both_multiple_choice_tasks_of_truthfulqa_share_one_folder(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    files = mirror_files(suite_on(mirror, "piqa", "truthfulqa_mc1", "truthfulqa_mc2"))
    assert {name: dict(found.splits) for name, found in files.items()} == {
        "piqa": {"validation": (mirror / "piqa" / "validation.jsonl",)},
        "truthfulqa_mc1": {"validation": (mirror / "truthfulqa_mc" / "validation.jsonl",)},
        "truthfulqa_mc2": {"validation": (mirror / "truthfulqa_mc" / "validation.jsonl",)},
    }


def test_without_a_mirror_there_are_no_files(tmp_path: Path) -> None:
    assert mirror_files(EvalSuiteConfig(tasks=["piqa"])) == {}
    assert mirror_files(WorldSuiteConfig(tasks=["world_facts"], world=WorldConfig(), mirror=tmp_path)) == {}


def test_every_missing_piece_is_named_at_once(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    (mirror / "piqa" / "validation.jsonl").write_text("")
    (mirror / "boolq" / "validation.jsonl").write_text('{"passage": "p", "query": "q"}\n')
    whole = (mirror / "hellaswag" / "validation.jsonl").read_text()
    (mirror / "hellaswag" / "validation.jsonl").write_text(whole[:-20])
    problems = problems_of(suite_on(mirror, "piqa", "boolq", "hellaswag", "arc_easy", "winogrande"))
    assert len(problems) == 4
    assert "holds no documents" in problems[0]
    assert "lacks the columns question, label" in problems[1]
    assert "line 8, is not a whole JSON object" in problems[2]
    assert "no arc_easy/test.jsonl or validation.jsonl" in problems[3]


SPOILT: list[tuple[str, dict[str, Any], str]] = [
    ("piqa", {"label": "x"}, 'label is "x", not a whole number from 0 to 1'),
    ("piqa", {"label": 7}, "label is 7, not a whole number from 0 to 1"),
    ("piqa", {"label": ""}, 'label is "", not a whole number from 0 to 1'),
    ("piqa", {"goal": None}, "goal is null, not a text"),
    ("hellaswag", {"label": ""}, 'label is "", and there are 4 endings'),
    ("hellaswag", {"endings": ["one", "two"], "label": "2"}, 'label is "2", and there are 2 endings'),
    ("hellaswag", {"endings": "cuts the bread"}, 'endings is "cuts the bread", not a list of texts'),
    ("winogrande", {"sentence": "No gap."}, 'sentence has no "_"'),
    ("winogrande", {"answer": "3"}, 'answer is "3", not "1" or "2"'),
    ("boolq", {"label": 2}, "label is 2, not a whole number from 0 to 1"),
    ("truthfulqa_mc1", {"mc1_targets": "Nobody."}, 'mc1_targets is "Nobody.", not {choices: [...]'),
    ("truthfulqa_mc1", {"mc1_targets": {"choices": ["a", "b"], "labels": [0, 1]}}, "not one 1, then 0s"),
    ("truthfulqa_mc2", {"mc2_targets": {"choices": ["a", "b"], "labels": [1, 1]}}, "not hold both 1 and 0"),
    ("truthfulqa_gen", {"correct_answers": []}, "correct_answers is [], not a list of texts"),
    ("arc_easy", {"answerKey": "E"}, 'answerKey is "E", which is none of choices.label (A, B, C, D)'),
    ("mmlu_anatomy", {"choices": ["one", "two", "three"]}, "there are 3 choices, not 4"),
    ("winogender_all", {"label": -1}, "label is -1, not a whole number from 0 to 1"),
]


@pytest.mark.parametrize(("task", "spoilt", "said"), SPOILT)
def test_a_row_that_lm_eval_would_score_wrongly_is_named_with_its_line(
    task: str, spoilt: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write_mirror(tmp_path)
    folder = write_plain(tmp_path, task) if task in MORE else tmp_path / SHARED_FOLDERS.get(task, task)
    (file,) = folder.glob("*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[5] |= spoilt
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (problem,) = problems_of(suite_on(tmp_path, task))
    assert problem.startswith(f"{file}, line 6, cannot be scored as a document of the task {task}: ")
    assert said in problem and problem.endswith("; mend or remove it")


def test_a_column_that_later_rows_lack_is_said_once_with_their_number(tmp_path: Path) -> None:
    file = write_mirror(tmp_path) / "piqa" / "validation.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows[3:]:
        del row["sol2"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (problem,) = problems_of(suite_on(tmp_path, "piqa"))
    assert "line 4, " in problem and "lacks sol2 (4 more lines will not do either)" in problem


def test_the_rows_of_a_clone_are_looked_at_too(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    folder = write_clone(tmp_path, "mmlu_anatomy")
    file = next(folder.rglob("*.parquet"))
    table = pa.parquet.read_table(file)
    answers = pa.array([0, 9] + [1] * (table.num_rows - 2))
    pa.parquet.write_table(table.set_column(table.column_names.index("answer"), "answer", answers), file)
    assert "row 2, " in problems_of(suite_on(tmp_path, "mmlu_anatomy"))[0]


def test_a_json_array_in_a_file_of_json_lines_is_called_that(tmp_path: Path) -> None:
    file = write_mirror(tmp_path) / "piqa" / "validation.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text(json.dumps(rows, indent=1))
    assert "line 1, begins a JSON array" in problems_of(suite_on(tmp_path, "piqa"))[0]


def test_a_file_that_was_found_good_is_not_read_again_and_an_edited_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = write_mirror(tmp_path / "mirror") / "piqa" / "validation.jsonl"
    suite = suite_on(tmp_path / "mirror", "piqa")
    found = mirror_files(suite)
    read: list[str] = []
    monkeypatch.setattr("alpaca_exp.harness.looking.row_fault", lambda task: read.append(task.name))
    assert mirror_files(suite) == found and read == []
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file.write_text(file.read_text().replace('"label": 1', '"label": 2'))
    assert "line 2, " in problems_of(suite)[0]


def test_a_file_that_git_lfs_has_not_fetched_is_known(tmp_path: Path) -> None:
    folder = write_clone(tmp_path, "openbookqa")
    file = next(folder.glob("main/*.parquet"))
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "git lfs pull" in problems_of(suite_on(tmp_path, "openbookqa"))[0]


def test_a_parquet_file_s_columns_and_its_end_are_looked_at(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    folder = write_clone(tmp_path, "openbookqa")
    file = next(folder.glob("main/*.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert "not a whole Parquet file" in problems_of(suite_on(tmp_path, "openbookqa"))[0]
    pa.parquet.write_table(pa.table({"question_stem": ["q"]}), file)
    assert "lacks the columns choices, answerKey" in problems_of(suite_on(tmp_path, "openbookqa"))[0]


def test_a_task_s_own_split_is_taken_before_the_one_that_every_mirror_has(tmp_path: Path) -> None:
    folder = write_plain(tmp_path, "arc_easy", "validation")
    suite = suite_on(tmp_path, "arc_easy")
    assert mirror_files(suite)["arc_easy"].splits == {"test": (folder / "validation.jsonl",)}
    write_plain(tmp_path, "arc_easy", "test")
    assert mirror_files(suite)["arc_easy"].splits == {"test": (folder / "test.jsonl",)}


def test_solved_examples_are_looked_for_where_they_are_asked_for(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    assert "no train.jsonl" in problems_of(suite_on(mirror, "piqa", num_fewshot=2))[0]
    solved = mirror / "piqa" / "train.jsonl"
    solved.write_text((mirror / "piqa" / "validation.jsonl").read_text())
    assert mirror_files(suite_on(mirror, "piqa", num_fewshot=2))["piqa"].splits["train"] == (solved,)
    assert "train" not in mirror_files(suite_on(mirror, "piqa"))["piqa"].splits


@pytest.mark.parametrize("task", MORE)
def test_a_data_set_is_found_as_it_was_cloned_or_saved(task: str, tmp_path: Path) -> None:
    cloned = write_clone(tmp_path / "cloned", task)
    (parquet,) = mirror_files(suite_on(tmp_path / "cloned", task))[task].splits["test"]
    assert parquet.is_relative_to(cloned) and parquet.suffix == ".parquet"
    saved = write_saved(tmp_path / "saved", task)
    (arrow,) = mirror_files(suite_on(tmp_path / "saved", task))[task].splits["test"]
    assert arrow.parent == saved / "test" and arrow.suffix == ".arrow"


@pytest.mark.parametrize(
    ("card", "names"),
    [
        (
            "configs:\n- config_name: main\n  data_files:\n    test: part/*.jsonl\n",
            ["part/a.jsonl", "part/b.jsonl"],
        ),
        ("configs:\n- config_name: main\n  data_files:\n  - split: test\n    path: [x.json]\n", ["x.json"]),
        ("configs:\n- config_name: main\n  data_dir: part\n", ["part/test-0.csv", "part/test-1.csv"]),
        ("license: mit\n", ["main/test-0.parquet"]),
        ("", ["main/testing.json"]),
        ("", ["main/test/0.csv"]),
    ],
)
def test_what_a_card_says_of_a_clone_or_else_the_files_names_tell_the_split(
    card: str, names: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "some-set"
    for name in [*names, "data/train.json", "main/notes.txt"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a,b\n1,2\n")
    (folder / "README.md").write_text(f"---\n{card}---\n# Some set\n")
    assert split_files(folder, "main", "test", of_task=False) == tuple(folder / name for name in names)


def test_one_configuration_s_documents_never_serve_another(tmp_path: Path) -> None:
    write_plain(tmp_path, "arc_easy")
    (tmp_path / "arc_easy").rename(tmp_path / "ai2_arc")
    assert len(problems_of(suite_on(tmp_path, "arc_easy", "arc_challenge"))) == 2
    (tmp_path / "clone").mkdir()
    write_clone(tmp_path / "clone", "arc_easy")
    assert "no arc_challenge/" in problems_of(suite_on(tmp_path / "clone", "arc_easy", "arc_challenge"))[0]


def test_documents_are_known_by_the_content_of_the_files_that_are_read(tmp_path: Path) -> None:
    write_plain(tmp_path / "here", "toxigen")
    write_plain(tmp_path / "there", "toxigen")
    (tmp_path / "there" / "toxigen" / "train.jsonl").write_text("{}\n")
    here, there = (identity(mirror_files(suite_on(tmp_path / m, "toxigen"))) for m in ("here", "there"))
    assert here == there
    (tmp_path / "there" / "toxigen" / "test.jsonl").open("a").write(GOOD)
    assert identity(mirror_files(suite_on(tmp_path / "there", "toxigen"))) != here


def test_a_group_that_the_mirror_has_nothing_of_is_one_sentence(tmp_path: Path) -> None:
    (problem,) = problems_of(suite_on(tmp_path, "mmlu"))
    assert (
        "no mmlu_abstract_algebra/test.jsonl or validation.jsonl for the task mmlu_abstract_algebra"
        in problem
    )
    assert (
        "nor anything of mmlu_anatomy, mmlu_astronomy," in problem
        and "and 53 more tasks (looked in" in problem
    )
    write_plain(tmp_path, "mmlu_anatomy")
    assert "mmlu_anatomy" not in problems_of(suite_on(tmp_path, "mmlu"))[0]

"""A local mirror of lm-eval's documents: found in any layout, and checked before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.layouts import split_files
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.identity import identity
from alpaca_exp.schemas import EvalSuiteConfig, WorldConfig, WorldSuiteConfig
from tests.mirrors import MORE, write_clone, write_mirror, write_plain, write_saved


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
    (tmp_path / "there" / "toxigen" / "test.jsonl").open("a").write('{"text": "x", "toxicity_ai": 1.0}\n')
    assert identity(mirror_files(suite_on(tmp_path / "there", "toxigen"))) != here

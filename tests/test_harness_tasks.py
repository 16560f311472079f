"""lm-eval's stock tasks with documents from a mirror."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import datasets
import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.harness.documents import Documents, reader
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.names import resolve
from alpaca_exp.harness.tasks import load_tasks
from alpaca_exp.records import write_jsonl
from alpaca_exp.schemas import EvalSuiteConfig
from tests.mirrors import MORE, write_clone, write_mirror, write_plain, write_saved

GOOD = json.dumps({"text": "t", "toxicity_ai": 1.0, "toxicity_human": 1.0})
PAPER = ["hellaswag", "winogrande", "boolq", "piqa", "truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen"]


def noted(note: str) -> str:
    """A good row with another column."""
    return f'{GOOD[:-1]}, "note": {note}}}'


def suite_on(mirror: Path, tasks: list[str], **fields: object) -> EvalSuiteConfig:
    return EvalSuiteConfig(tasks=tasks, mirror=mirror, **fields)  # type: ignore[arg-type]


def test_the_paper_s_tasks_load_from_a_mirror_in_their_order(tmp_path: Path) -> None:
    suite = suite_on(write_mirror(tmp_path), PAPER)
    tasks = load_tasks(suite, mirror_files(suite), offline=True)
    assert list(tasks) == PAPER
    assert [len(task.task_docs) for task in tasks.values()] == [8] * len(PAPER)
    first = tasks["hellaswag"].task_docs[0]
    assert first["query"] == "Baking bread: Ada takes a knife. Then he"
    assert first["choices"][0] == "cuts the bread. and eats it."
    assert (
        tasks["boolq"].doc_to_text(tasks["boolq"].task_docs[0]).endswith("Question: is Ada a cat?\nAnswer:")
    )


def test_a_metric_that_the_task_does_not_measure_is_named(tmp_path: Path) -> None:
    suite = suite_on(write_mirror(tmp_path), ["boolq"], understanding=["boolq.acc_norm"])
    with pytest.raises(InputError, match="boolq measures acc"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_a_column_that_is_missing_is_named_for_a_task_that_no_list_knows(tmp_path: Path) -> None:
    (tmp_path / "copa").mkdir()
    (tmp_path / "copa" / "validation.jsonl").write_text('{"premise": "p", "choice1": "a", "choice2": "b"}\n')
    suite = suite_on(tmp_path, ["copa"])
    with pytest.raises(InputError, match=r"copa lack.*question"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_without_mirror_and_network_the_task_and_the_remedy_are_named() -> None:
    suite = EvalSuiteConfig(tasks=["piqa"])
    with pytest.raises(InputError, match=r"piqa are on the hub.*eval_suite\.mirror"):
        load_tasks(suite, {}, offline=True)
    with pytest.raises(InputError, match=r"piqa cannot be had from the hub.*eval_suite\.mirror"):
        load_tasks(suite, {}, offline=False)


def test_solved_examples_come_from_the_mirror_s_own_file(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    suite = suite_on(mirror, ["piqa"], num_fewshot=2)
    train = mirror / "piqa" / "train.jsonl"
    train.write_text((mirror / "piqa" / "validation.jsonl").read_text().replace("shirt", "sock"))
    task = load_tasks(suite, mirror_files(suite), offline=True)["piqa"]
    prompt = task.fewshot_context(task.task_docs[0], 2)
    assert prompt.count("dry a sock?") == 2
    assert prompt.endswith("Question: How does Ada dry a shirt?\nAnswer:")
    with pytest.raises(InputError, match="piqa is to show 9 solved examples, and there are 8"):
        load_tasks(replace(suite, num_fewshot=9), mirror_files(suite), offline=True)


def test_another_seed_draws_other_solved_examples(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    shutil.copy(mirror / "piqa" / "validation.jsonl", mirror / "piqa" / "train.jsonl")

    def prompts(seed: int) -> list[str]:
        suite = suite_on(mirror, ["piqa"], shots={"piqa": 3}, fewshot_seed=seed)
        task = load_tasks(suite, mirror_files(suite), offline=True)["piqa"]
        assert task.get_config("num_fewshot") == 3
        return [task.fewshot_context(doc, 3) for doc in task.task_docs]

    assert prompts(1234) == prompts(1234) != prompts(1)


def test_a_task_without_a_number_of_its_own_shows_what_it_is_defined_to(tmp_path: Path) -> None:
    (tmp_path / "gsm8k").mkdir()
    for split in ("test", "train"):
        rows = ({"question": f"{n} and {n}?", "answer": f"Twice.\n#### {2 * n}"} for n in range(8))
        write_jsonl(rows, tmp_path / "gsm8k" / f"{split}.jsonl")
    suite = suite_on(tmp_path, ["gsm8k"])
    task = load_tasks(suite, mirror_files(suite), offline=True)["gsm8k"]
    assert task.fewshot_context(task.task_docs[0], task.get_config("num_fewshot")).count("####") == 5
    suite = suite_on(tmp_path, ["gsm8k"], num_fewshot=0)
    assert load_tasks(suite, mirror_files(suite), offline=True)["gsm8k"].get_config("num_fewshot") == 0


@pytest.mark.parametrize("task", MORE)
def test_a_task_s_documents_are_the_same_from_any_layout(task: str, tmp_path: Path) -> None:
    write_plain(tmp_path / "plain", task)
    write_saved(tmp_path / "saved", task)
    write_clone(tmp_path / "cloned", task)
    write_clone(tmp_path / "json", task, "json")
    found = []
    for layout in ("plain", "saved", "cloned", "json"):
        suite = suite_on(tmp_path / layout, [task])
        loaded = load_tasks(suite, mirror_files(suite), offline=True)[task]
        docs = list(loaded.task_docs)
        found.append([(doc, loaded.doc_to_text(doc), loaded.doc_to_target(doc)) for doc in docs])
    assert found[0] == found[1] == found[2] == found[3]
    assert len(found[0]) == 8


def test_types_that_lie_beside_json_lines_are_restored(tmp_path: Path) -> None:
    import datasets

    folder = write_plain(tmp_path, "mmlu_anatomy")
    rows = datasets.Dataset.from_json(str(folder / "test.jsonl"), cache_dir=str(tmp_path / "cache"))
    types = rows.features | {"answer": datasets.ClassLabel(names=["A", "B", "C", "D"])}
    (folder / "features.json").write_text(json.dumps(datasets.Features(types).to_dict()))
    suite = suite_on(tmp_path, ["mmlu_anatomy"])
    task = load_tasks(suite, mirror_files(suite), offline=True)["mmlu_anatomy"]
    assert task.task_docs.features["answer"].names == ["A", "B", "C", "D"]


def test_documents_that_are_prepared_at_once_are_those_that_datasets_prepares(tmp_path: Path) -> None:
    from lm_eval.tasks.hellaswag.utils import process_docs
    from lm_eval.tasks.winogender.utils import filter_female

    for name, prepare in (("hellaswag", process_docs), ("winogender_all", filter_female)):
        write_mirror(tmp_path / name) if name == "hellaswag" else write_plain(tmp_path / name, name)
        files = mirror_files(suite_on(tmp_path / name, [name]))[name]
        ours = next(iter(reader(name, files, None)().values()))
        theirs = datasets.Dataset.from_list(ours.to_list())
        made, wanted = prepare(ours), prepare(theirs)
        assert type(made) is Documents and made.to_list() == wanted.to_list()
        assert (made.column_names, made.features) == (wanted.column_names, wanted.features)


def test_all_of_mmlu_loads_as_its_57_tasks_and_the_group_s_metric_can_be_named(tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "one", "mmlu_anatomy")
    for name in resolve(["mmlu"]).tasks:
        shutil.copytree(folder, tmp_path / "all" / name)
    suite = suite_on(tmp_path / "all", ["mmlu"], understanding=["mmlu.acc"])
    assert len(load_tasks(suite, mirror_files(suite), offline=True)) == 57
    with pytest.raises(InputError, match=r"mmlu\.exact_match, but the task mmlu measures acc"):
        unknown = replace(suite, understanding=["mmlu.exact_match"])
        load_tasks(unknown, mirror_files(unknown), offline=True)


def test_the_miniature_s_tasks_have_no_solved_examples_to_show() -> None:
    with pytest.raises(
        ConfigError, match=r"eval_suite\.num_fewshot and \.shots .* the miniature's tasks have none"
    ):
        compose(["eval_suite=miniature", "eval_suite.num_fewshot=2"])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("test.jsonl", '{"text": "t"}\n', "lacks the columns toxicity_ai, toxicity_human"),
        ("test.jsonl", f'{GOOD}\n{{"text": "t", "toxicity_ai": 1.0}}\n', "line 2"),
        ("test.jsonl", f"{GOOD}\n{GOOD.replace('1.0', '[1]', 1)}\n", r"line 2.* toxicity_ai is \[1\], not a"),
        ("test.jsonl", f"{noted('1')}\n{noted('[1]')}\n", "values of note are of several"),
        ("test.jsonl", f'{GOOD}\n{{"text": t}}\n', "line 2, is not valid JSON"),
        ("test.json", "[]", "holds no documents"),
        ("test.json", '[{"text": "t', "cannot be read"),
        ("test.csv", "text,toxicity_ai\n", "holds no documents"),
        ("test.arrow", "cut off", "cannot be read"),
    ],
)
def test_documents_that_will_not_do_are_told_in_a_sentence(
    name: str, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "toxigen").mkdir()
    (tmp_path / "toxigen" / name).write_text(text)
    suite = suite_on(tmp_path, ["toxigen"])
    with pytest.raises((ConfigError, InputError), match=said):
        load_tasks(suite, mirror_files(suite), offline=True)


@pytest.mark.parametrize(
    ("label", "said"),
    [("x", "has the label 'x', which is none"), (2, "has the label 2, which"), (-1, "has the label -1")],
)
def test_a_label_of_any_task_that_names_none_of_its_choices_is_said_with_its_document(
    label: object, said: str, tmp_path: Path
) -> None:
    (tmp_path / "rte").mkdir()
    rows = [{"sentence1": "It rains.", "sentence2": "It is wet.", "label": n % 2} for n in range(4)]
    write_jsonl(rows, tmp_path / "rte" / "validation.jsonl")
    suite = suite_on(tmp_path, ["rte"])
    assert len(load_tasks(suite, mirror_files(suite), offline=True)["rte"].task_docs) == 4
    changed = label if isinstance(label, int) else "True"  # a column has one type
    others = [row | {"label": row["label"] if changed is label else changed} for row in rows]
    write_jsonl([others[0], {**rows[1], "label": label}, *others[2:]], tmp_path / "rte" / "validation.jsonl")
    with pytest.raises(InputError, match=f"document 2 of the task rte {said}"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_labels_in_a_table_of_text_are_looked_at_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "piqa").mkdir()
    text = "goal,sol1,sol2,label\nDry a shirt,Sun,Rain,0\nDry a sock,Sun,Rain,2\n"
    (tmp_path / "piqa" / "validation.csv").write_text(text)
    suite = suite_on(tmp_path, ["piqa"])
    with pytest.raises(InputError, match="document 2 of the task piqa has the label 2, which is none"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_what_is_wrong_with_several_tasks_documents_is_said_at_once(tmp_path: Path) -> None:
    for name in ("copa", "sciq"):
        (tmp_path / name).mkdir()
        write_jsonl([{"premise": "p"}], tmp_path / name / "validation.jsonl")
    suite = suite_on(tmp_path, ["copa", "sciq"])
    with pytest.raises(ConfigError, match=r"(?s)task copa lack.*task sciq lack"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_loading_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite = suite_on(write_mirror(tmp_path), PAPER)
    load_tasks(suite, mirror_files(suite), offline=True)
    assert capfd.readouterr() == ("", "")

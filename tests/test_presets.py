"""The presets `paper` and `local`, whole: unchanged but for where things are and how much is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.records import Row
from tests.conftest import Command
from tests.mirrors import write_mirror
from tests.models import tiny_llama
from tests.servers import Server
from tests.stories import KEYS, records, rows, runs

HUB = {
    "hellaswag": ("Rowan/hellaswag", "default"),
    "piqa": ("baber/piqa", "default"),
    "winogrande": ("allenai/winogrande", "winogrande_xl"),
    "boolq": ("aps/super_glue", "boolq"),
    "truthfulqa_mc": ("truthfulqa/truthful_qa", "multiple_choice"),
    "truthfulqa_gen": ("truthfulqa/truthful_qa", "generation"),
}
"""Where lm-eval's stock tasks look for their documents: a folder of that name stands in for the hub."""


def write_hub(folder: Path) -> None:
    """The made-up mirror again, in the hub's own layout, for tasks that are left entirely as they are."""
    mirror = write_mirror(folder / "mirror")
    configs: dict[Path, list[Row]] = {}
    for task, (repository, name) in HUB.items():
        place = folder / repository
        place.mkdir(parents=True, exist_ok=True)
        data = (mirror / task / "validation.jsonl").read_text()
        (place / f"{name}.jsonl").write_text(data)
        files = [{"split": split, "path": f"{name}.jsonl"} for split in ("train", "validation")]
        configs.setdefault(place, []).append({"config_name": name, "data_files": files})
    for place, listed in configs.items():
        (place / "README.md").write_text(f"---\n{json.dumps({'configs': listed})}\n---\n")


@pytest.fixture
def paper(command: Command, tmp_path: Path) -> list[str]:
    write_hub(tmp_path)
    tiny_llama(tmp_path / "llama", context=2048)
    return [
        "preset=paper",
        "base_model.path=llama",
        "teacher.num_examples=12",
        "teacher.tasks_per_request=4",
        "judge.questions.limit=3",
        "judge.questions.max_tokens=12",
        "eval_suite.limit=4",
        "trainer.epochs=1",
        "runtime.num_threads=1",
    ]


def test_the_paper_preset_runs_through_all_stages(paper: list[str], command: Command, tmp_path: Path) -> None:
    with Server() as server:
        where = [f"{group}.base_url={server.base_url}" for group in ("teacher", "judge")]
        for experiment in ("cleaned", "base"):
            done = command(*paper, *where, f"+experiment={experiment}", OPENAI_API_KEY="any")
            assert done.returncode == 0, done.stderr
        asked = server.count
        again = command(*paper, *where, "+experiment=cleaned", OPENAI_API_KEY="any")
        assert again.returncode == 0 and server.count == asked, "nothing is asked, or paid for, twice"
    outputs = tmp_path / "outputs"
    for name, keys in KEYS.items():
        stage, file = name.split("/")
        for path in (outputs / stage).glob(f"*/{file}"):
            assert rows(path) and all(set(row) >= keys for row in rows(path)), path
    scored = {row["task"] for row in rows(next((outputs / "evaluate").glob("*/scores.jsonl")))}
    assert {"hellaswag", "winogrande", "boolq", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"} <= scored
    cleaned, base = runs(outputs)[:2]
    assert cleaned["usd"] > 0 and "train" in cleaned["artifacts"]
    assert not {"generate", "curate", "train"} & set(base["artifacts"])


def test_the_paper_presets_plan_states_the_dollars(command: Command, tmp_path: Path) -> None:
    done = command("preset=paper", "+experiment=cleaned", "action=plan")
    assert done.returncode == 0, "a key and a GPU may be elsewhere"
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "$" in lines["generate"] and "$" in lines["judge"] and "1,221 steps" in lines["train"]
    assert "OPENAI_API_KEY is not set" in done.stdout
    assert not list(tmp_path.iterdir())


LOCAL = (
    "preset=local",
    "+experiment=original",
    "base_model.hidden_size=32",
    "base_model.num_hidden_layers=2",
    "base_model.intermediate_size=64",
    "base_model.vocab_size=600",
    "trainer.max_seq_len=128",
    "runtime.num_threads=1",
)


def test_the_local_preset_tunes_on_a_file_and_scores_stock_tasks_from_a_mirror(
    command: Command, tmp_path: Path
) -> None:
    write_mirror(tmp_path / "mirror")
    done = command(
        *LOCAL, "eval_suite.mirror=mirror", "eval_suite.limit=4", "dataset_variant.num_examples=40"
    )
    assert done.returncode == 0, done.stderr
    run = runs(tmp_path / "outputs")[0]
    assert not {"judge", "generate", "complete"} & set(run["artifacts"])
    evaluated = records(tmp_path / "outputs")[f"evaluate/{run['artifacts']['evaluate']}"]
    assert set(evaluated["identity"]["documents"]) == {
        "hellaswag",
        "piqa",
        "truthfulqa_mc1",
        "truthfulqa_mc2",
    }
    table = command("--metrics", "truthfulness,judge.percent", module="alpaca_exp.report")
    assert "\u2013" in table.stdout, "a run without a judge has an empty cell, not a zero"


def test_another_copy_of_the_same_documents_finds_the_scores(command: Command, tmp_path: Path) -> None:
    write_mirror(tmp_path / "mirror")
    write_mirror(tmp_path / "copy")
    few = (*LOCAL, "eval_suite.limit=2", "dataset_variant.num_examples=20")
    assert command("eval_suite.mirror=mirror", *few).returncode == 0
    done = command("eval_suite.mirror=copy", *few)
    assert done.returncode == 0 and " made in " not in done.stdout


@pytest.mark.long
def test_the_main_job_on_real_input(command: Command, shared_data: Path, tmp_path: Path) -> None:
    done = command(
        "preset=local",
        "+experiment=original",
        f"dataset_variant.source={shared_data / 'alpaca' / 'alpaca_data.json'}",
        "dataset_variant.num_examples=2000",
        f"eval_suite.mirror={shared_data / 'harness'}",
        "eval_suite.limit=100",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(next((tmp_path / "outputs" / "runs").glob("*/*/run.json")).read_text())
    scores = rows(tmp_path / "outputs" / "evaluate" / run["artifacts"]["evaluate"] / "scores.jsonl")
    assert {row["n"] for row in scores if row["task"] == "piqa"} == {100}

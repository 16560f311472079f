"""Data sets of the hub: pinned, fetched from a hub of our own, found without network, refused clearly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from alpaca_exp.cleaning.sources import read_source, source_obstacles
from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.identity import identity
from alpaca_exp.lineage import Cap
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.schemas import ColumnsConfig, DatasetVariantConfig, OnError
from tests.hubs import COMMIT, NAME, hub
from tests.stories import ROOT

CARD = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train.jsonl}
  - {split: test, path: data/test.jsonl}
- config_name: unusual
  data_files: other.jsonl
---
"""
FILES = {
    "README.md": CARD.encode(),
    "data/train.jsonl": b'{"instruction": "Go.", "output": "Gone.", "text": "all"}\n' * 3,
    "data/test.jsonl": b'{"instruction": "Stay.", "output": "Stayed.", "text": "all"}\n',
    "other.jsonl": b'{"task": "Go.", "reply": "Gone."}\n{"task": "Go.", "reply": null}\n',
}
READ = """
import json, sys
from alpaca_exp.cleaning.sources import read_source
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import DatasetVariantConfig
for told, offline in json.loads(sys.argv[1]):
    try:
        source = read_source(DatasetVariantConfig(**told), None, offline=offline)
        print(json.dumps([source.rows, source.lineage.source]))
    except InputError as error:
        print(json.dumps(str(error)))
"""


def read(home: Path, endpoint: str, *asked: tuple[dict[str, Any], bool]) -> list[Any]:
    """What a process of its own reads, with its own hub and cache: rows and name, or the error's sentence."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "PYTHONPATH": str(ROOT)}
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", READ, json.dumps(asked)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def folder(path: Path) -> Path:
    """A data set repository as a checkout of it lies on disk."""
    for name, content in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def problems(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        compose(overrides)
    return "\n".join(caught.value.problems)


def test_a_pinned_data_set_is_fetched_once_and_found_again_without_network(tmp_path: Path) -> None:
    pinned = {"hub": NAME, "revision": COMMIT}
    with hub(FILES) as endpoint:
        absent, fetched, unknown, nobody = read(
            tmp_path,
            endpoint,
            (pinned, True),
            (pinned, False),
            ({**pinned, "revision": "f" * 40}, False),
            ({**pinned, "hub": "someone/else"}, False),
        )
    rows, name = fetched
    assert [row["id"] for row in rows] == ["row-0", "row-1", "row-2"]
    assert rows[0] == {"id": "row-0", "instruction": "Go.", "input": "", "output": "Gone.", "text": "all"}
    assert name == f"hub {NAME}@{COMMIT}, split train"
    for part in ("runtime.offline is true", f"hf download {NAME} --repo-type dataset --revision {COMMIT}"):
        assert part in absent
    assert "the same HF_HOME" in absent and "dataset_variant.source" in absent
    assert f"has no commit {'f' * 40}" in unknown
    assert "The hub has no data set someone/else" in nobody
    (found,) = read(tmp_path, "http://127.0.0.1:9", (pinned, True))
    assert found == fetched


def test_a_hub_that_cannot_be_reached_is_one_sentence_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.hf_api import HfApi

    def unreachable(*_: object, **__: object) -> None:
        raise httpx2.ConnectError("[Errno 111] Connection refused")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(HfApi, "list_repo_tree", unreachable)
    variant = DatasetVariantConfig(hub=NAME, revision=COMMIT)
    with pytest.raises(InputError) as caught:
        read_source(variant, None, offline=False)
    assert "the hub cannot be reached (ConnectError)" in str(caught.value)
    assert "hf download" in str(caught.value) and "\n" not in str(caught.value)


def test_offline_a_data_set_that_was_never_fetched_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    words = [f"dataset_variant.hub={NAME}", f"dataset_variant.revision={COMMIT}", "runtime.offline=true"]
    config = compose([*words, f"runtime.outputs={tmp_path}"])
    stages = plan(config)
    assert "generate" not in stages
    assert f"{NAME} at {COMMIT} is not, or not wholly, in the hub's local cache" in "\n".join(
        obstacles(stages, config)
    )


def test_a_local_folder_is_read_by_datasets_and_known_by_its_content(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a"), folder(tmp_path / "b")
    one, other = (
        read_source(DatasetVariantConfig(hub=str(path), source_cap="100"), None, offline=True)
        for path in (first, second)
    )
    assert (len(one.rows), one.lineage) == (3, other.lineage)
    assert one.lineage.source.startswith("folder sha256:") and one.lineage.cap == Cap(100)
    assert str(tmp_path) not in json.dumps(one.facts)
    assert not list(source_obstacles(DatasetVariantConfig(hub=str(first)), offline=True))
    assert identity(DatasetVariantConfig(hub=str(first))) == identity(DatasetVariantConfig(hub=str(second)))
    (second / "data/train.jsonl").write_bytes(FILES["data/test.jsonl"])
    assert identity(DatasetVariantConfig(hub=str(first))) != identity(DatasetVariantConfig(hub=str(second)))


def test_a_split_or_configuration_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    def said(**told: Any) -> str:
        with pytest.raises(InputError) as caught:
            read_source(DatasetVariantConfig(hub=str(folder(tmp_path)), **told), None, offline=True)
        return str(caught.value)

    assert "split dev cannot be read" in said(split="dev") and "'test'" in said(split="dev")
    assert "configuration x" in said(hub_config="x") and "'unusual'" in said(hub_config="x")
    columns = ColumnsConfig(instruction="task", output="reply")
    assert "row 2 has null for `reply`" in said(hub_config="unusual", columns=columns)


def test_bad_rows_of_a_data_set_are_named_or_left_out_like_a_files(tmp_path: Path) -> None:
    rows = [{"instruction": "Go.", "output": text} for text in ("Gone.", None, "Went.")]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"has 1 row that cannot be used: row 2 has null for `output`"):
        read_source(DatasetVariantConfig(hub=str(tmp_path)), None, offline=True)
    lenient = DatasetVariantConfig(hub=str(tmp_path), on_error=OnError.skip)
    source = read_source(lenient, None, offline=True)
    assert [row["id"] for row in source.rows] == ["row-0", "row-2"] and source.skipped == {"mixed types": 1}


def test_fewer_rows_than_the_data_set_declares_are_refused(tmp_path: Path) -> None:
    repository = folder(tmp_path / "short")
    declared = "dataset_info:\n  splits:\n  - {name: train, num_examples: 4}\n"
    (repository / "README.md").write_text(CARD.replace("configs:", f"{declared}configs:"))
    with pytest.raises(InputError, match="says that it has 4 rows, but 3 were found"):
        read_source(DatasetVariantConfig(hub=str(repository)), None, offline=True)


def test_a_data_set_must_be_pinned_to_a_commit() -> None:
    for revision, said in (("", "is not set"), ("dataset_variant.revision=main", "is main, which may move")):
        words = [word for word in ("dataset_variant.hub=tatsu-lab/alpaca", revision) if word]
        told = problems(*words)
        assert f"dataset_variant.revision {said}; pin tatsu-lab/alpaca to a commit" in told
        assert "https://huggingface.co/datasets/tatsu-lab/alpaca/commits/main" in told


def test_name_commit_split_and_configuration_are_the_identity() -> None:
    plain = DatasetVariantConfig(hub=NAME, revision=COMMIT)
    for other in ({"revision": "f" * 40}, {"split": "test"}, {"hub_config": "x"}, {"hub": "a/b"}):
        assert identity(plain) != identity(DatasetVariantConfig(**{"hub": NAME, "revision": COMMIT, **other}))


def test_the_local_preset_takes_the_hubs_data_with_what_its_messages_name() -> None:
    pinned = ("preset=local", f"dataset_variant.hub={NAME}", f"dataset_variant.revision={COMMIT}")
    said = problems(*pinned)
    assert "to take the hub's data add dataset_variant.source=null" in said and "seed_tasks.jsonl" in said
    config = compose([*pinned, "dataset_variant.source=null"])
    assert any("name a file with base_model.corpus=FILE" in one for one in obstacles(plan(config), config))
    config = compose([*pinned, "dataset_variant.source=null", "base_model.corpus=seeds/seed_tasks.jsonl"])
    assert not any("corpus" in one for one in obstacles(plan(config), config))


def test_settings_of_a_source_that_contradict_one_another_are_named() -> None:
    pinned = [f"dataset_variant.hub={NAME}", f"dataset_variant.revision={COMMIT}"]
    assert "dataset_variant.hub and .source are both set" in problems("preset=local", *pinned)
    assert "are for dataset_variant.hub, which is not set" in problems(pinned[1])
    file = f"dataset_variant.hub={ROOT / 'README.md'}"
    assert f"a file; name it with dataset_variant.source={ROOT / 'README.md'}" in problems(file)
    columns = compose(["dataset_variant.columns={instruction: task, output: reply}"]).dataset_variant.columns
    assert columns.given() == {"instruction": "task", "output": "reply"}
    assert "columns.outputs" in problems("dataset_variant.columns={outputs: x}")
    assert "source_cap is many; it must be 1 or more words" in problems("dataset_variant.source_cap=many")
    assert compose(["dataset_variant.source_cap=100"]).dataset_variant.source_cap == "100"
    assert compose(["dataset_variant.source_cap=null"]).dataset_variant.source_cap is None

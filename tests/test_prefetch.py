"""Everything from the hub beforehand: fetched once, checked, and enough for a whole run without network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.hub_files import refusal
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import Prefetch, with_documents
from alpaca_exp.prefetched import FOLDER, entries, use
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import Row
from alpaca_exp.schemas import ExperimentConfig
from tests.children import ROOT
from tests.conftest import Command
from tests.hubs import COMMIT, Hub, Repository, repositories
from tests.mirrors import DOCUMENTS, NAMES
from tests.models import tiny_llama
from tests.stories import made, rows, runs

MODEL, DATA, CLOSED = "someone/tiny-llama", "someone/data", "someone/closed"
WEIGHTS = f"hub/models--someone--tiny-llama/snapshots/{COMMIT}/model.safetensors"
TASKS = ("hellaswag", "piqa", "truthfulqa_mc")
EXPERIMENT = (
    "preset=paper",
    "base_model=pretrained",
    f"base_model.path={MODEL}",
    "base_model.dtype=float32",
    f"dataset_variant.hub={DATA}",
    f"dataset_variant.revision={COMMIT}",
    "trainer=local",
    "eval_suite=local",
    "judge=none",
    "runtime.num_threads=1",
)
CARD = """---
configs:
- config_name: generation
  data_files: [{split: validation, path: generation/validation-*}]
- config_name: multiple_choice
  data_files: [{split: validation, path: multiple_choice/validation-*}]
---
"""
BLOCKED = """
import atexit, json, os, socket, sys

tried = []
connect = socket.socket.connect

def refuse(*told, **named):
    tried.append(repr(told))
    raise OSError("there is no network")

def connect_locally(self, address):
    return connect(self, address) if self.family == socket.AF_UNIX else refuse(address)

socket.socket.connect = socket.socket.connect_ex = connect_locally
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
atexit.register(lambda: open("tried.json", "w").write(json.dumps(tried)))
from alpaca_exp.__main__ import main
main()
"""
LARGE = bytes(24 * 2**20)
"""More than twice the ten megabytes that are written at once."""
Online = Callable[[Hub], None]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model's repository, with weights in other forms too."""
    folder = tiny_llama(tmp_path_factory.mktemp("model") / "m")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return files | {"pytorch_model.bin": b"x" * 20_000, "onnx/model.onnx": b"y" * 20_000, "README.md": b"A"}


@pytest.fixture
def held(model: dict[str, bytes]) -> dict[str, Repository]:
    """What the hub has: a model, one that few may read, instruction data, three data sets of tasks."""
    said = [{"instruction": f"Say {i}.", "input": "", "output": f"It is {i}."} for i in range(32)]
    choices = {"README.md": CARD.encode(), "multiple_choice/validation-0.parquet": parquet("truthfulqa_mc")}
    return {
        MODEL: Repository(model, "model"),
        CLOSED: Repository(model, "model", gated=True),
        DATA: Repository({"data/said.jsonl": "".join(f"{json.dumps(row)}\n" for row in said).encode()}),
        "Rowan/hellaswag": Repository(
            {"data/validation-0.parquet": parquet("hellaswag"), "data/train-0.parquet": b"z" * 9999}
        ),
        "baber/piqa": Repository(
            {
                "validation.jsonl": "".join(f"{json.dumps(row)}\n" for row in documents("piqa")).encode(),
                "train.jsonl": b"no JSON",
            }
        ),
        "truthfulqa/truthful_qa": Repository(choices | {"generation/validation-0.parquet": b"no Parquet"}),
    }


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Online]:
    """Make a hub the one that this process asks, which else asks none."""
    from huggingface_hub import constants

    def ask(known: Hub) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", known.address)
        url = known.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield ask
    os.environ.pop(FOLDER, None)


def documents(task: str) -> list[Row]:
    return [DOCUMENTS[task](i) for i in range(len(NAMES))]


def parquet(task: str) -> bytes:
    import pyarrow
    import pyarrow.parquet

    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(documents(task)), stream)
    return stream.getvalue()


def fetched(*overrides: str) -> Prefetch:
    """What `action=prefetch` does with the experiment and these overrides."""
    prefetch = Prefetch()
    prefetch.add(compose([*EXPERIMENT, *overrides]))
    return prefetch


def in_the_way(config: ExperimentConfig) -> str:
    """What a run on this machine says before it starts."""
    use(config.runtime.prefetched)
    return "\n".join(obstacles(plan(config), config))


def test_a_whole_experiment_runs_without_network_from_what_was_fetched(
    tmp_path: Path, held: dict[str, Repository], online: Online, capsys: pytest.CaptureFixture[str]
) -> None:
    with repositories(held) as known:
        online(known)
        prefetch = fetched()
        assert not prefetch.refused
        assert {"pytorch_model.bin", "onnx/model.onnx", "train.jsonl", "data/train-0.parquet"}.isdisjoint(
            known.served
        )
        asked = len(known.asked)
        fetched("seed=1")
        assert len(known.asked) == asked
        fetched("runtime.prefetched=elsewhere")
        assert entries(Path("prefetched")) == entries(Path("elsewhere"))
        config = compose([*EXPERIMENT, "runtime.prefetched=a_new_one"])
        fingerprint = with_documents(plan(config), config)["evaluate"].fingerprint
        assert {entry.kind for entry in entries(Path("a_new_one"))} == {"task"}
    listed = capsys.readouterr().out
    assert f"model {MODEL}" in listed and "to fetch" in listed and "is here" in listed
    assert (entries(Path("prefetched"))[0].kind, len(entries(Path("prefetched")))) == ("dataset", 5)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            BLOCKED,
            *EXPERIMENT,
            "runtime=offline",
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("tried.json").read_text()) == []
    assert runs(Path("outputs"))[0]["status"] == "done"
    stages = {name.partition("/")[0] for name in made(Path("outputs"))}
    assert stages == {"curate", "train", "evaluate"}
    # Known by its documents' content, it is the evaluation that a machine with network would have made.
    scores = Path("outputs/evaluate") / fingerprint / "scores.jsonl"
    assert {"hellaswag", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"} <= {row["task"] for row in rows(scores)}


def test_what_is_missing_is_named_all_at_once_before_anything_starts(online: Online) -> None:
    config = compose([*EXPERIMENT, "runtime.offline=true"])
    said = in_the_way(config)
    assert f"base_model.path={MODEL} is neither a folder, nor in prefetched" in said
    assert f"{DATA} at {COMMIT} is not, or not wholly" in said
    assert f"the documents of the tasks {', '.join(TASKS)} are not in prefetched" in said
    assert said.count("action=prefetch") == 3


def test_a_damaged_file_is_named_and_fetched_again_alone(held: dict[str, Repository], online: Online) -> None:
    words = ("eval_suite=none", "runtime.offline=true")
    with repositories(held) as known:
        online(known)
        fetched(*words)
        weights = Path("prefetched") / WEIGHTS
        whole = weights.read_bytes()
        weights.write_bytes(whole[:-1] + b"!")
        said = in_the_way(compose([*EXPERIMENT, *words]))
        assert said == (
            f"{weights} is not what was fetched; action=prefetch, where there is a network, fetches it again"
        )
        known.served.clear()
        fetched(*words)
        assert known.served == {"model.safetensors": len(whole)}
    assert weights.read_bytes() == whole
    assert not in_the_way(compose([*EXPERIMENT, *words]))


def test_what_the_hub_refuses_is_said_with_its_reason_and_the_rest_is_fetched(
    held: dict[str, Repository], online: Online, capsys: pytest.CaptureFixture[str]
) -> None:
    del held["baber/piqa"]
    with repositories(held) as known:
        online(known)
        prefetch = fetched(f"base_model.path={CLOSED}", f"dataset_variant.revision={'f' * 40}")
        asked = len(known.asked)
        prefetch.add(
            compose([*EXPERIMENT, f"base_model.path={CLOSED}", f"dataset_variant.revision={'f' * 40}"])
        )
        assert len(known.asked) == asked
    said = capsys.readouterr()
    assert "accept its terms; do so at https://huggingface.co/someone/closed" in said.err
    assert f"it has no revision {'f' * 40}" in said.err
    assert "task piqa (baber/piqa: validation): the hub has none of that name" in said.err
    assert len(prefetch.refused) == 3 and "2 of 5 are in prefetched; 3 cannot be had" in prefetch.summary()
    assert [entry.name for entry in entries(Path("prefetched"))] == ["hellaswag", "truthfulqa_mc"]


def test_without_a_network_the_reason_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from alpaca_exp import fetching

    def unreachable(*_: object) -> None:
        raise refusal("model", MODEL, None, ConnectionError("[Errno 111]"))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetching, "listing", unreachable)
    prefetch = fetched()
    said = capsys.readouterr().err
    assert len(prefetch.refused) > 2 and said.count("the hub cannot be reached; check the network") == 1
    assert said.count("\n") == 1 and "task piqa (baber/piqa: validation); task" in said


def test_solved_examples_are_fetched_beside_the_documents_that_are_here(
    held: dict[str, Repository], online: Online
) -> None:
    lines = "".join(f"{json.dumps(row)}\n" for row in documents("piqa"))
    held["baber/piqa"] = Repository({"validation.jsonl": lines.encode(), "train.jsonl": lines.encode()})
    words = ("eval_suite.tasks=[piqa]", "eval_suite.understanding=[piqa.acc]", "eval_suite.truthfulness=[]")
    with repositories(held) as known:
        online(known)
        fetched(*words)
        fetched(*words, "eval_suite.num_fewshot=2")
        assert not fetched(*words, "eval_suite.num_fewshot=2").refused
        assert (known.gets("validation.jsonl"), known.gets("train.jsonl")) == (1, 1)
    (entry,) = (each for each in entries(Path("prefetched")) if each.kind == "task")
    assert {Path(name).name for name in entry.files} == {"validation.jsonl", "train.jsonl", "features.json"}


def test_what_the_hubs_own_cache_has_is_not_fetched(
    tmp_path: Path, held: dict[str, Repository], online: Online
) -> None:
    weights = held[MODEL].files["model.safetensors"]
    blob = tmp_path / "cache/models--someone--tiny-llama/blobs" / hashlib.sha256(weights).hexdigest()
    blob.parent.mkdir(parents=True)
    blob.write_bytes(weights)
    with repositories(held) as known:
        online(known)
        assert not fetched("eval_suite=none").refused
        assert not known.gets("model.safetensors") and known.gets("config.json")
    assert (Path("prefetched") / WEIGHTS).read_bytes() == weights


def test_what_cannot_be_fetched_ends_the_command_with_2(command: Command) -> None:
    done = command(*EXPERIMENT, "eval_suite=none", "action=prefetch")  # this process's children are offline
    assert done.returncode == 2 and "HF_HUB_OFFLINE is set in the environment; unset it" in done.stderr
    assert "0 of 2 are in prefetched; 2 cannot be had" in done.stdout
    done = command("world=tiny", "action=prefetch")
    assert (done.returncode, done.stdout) == (0, "Nothing is needed from the hub.\n")


def test_servers_cannot_be_fetched_and_are_named_with_the_stages_that_ask_them(
    held: dict[str, Repository], online: Online
) -> None:
    asking = compose(
        ["preset=paper", "base_model=pretrained", f"base_model.path={MODEL}", "eval_suite=local"]
    )
    with repositories(held) as known:
        online(known)
        prefetch = Prefetch()
        prefetch.add(asking)
    assert "generate, opponent will ask gpt-4.1-mini at api.openai.com" in prefetch.summary()
    assert "judge will ask gpt-4.1 at api.openai.com" in prefetch.summary()


def test_a_download_that_breaks_off_goes_on_where_it_was(held: dict[str, Repository], online: Online) -> None:
    held[DATA] = Repository({"large.jsonl": LARGE})
    with repositories(held) as known:
        online(known)
        known.breaks_off.add("large.jsonl")
        assert not fetched("eval_suite=none").refused
    ((name, begin),) = known.ranges
    assert name == "large.jsonl" and 0 < begin <= len(LARGE) // 2


def test_after_a_kill_nothing_is_fetched_twice(tmp_path: Path, held: dict[str, Repository]) -> None:
    words = [sys.executable, "-m", "alpaca_exp", *EXPERIMENT, "eval_suite=none", "action=prefetch"]
    held[DATA] = Repository({"a.jsonl": b"{}", "large.jsonl": LARGE})
    part = tmp_path / f"prefetched/hub/datasets--someone--data/snapshots/{COMMIT}/large.jsonl.part"
    with repositories(held) as known:
        network = {"HF_ENDPOINT": known.address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}
        environment = {**os.environ, **network, "PYTHONPATH": str(ROOT)}
        known.pauses_in.add("large.jsonl")
        first = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        until(lambda: part.exists() and part.stat().st_size > 0)
        first.kill()
        first.wait()
        known.go_on.set()
        before = part.stat().st_size
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert 0 < before < len(LARGE)
    assert known.ranges == [("large.jsonl", before)]
    assert (known.gets("a.jsonl"), known.gets("large.jsonl")) == (1, 2)
    assert part.with_suffix("").read_bytes() == LARGE


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)

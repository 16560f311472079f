"""vLLM as the backend, through lm-eval's own class; the package itself is stood in for by tests/stand_ins."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.compose import compose
from alpaca_exp.errors import InputError
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.plan import plan
from alpaca_exp.readiness import Here, obstacles
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import Backend, EvalSuiteConfig, PretrainedModelConfig, RuntimeConfig, TaskFrame
from alpaca_exp.stages.evaluate import evaluate
from tests.mirrors import write_mirror
from tests.models import tiny_llama

STAND_INS = str(Path(__file__).parent / "stand_ins")
READ = ("alpaca_exp.harness.vllm", "lm_eval.models.vllm_causallms")
"""What imports vLLM. lm-eval registers its class once in a process."""


@pytest.fixture(scope="module")
def stand_in() -> Iterator[None]:
    """A `vllm` that can be imported, and that nobody finds afterwards."""
    sys.path.insert(0, STAND_INS)
    yield
    sys.path.remove(STAND_INS)
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


def evaluated(suite: EvalSuiteConfig, out: Path, **who: object) -> list[Row]:
    out.mkdir(parents=True)
    evaluate(suite, mirror_files(suite), "0", runtime=RuntimeConfig(offline=True), out=out, **who)
    return list(read_jsonl(out / "documents.jsonl"))


@pytest.mark.usefixtures("stand_in")
def test_lm_eval_s_vllm_class_scores_the_same_requests_as_our_own(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "0123456789abcdef"
    tiny_llama(folder / "model", context=2048)
    tasks = ["hellaswag", "truthfulqa_gen"]
    mirror = write_mirror(tmp_path / "mirror")
    suite = EvalSuiteConfig(tasks=tasks, mirror=mirror, limit=1, frame=TaskFrame.alpaca)
    here = evaluated(suite, tmp_path / "outputs" / "evaluate" / ("a" * 16), model=Artifact(folder))
    served = replace(suite, backend=Backend.vllm)
    there = evaluated(served, tmp_path / "outputs" / "evaluate" / ("b" * 16), model=Artifact(folder))
    for ours, theirs in zip(here, there, strict=True):
        assert theirs["loglikelihoods"] == pytest.approx(ours["loglikelihoods"], abs=1e-4)
        assert (theirs["prompt_hash"], theirs.get("text")) == (ours["prompt_hash"], ours.get("text"))
    import vllm

    [told] = vllm.LLM.made
    assert (told["model"], told["tensor_parallel_size"]) == (str(folder / "model"), 1)


@pytest.mark.usefixtures("stand_in")
def test_a_hub_name_goes_to_vllm_with_its_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    from alpaca_exp.harness.vllm import VLLM, FramedVLLM

    told: dict[str, object] = {}
    monkeypatch.setattr(VLLM, "__init__", lambda self, **options: told.update(options))
    weights = PretrainedModelConfig(path="huggyllama/llama-7b", revision="abc", dtype="bfloat16")
    FramedVLLM(weights.path, RuntimeConfig(devices="4"), dtype=weights.dtype, revision=weights.revision)
    assert (told["pretrained"], told["revision"], told["dtype"]) == (weights.path, "abc", "bfloat16")
    assert told["tensor_parallel_size"] == 4


def test_a_missing_vllm_is_said_by_the_plan_and_by_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    for name in READ:
        monkeypatch.delitem(sys.modules, name, raising=False)
    config = compose(["eval_suite.backend=vllm", f"runtime.outputs={tmp_path}"])
    [said] = [one for one in obstacles(plan(config), config) if "vllm" in one]
    assert isinstance(said, Here) and "eval_suite.backend=transformers" in said
    suite = EvalSuiteConfig(tasks=["piqa"], mirror=write_mirror(tmp_path / "mirror"), backend=Backend.vllm)
    with pytest.raises(InputError, match="needs a package that is not installed"):
        evaluated(suite, tmp_path / "a" / "evaluate" / "b", weights=PretrainedModelConfig(path=str(tmp_path)))

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.prompts import framed
from alpaca_exp.records import write_jsonl
from alpaca_exp.schemas import (
    FileModelConfig,
    Frame,
    LoggerConfig,
    PretrainedModelConfig,
    RuntimeConfig,
    ScratchModelConfig,
    TrainerConfig,
    WorldConfig,
    WorldModelConfig,
)
from alpaca_exp.stages.pretrain import pretrain
from alpaca_exp.stages.train import train
from alpaca_exp.tuning import module
from alpaca_exp.tuning.tokenizers import make_tokenizer

ROWS = [
    {
        "id": str(n),
        "instruction": f"Add {n} and {n + 1}.",
        "input": "",
        "output": f"It is {2 * n + 1}. " * (n % 4 + 1),
    }
    for n in range(30)
]
TRAINER = TrainerConfig(
    learning_rate=1e-2, epochs=2, global_batch_size=8, micro_batch_size=4, max_seq_len=128, warmup_ratio=0.1
)
EVERY_STEP = RuntimeConfig(checkpoint_every_s=0.0, accelerator="cpu", offline=True)
NEVER = replace(EVERY_STEP, checkpoint_every_s=1e9)
LOGGER = LoggerConfig(every_n_steps=3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("curate")
    write_jsonl(ROWS, folder / "dataset.jsonl")
    return Artifact(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PretrainedModelConfig:
    """A LLaMA as one would download it: a byte-level tokenizer without a padding token, dropout on."""
    folder = tmp_path_factory.mktemp("llama")
    tokenizer = make_tokenizer(
        "bpe", [framed(Frame.alpaca, row["instruction"]) + row["output"] for row in ROWS], 400
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, eos_token="</s>", bos_token="<s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            attention_dropout=0.1,
        )
    ).save_pretrained(folder)
    return PretrainedModelConfig(path=str(folder))


def tune(
    base: PretrainedModelConfig,
    dataset: Artifact,
    out: Path,
    *,
    runtime: RuntimeConfig = NEVER,
    trainer: TrainerConfig = TRAINER,
) -> dict[str, bytes]:
    """Run the stage; the bytes of every file that it left."""
    out.mkdir(exist_ok=True)
    train(base, trainer, 0, dataset=dataset, runtime=runtime, logger=LOGGER, out=out)
    return files(out)


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def uninterrupted(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    return tune(base, dataset, tmp_path_factory.mktemp("whole") / "out")


def before_step(number: int, action: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do `action` when step `number`, counted from 0, begins."""
    step_taken = module.Tuning.training_step

    def step(self: module.Tuning, window: Any, step: int) -> Any:
        if step == number:
            action()
        return step_taken(self, window, step)

    monkeypatch.setattr(module.Tuning, "training_step", step)


def test_a_tuned_model_loads_as_hugging_face_models_do(
    uninterrupted: dict[str, bytes], tmp_path: Path, base: PretrainedModelConfig
) -> None:
    for name, content in uninterrupted.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(content)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.pad_token == "[PAD]"
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert len(model.get_input_embeddings().weight) == len(tokenizer)
    assert model(**tokenizer("Add 1 and 2.", return_tensors="pt")).logits.isfinite().all()


def test_only_the_promised_files_are_left_and_none_names_a_path(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig
) -> None:
    names = {"model", "metrics.csv", "tokens.json", "lints.json"}
    assert {name.split("/")[0] for name in uninterrupted} == names
    assert not [name for name, content in uninterrupted.items() if base.path.encode() in content]


def test_metrics_say_what_happened(uninterrupted: dict[str, bytes]) -> None:
    header, *lines = uninterrupted["metrics.csv"].decode().splitlines()
    assert header == "step,epoch,loss,learning_rate,tokens"
    assert [line.split(",")[0] for line in lines] == ["3", "6", "8"]
    losses = [float(line.split(",")[2]) for line in lines]
    assert losses[0] > losses[-1]


def test_a_second_training_leaves_the_same_bytes(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def test_nothing_is_said_by_libraries(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tune(base, dataset, tmp_path / "out")
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_killed_training_ends_with_the_same_bytes(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, step: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        before_step(step, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
        assert in_a_process(tune, base, dataset, tmp_path / "out", EVERY_STEP) == -signal.SIGKILL
    begun: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        before_step(step, lambda: begun.append(step), patch)
        before_step(step - 1, lambda: begun.append(step - 1), patch)
        assert tune(base, dataset, tmp_path / "out") == uninterrupted
    assert begun == [step]


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    saved = torch.save

    def half(checkpoint: dict[str, Any], file: Any) -> None:
        saved(checkpoint, file)
        if checkpoint["global_step"] == 4:
            file.truncate(file.tell() // 2)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "save", half)
        assert in_a_process(tune, base, dataset, tmp_path / "out", EVERY_STEP) == -signal.SIGKILL
    assert len(list((tmp_path / "out" / "checkpoints").iterdir())) == 2
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def in_a_process(
    work: Callable[..., object],
    base: PretrainedModelConfig,
    dataset: Artifact,
    out: Path,
    runtime: RuntimeConfig,
) -> int | None:
    """The exit code of a child, forked so that it needs no imports of its own."""
    child = multiprocessing.get_context("fork").Process(
        target=work, args=(base, dataset, out), kwargs={"runtime": runtime}
    )
    child.start()
    child.join()
    return child.exitcode


def test_a_broken_checkpoint_is_passed_over(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "out" / "checkpoints").mkdir(parents=True)
    (tmp_path / "out" / "checkpoints" / "step-000000005.ckpt").write_bytes(b"half a file")
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 4), (signal.SIGINT, 1), (signal.SIGTERM, 8)])
def test_a_signal_stops_after_the_step_and_the_same_call_goes_on(
    uninterrupted: dict[str, bytes],
    base: PretrainedModelConfig,
    dataset: Artifact,
    tmp_path: Path,
    number: signal.Signals,
    step: int,
) -> None:
    before = signal.getsignal(number)
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(Stopped, match=rf"after step {step} of 8.*go on"),
    ):
        before_step(step - 1, lambda: os.kill(os.getpid(), number), patch)
        tune(base, dataset, tmp_path / "out")
    assert signal.getsignal(number) is before
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def test_a_diverged_loss_names_the_step_and_the_remedy(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = module.summed_loss
    seen: list[int] = []

    def diverging(*given: Any) -> torch.Tensor:
        seen.append(1)
        return loss(*given) * (torch.nan if len(seen) > 6 else 1)

    monkeypatch.setattr(module, "summed_loss", diverging)
    with pytest.raises(InputError, match=r"step 4 of 8; lower trainer.learning_rate \(now 0.01\)"):
        tune(base, dataset, tmp_path / "out", runtime=EVERY_STEP)
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-000000003.ckpt"]


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_lower_precisions_train_and_keep_their_number_format(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, precision: str
) -> None:
    tune(base, dataset, tmp_path / "out", trainer=replace(TRAINER, precision=precision, epochs=1))
    weights = load_file(tmp_path / "out" / "model" / "model.safetensors")
    expected = torch.float32 if precision == "bf16-mixed" else torch.bfloat16
    assert {weight.dtype for weight in weights.values()} == {expected}


@pytest.mark.parametrize("path", ["./no/such/folder", "nobody/no-such-model"])
def test_a_model_that_is_not_there_is_one_sentence(dataset: Artifact, tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError) as raised:
        tune(PretrainedModelConfig(path=path), dataset, tmp_path / "out")
    assert path in str(raised.value)
    assert "\n" not in str(raised.value)


def test_answers_beyond_the_limit_are_one_sentence(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"None of the 30 examples .*max_seq_len \(16\)"):
        tune(base, dataset, tmp_path / "out", trainer=replace(TRAINER, max_seq_len=16))


def made_from_config(**other: Any) -> dict[str, Any]:
    return {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 16,
        "max_position_embeddings": 128,
        "batch_size": 4,
        "block_size": 16,
        **other,
    }


def prepare(config: ScratchModelConfig, out: Path, runtime: RuntimeConfig = NEVER) -> dict[str, bytes]:
    out.mkdir(exist_ok=True)
    pretrain(config, runtime=runtime, logger=LOGGER, out=out)
    return files(out)


def test_a_base_model_reads_its_world_and_a_killed_reading_goes_on(tmp_path: Path) -> None:
    world = WorldConfig(people=8, corpus_tokens=1000)
    config = WorldModelConfig(world=world, tokenizer="word", **made_from_config(steps=12))
    whole = prepare(config, tmp_path / "whole")
    losses = [float(line.split(b",")[2]) for line in whole["metrics.csv"].splitlines()[1:]]
    assert losses[-1] < losses[0]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        before_step(6, lambda: os.kill(os.getpid(), signal.SIGTERM), patch)
        prepare(config, tmp_path / "again")
    assert prepare(config, tmp_path / "again") == whole
    other = prepare(replace(config, seed=1), tmp_path / "other")
    assert other["model/tokenizer.json"] == whole["model/tokenizer.json"]
    assert other["model/model.safetensors"] != whole["model/model.safetensors"]


def test_a_base_model_with_random_weights_takes_its_tokenizer_from_data_and_is_tuned(
    dataset: Artifact, tmp_path: Path
) -> None:
    config = FileModelConfig(corpus=dataset / "dataset.jsonl", **made_from_config(vocab_size=320))
    made = prepare(config, tmp_path / "base")
    assert {name.split("/")[0] for name in made} == {"model"}
    (tmp_path / "out").mkdir()
    train(
        config, TRAINER, 0, dataset=dataset, base=Artifact(tmp_path / "base"), runtime=NEVER, logger=LOGGER,
        out=tmp_path / "out",
    )  # fmt: skip
    assert (tmp_path / "out" / "model" / "tokenizer.json").read_bytes() == made["model/tokenizer.json"]


def test_a_base_model_without_a_text_says_which_setting_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"base_model.corpus is not set"):
        prepare(FileModelConfig(**made_from_config()), tmp_path / "out")

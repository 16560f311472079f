"""What is said of data before a model learns from it, with tokenizers and a model that really are some."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.records import Example, Row, write_jsonl
from alpaca_exp.schemas import LoggerConfig, PretrainedModelConfig, RuntimeConfig, TrainerConfig
from alpaca_exp.stages.train import train
from alpaca_exp.tuning.lints import Finding, reach, text_lints, token_lints
from alpaca_exp.tuning.tokens import tokenise
from tests.conftest import Command
from tests.models import bpe_tokenizer, tiny_llama

SOUND = [
    {"id": f"row-{i}", "instruction": f"Name number {i}.", "input": "", "output": f"It is {i}."}
    for i in range(20)
]


def row(id: str, instruction: str, output: str, input: str = "") -> Row:
    return {"id": id, "instruction": instruction, "input": input, "output": output}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return bpe_tokenizer()


def linted(rows: Sequence[Row], tokenizer: Any, **trainer: Any) -> dict[str, Finding]:
    config = TrainerConfig(**{"max_seq_len": 400, **trainer})
    examples = [Example(one["instruction"], one["output"], one["input"]) for one in rows]
    found = token_lints(rows, tokenise(examples, tokenizer, config), config.max_seq_len)
    return {finding.lint: finding for finding in (*found, *text_lints(rows))}


def length(one: Row, tokenizer: Any) -> int:
    example = Example(one["instruction"], one["output"], one["input"])
    return int(tokenise([example], tokenizer, TrainerConfig(max_seq_len=5000)).lengths[0])


def test_sound_data_gives_no_finding(tokenizer: Any) -> None:
    assert linted(SOUND, tokenizer) == {}


def test_empty_outputs_are_found_whatever_blanks_they_hold(tokenizer: Any) -> None:
    rows = [*SOUND, row("a", "Say nothing.", ""), row("b", "Say blanks.", " \n\t")]
    finding = linted(rows, tokenizer)["empty_output"]
    assert (finding.count, finding.ids, finding.warns) == (2, ("a", "b"), True)
    assert (
        finding.message == "2 of 22 examples have an empty output; the rule empty_output removes such (a, b)"
    )


def test_repeated_examples_and_prompts_with_other_answers_are_told_apart(tokenizer: Any) -> None:
    rows = [
        *SOUND,
        row("same", "Name number 3. ", "It is 3."),
        row("other", "Name number 4.", "It is four."),
        row("other again", "Name number 4.", "It is four."),
        row("with input", "Name number 5.", "It is 5.", "five"),
    ]
    found = linted(rows, tokenizer)
    assert found["repeated_example"].ids == ("same", "other again")
    assert found["repeated_prompt"].ids == ("other",)


def test_examples_whose_prompt_fills_the_limit_are_all_masked_and_the_remedy_keeps_them(
    tokenizer: Any,
) -> None:
    rows = [*SOUND, row("long", "Read on. " * 200, "Yes.")]
    finding = linted(rows, tokenizer)["all_masked"]
    assert (finding.count, finding.ids) == (1, ("long",))
    enough = int(finding.message.split("; ")[1].split()[0])
    assert "all_masked" not in linted(rows, tokenizer, max_seq_len=enough)
    assert "all_masked" in linted(rows, tokenizer, max_seq_len=enough - 1)


def test_cut_examples_are_a_warning_that_names_the_limit_that_would_do(tokenizer: Any) -> None:
    rows = SOUND * 10 + [row(f"long-{i}", "Count.", "one " * 50 * i) for i in range(1, 5)]
    limit = length(SOUND[-1], tokenizer) + 5
    finding = linted(rows, tokenizer, max_seq_len=limit)["truncated"]
    assert (finding.count, finding.warns) == (4, True)
    assert f"trainer.max_seq_len={limit}" in finding.message
    enough = int(finding.message.split("; ")[1].split()[0])
    assert enough == length(rows[-3], tokenizer)
    assert linted(rows, tokenizer, max_seq_len=enough)["truncated"].share < 0.01
    assert linted(rows, tokenizer, max_seq_len=enough - 1)["truncated"].share > 0.01


def test_few_cut_examples_are_noted_and_not_said(tokenizer: Any) -> None:
    rows = SOUND * 10 + [row("long", "Count.", "one " * 500)]
    found = linted(rows, tokenizer)
    assert (found["truncated"].count, found["truncated"].warns) == (1, False)
    assert (found["no_end_token"].ids, found["no_end_token"].warns) == (("long",), False)


def test_a_tokenizer_that_makes_no_end_token_of_its_text_is_found() -> None:
    tokenizer = bpe_tokenizer()
    tokenizer.backend_tokenizer.post_processor = _adding_a_token(tokenizer)
    finding = linted(SOUND, tokenizer)["no_end_token"]
    assert (finding.count, finding.warns) == (20, True)
    assert "of 20 the tokenizer makes no end token" in finding.message


def _adding_a_token(tokenizer: Any) -> Any:
    from tokenizers.processors import TemplateProcessing

    return TemplateProcessing(single="$A <pad>", special_tokens=[("<pad>", tokenizer.pad_token_id)])


def test_without_masking_no_example_is_all_masked(tokenizer: Any) -> None:
    rows = [*SOUND, row("long", "Read on. " * 200, "Yes.")]
    found = linted(rows, tokenizer, mask_prompt=False)
    assert "all_masked" not in found and found["truncated"].ids == ("long",)


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 200, 700, 1000])
def test_the_limit_that_cuts_under_a_share_is_the_least_one(count: int) -> None:
    lengths = range(1, count + 1)
    enough = reach(lengths)
    assert sum(length > enough for length in lengths) < 0.01 * count
    assert sum(length > enough - 1 for length in lengths) >= 0.01 * count


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PretrainedModelConfig:
    return PretrainedModelConfig(path=str(tiny_llama(tmp_path_factory.mktemp("llama"), context=300)))


def tuned(rows: Sequence[Row], base: PretrainedModelConfig, folder: Path, **trainer: Any) -> Path:
    data, out = Artifact(folder / "data"), folder / "out"
    data.path.mkdir(parents=True)
    out.mkdir()
    write_jsonl(rows, data / "dataset.jsonl")
    config = TrainerConfig(**{"epochs": 1, "global_batch_size": 8, "max_seq_len": 300, **trainer})
    train(
        base, config, 0, dataset=data,
        runtime=RuntimeConfig(accelerator="cpu", offline=True, num_threads=1), logger=LoggerConfig(), out=out,
    )  # fmt: skip
    return out


def test_the_stage_says_what_it_found_before_the_first_step_and_writes_it_down(
    base: PretrainedModelConfig,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from alpaca_exp.tuning import fit

    said: list[str] = []
    first = fit.fit

    def noted(*given: Any, **options: Any) -> None:
        said.append(capfd.readouterr().err)
        assert (options["out"] / "lints.json").exists()
        first(*given, **options)

    monkeypatch.setattr(fit, "fit", noted)
    rows = [*SOUND, row("void", "Say nothing.", ""), row("long", "Count.", "one " * 500)]
    out = tuned(rows, base, tmp_path)
    lines = said[0].splitlines()
    assert len(lines) == 2 and all(line.startswith("train: ") for line in lines)
    assert "1 of 22 examples (4.5%) is longer than trainer.max_seq_len=300 and is cut" in lines[0]
    assert "would cut under 1%, but the model reads at most 300 tokens" in lines[0]
    assert lines[1].endswith("has an empty output; the rule empty_output removes such (void)")
    noted_down = json.loads((out / "lints.json").read_text())
    assert (noted_down["examples"], noted_down["max_seq_len"]) == (22, 300)
    assert [one["lint"] for one in noted_down["findings"]] == ["truncated", "no_end_token", "empty_output"]
    assert noted_down["tokens"]["max"] > 300 >= noted_down["tokens"]["median"]


def test_sound_data_is_passed_over_in_silence(
    base: PretrainedModelConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tuned(SOUND, base, tmp_path)
    assert json.loads((out / "lints.json").read_text())["findings"] == []
    assert tuple(capfd.readouterr()) == ("", "")


def test_data_of_which_nothing_can_be_learnt_are_refused_with_the_limit_that_would_do(
    base: PretrainedModelConfig, tmp_path: Path
) -> None:
    with pytest.raises(
        InputError, match=r"None of the 20 examples .*max_seq_len \(16\); raise it \(with \d+"
    ):
        tuned(SOUND, base, tmp_path, max_seq_len=16)


def test_the_data_are_tokenised_once(
    base: PretrainedModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpaca_exp.tuning import tokenised

    encoded: list[int] = []
    encodings = tokenised.encodings

    def counted(prompts: Sequence[str], texts: Sequence[str], tokenizer: Any) -> Any:
        encoded.append(len(texts))
        return encodings(prompts, texts, tokenizer)

    monkeypatch.setattr(tokenised, "encodings", counted)
    tuned(SOUND, base, tmp_path / "train")
    tuned(SOUND, base, tmp_path / "another", learning_rate=1e-4, max_seq_len=100)
    assert encoded == [20], "each example once, for the lints and for both trainings"


def test_the_plan_says_what_is_odd_about_a_file_that_is_taken_as_it_is(
    command: Command, tmp_path: Path
) -> None:
    rows = [*SOUND, row("void", "Say nothing.", ""), row("again", "Name number 3.", "It is 3.")]
    write_jsonl(rows, tmp_path / "data.jsonl")
    asked = ["preset=local", "+experiment=original", "dataset_variant.source=data.jsonl", "action=plan"]
    said = command(*asked).stdout
    assert "Note: 1 of 22 examples has an empty output" in said
    assert "1 of 22 examples repeats an earlier one in every field (again)" in said
    cleaned = command(*asked, "dataset_variant.rules=[all]").stdout
    assert "examples" not in cleaned, "what the rules leave is not known yet"

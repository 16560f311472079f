"""Bad input at the command line: one sentence, exit code 2, no traceback, nothing begun."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Command

UNNAMED = ("eval_suite.understanding=[]", "eval_suite.truthfulness=[]", "runtime.offline=false")
ROWS = '[{"instruction": "Say something kind.", "input": "", "output": ""}]'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["+experimnt=cleaned"], "did you mean experiment?"),
        (["+experiment=cleand"], "did you mean cleaned?"),
        (["trainer.learning_rat=1"], "did you mean trainer.learning_rate?"),
        (["seed=many"], "seed is many; it must be a whole number"),
        (["dataset_variant.source=none.json"], "there is no such file"),
        (["preset=local"], "or name one that holds them with eval_suite.mirror=FOLDER"),
        (["preset=paper"], "OPENAI_API_KEY is not set; export OPENAI_API_KEY=..."),
        (["preset=local", "eval_suite.mirror=."], "eval_suite.mirror has no"),
        (["preset=local", "eval_suite.tasks=[hellasway]", *UNNAMED], "did you mean hellaswag?"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, command: Command, tmp_path: Path
) -> None:
    done = command(*words)
    assert said in done.stderr
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("outputs/[!r]*/*")), "no stage was begun"


CHAT = '{"messages": [{"role": "%s", "content": "Hi."}, {"role": "%s", "content": "Hi."}]}\n'
SEEDS = '{"id": "a", "instruction": "Say hello.", "instances": []}\n'


@pytest.mark.parametrize(
    ("name", "text", "words", "said"),
    [
        ("broken line", '{"instruction": "Say hello.", "output": "Hello."}\n{"instr\n', [], "line 2"),
        ("cut array", ROWS.replace("]", ""), [], "data.json"),
        ("nothing", "[]", [], "holds no rows"),
        ("no text", "\x00\x01\x02\x7f" * 9, [], "data.json"),
        ("other columns", '[{"ask": "a", "tell": "b"}]', [], "name the columns with"),
        ("odd chat", CHAT % ("user", "user"), [], "data.json"),
        ("too few", ROWS, ["dataset_variant.num_examples=60000"], "60,000 and there are 1 rows"),
        ("broken seed tasks", SEEDS, [], "instances must be a list"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.replace(" ", "").isalpha() else "",
)
def test_a_plan_says_of_broken_data_what_the_run_would(
    name: str, text: str, words: list[str], said: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "data.json").write_text(text)
    key = "teacher.seed_tasks" if "seed" in name else "dataset_variant.source"
    job = ["world=tiny", f"{key}=data.json", *words]
    planned, run = command(*job, "action=plan"), command(*job)
    for done, told in ((planned, planned.stdout), (run, run.stderr)):
        assert done.returncode == 2 and said in told, done.stdout + done.stderr
        assert "This experiment cannot run:" in told and "Traceback" not in done.stderr
    assert "\ncurate " in planned.stdout and not (tmp_path / "outputs" / "curate").exists()


@pytest.mark.parametrize(
    ("words", "who"),
    [
        (["teacher=local_server", "teacher.model=m", "dataset_variant=cleaned"], "critic miniature-critic"),
        (["teacher=local_server", "teacher.model=m", "dataset_variant=rated"], "rater miniature-rater"),
        (["dataset_variant.source=data.json", "dataset_variant=cleaned"], "critic miniature-critic"),
    ],
)
def test_the_miniatures_readers_are_not_asked_about_what_they_cannot_know(
    words: list[str], who: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "data.json").write_text(ROWS)
    done = command("world=tiny", *words)
    assert done.returncode == 2 and f"the {who} knows a made-up world alone" in done.stderr
    assert "made in" not in done.stdout, "before any work"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROWS.replace("]", ""), "data.json"),
        ('{"instruction": "Say hello to me.", "output": "Hello."}\n{"instruction": \n', "line 2"),
        ('[{"ask": "a", "tell": "b"}]', "instruction"),
        (ROWS, "no example is left"),
    ],
    ids=["cut", "broken line", "other columns", "nothing left"],
)
def test_a_bad_data_file_is_named(text: str, said: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(text)
    done = command("world=tiny", "dataset_variant=cleaned", "dataset_variant.source=data.json", "critic=none")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert said in done.stderr


def test_outputs_that_cannot_be_written_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file")
    for words in ([], ["runtime.outputs=/proc/nowhere"], ["action=plan"]):
        done = command("+experiment=cleaned", "world=tiny", *words)
        planned = "action=plan" in words
        assert done.returncode == 2 and "Traceback" not in done.stderr
        assert "choose" in (done.stdout if planned else done.stderr)


def test_a_misspelt_key_leaves_no_run_behind(command: Command, tmp_path: Path) -> None:
    command("+experimnt=cleaned")
    command("trainer.epochs=0")
    assert not list(tmp_path.rglob("*"))


def test_the_plan_of_a_sweep_ends_with_a_total_and_leaves_nothing(command: Command, tmp_path: Path) -> None:
    done = command("--multirun", "preset=paper", "+experiment=cleaned", "seed=0,1", "action=plan")
    assert done.returncode == 0, done.stderr
    tables = done.stdout.partition("\npart ")[2]
    bought = {line for line in tables.splitlines() if line.startswith(("generate ", "judge ", "assess "))}
    dollars = [re.findall(r"\$([\d.]+)", line) for line in bought]
    low, high = (sum(float(pair[end]) for pair in dollars) for end in (0, 1))
    said = re.search(
        r"^All 2 jobs: \d+ stages to make; .*, \$([\d.]+) to \$([\d.]+),", done.stdout, re.MULTILINE
    )
    assert said and len(bought) >= 3, "one data set, two judgements, two readings of TruthfulQA's answers"
    assert float(said[1]) >= low - 0.02 and float(said[2]) >= high - 0.02
    assert float(said[1]) < low + 1 and float(said[2]) < high + 2, "beside them only the opponent's answers"
    assert not list(tmp_path.iterdir())


def test_help_and_the_composed_config_come_without_work(command: Command, tmp_path: Path) -> None:
    shown = command("--help")
    assert (
        shown.returncode == 0
        and "dataset_variant=" in shown.stdout
        and "the rules find wrong" in shown.stdout
    )
    options = [line for line in shown.stdout.splitlines() if re.match(r"  [a-z]\w+  ", line)]
    starts = {re.match(r"  \w+ +", line).end() for line in options}  # type: ignore[union-attr]
    assert len(options) > 40 and len(starts) == 1, "one column"
    assert not [line for line in options if line.endswith(":")]
    assert "lands in outputs/runs/default/" in shown.stdout
    config = command("--cfg", "job", "+experiment=cleaned")
    assert config.returncode == 0 and "name: cleaned" in config.stdout
    assert not (tmp_path / "outputs").exists()


def test_the_report_and_the_store_say_what_is_missing(command: Command) -> None:
    for module, words in (("alpaca_exp.report", []), ("alpaca_exp.report", ["--rows", "nothing"])):
        done = command(*words, module=module)
        assert done.returncode == 2 and "Traceback" not in done.stderr
    assert command("why", "+experimnt=x", module="alpaca_exp.store").returncode == 2
    for word in ("list", "gc"):
        done = command(word, module="alpaca_exp.store")
        assert done.returncode == 2 and "there is no folder outputs" in done.stderr

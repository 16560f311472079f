"""From the command line to checked dataclasses, with every problem in a sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import schemas
from alpaca_exp.compose import compose
from alpaca_exp.config import SCHEMAS
from alpaca_exp.errors import ConfigError
from alpaca_exp.identity import identity
from alpaca_exp.miniature.tasks import task_names
from alpaca_exp.overrides import check
from alpaca_exp.plan import plan
from alpaca_exp.readiness import Here, obstacles, remarks

ALL = sorted(
    {*SCHEMAS.values(), schemas.FileQuestionsConfig, schemas.WorldQuestionsConfig}, key=lambda s: s.__name__
)
ROLES = ("identity", "runtime", "content")


def problems(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check(overrides)
        compose(overrides)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.__name__)
def test_every_field_says_what_it_is_and_whether_it_counts(schema: type) -> None:
    assert schema.__doc__ and "(" not in schema.__doc__.split("\n")[0][: len(schema.__name__) + 1]
    for field in dataclasses.fields(schema):  # type: ignore[arg-type]
        assert field.metadata.get("role") in ROLES, f"{schema.__name__}.{field.name} is neither"
        assert len(field.metadata["doc"]) > 3


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema.__name__)
def test_an_identity_field_changes_the_identity_and_a_runtime_field_does_not(schema: type) -> None:
    for field in dataclasses.fields(schema):  # type: ignore[arg-type]
        plain, changed = blank(schema), blank(schema)
        setattr(changed, field.name, "something else")
        counts = identity(plain) != identity(changed)
        assert counts == (field.metadata["role"] != "runtime"), f"{schema.__name__}.{field.name}"


def blank(schema: type) -> Any:
    """An instance whose every field is plain text: identity does not care for types."""
    value = schema.__new__(schema)
    for field in dataclasses.fields(schema):  # type: ignore[arg-type]
        setattr(value, field.name, "plain")
    return value


def test_money_keys_and_speed_are_no_part_of_the_identity() -> None:
    runtime = {
        field.name
        for field in dataclasses.fields(schemas.OpenAITeacherConfig)
        if field.metadata["role"] == "runtime"
    }
    assert {"base_url", "api_key_env", "budget_usd", "concurrency"} <= runtime
    assert all(field.metadata["role"] == "runtime" for field in dataclasses.fields(schemas.RuntimeConfig))
    assert all(field.metadata["role"] == "runtime" for field in dataclasses.fields(schemas.LoggerConfig))


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("+experimnt=cleaned", "experimnt is not a key; did you mean experiment?"),
        ("+experiment=cleand", "experiment has no option cleand; did you mean cleaned?"),
        ("experiment=cleaned", "write +experiment=cleaned"),
        ("+swep=factorial", "swep is not a key; did you mean sweep?"),
        ("+sweep=factoral", "sweep has no option factoral; did you mean factorial?"),
        ("dataset_variant=cleand", "dataset_variant has no option cleand; did you mean cleaned?"),
        ("datset_variant=cleaned", "datset_variant is not a key; did you mean dataset_variant?"),
        (
            "trainer.learning_rat=1e-4",
            "trainer.learning_rat is not a key; did you mean trainer.learning_rate?",
        ),
        ("+trainer.learning_rat=1e-4", "trainer.learning_rat is not a key; did you mean"),
        ("cleaned", "cleaned is not of the form key=value; did you mean +experiment=cleaned?"),
        ("seed=many", "seed is many; it must be a whole number"),
        ("teacher.num_examples=abc", "teacher.num_examples is abc; it must be a whole number"),
        ("teacher.num_examples=", "teacher.num_examples is empty; it must be a whole number"),
        ("trainer.learning_rate=fast", "trainer.learning_rate is fast; it must be a number"),
        ("runtime.offline=maybe", "runtime.offline is maybe; it must be true or false"),
        ("eval_suite.limit=few", "eval_suite.limit is few; it must be a whole number, or null"),
        ("eval_suite.tasks=piqa", "eval_suite.tasks is piqa; it must be a list, written tasks=[piqa]"),
        ("action=pln", "action is pln; it must be one of run, plan, rehearse, prefetch; did you mean plan?"),
        ("action = plan", "action = plan has spaces around its equals sign; write action=plan"),
        ("preset=papr", "preset has no option papr; did you mean paper?"),
        ("--experiment=cleaned", "--experiment=cleaned is no flag: write +experiment=cleaned"),
        ("scale=medium", "scale has no option medium; there are: large, small"),
        ("trainer.global_batch_size=33", "must be a multiple of trainer.micro_batch_size (32)"),
        (
            "dataset_variant.source=no/such.json",
            "dataset_variant.source is no/such.json, and there is no such file",
        ),
        (
            "eval_suite.truthfulness=[piqa.acc]",
            "eval_suite.truthfulness names piqa.acc, whose task is not in",
        ),
        ("teacher.temperature=9", "teacher.temperature is 9.0; it must be between 0 and 2"),
        (
            "dataset_variant.columns={instruktion: a}",
            "instruktion is not a key; did you mean dataset_variant.columns.instruction?",
        ),
        (
            "dataset_variant.columns.instruktion=a",
            "columns.instruktion is not a key; did you mean dataset_variant.columns.instruction?",
        ),
        (
            "critic.base_url=http://x",
            "critic.base_url is a key of critic=openai, not of the critic that was chosen; leave it out",
        ),
        ("teacher.error_rat=1", "teacher.error_rat is not a key; did you mean teacher.error_rate?"),
        ("judge.length_fondness=-1", "judge.length_fondness is -1.0; it must be 0 or more"),
        ("judge.opponent=nobody.jsonl", "it must be teacher, or a completions.jsonl that exists"),
    ],
)
def test_bad_input_is_named_with_its_remedy(override: str, remedy: str) -> None:
    assert remedy in problems(override)


@pytest.mark.parametrize("words", [["seed=0,1"], ["+sweep=factorial"]])
def test_many_jobs_are_asked_for_by_name(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="add --multirun"):
        check(words)
    check([*words, "--multirun"])


@pytest.mark.parametrize("words", [["action", "=", "plan"], ["action=", "plan"], ["action", "=plan"]])
def test_spaces_around_the_equals_sign_are_one_mistake(words: list[str]) -> None:
    said = problems("seed=1", *words)
    assert said == "action = plan has spaces around its equals sign; write action=plan"


def test_fewer_tasks_are_no_mistake_and_the_means_that_lack_one_are_left_out() -> None:
    suite = compose(["preset=local", "eval_suite.tasks=[hellaswag,truthfulqa_mc1,truthfulqa_mc2]"]).eval_suite
    assert suite.means() == {"truthfulness": ["truthfulqa_mc1.acc", "truthfulqa_mc2.acc"]}
    assert suite.lacking("understanding") == ["piqa"]


def test_a_misspelt_task_is_all_that_is_said() -> None:
    config = compose(["preset=paper", "eval_suite.tasks=[hellasway]"])
    found = [problem for problem in obstacles(plan(config), config) if not isinstance(problem, Here)]
    assert found == ["lm-eval has no task hellasway; did you mean hellaswag?"]
    said = problems("eval_suite.tasks=[world_fact]")
    assert said.startswith("the miniature has no task world_fact; it has world_facts,") and "\n" not in said
    assert list(schemas.WorldSuiteConfig.TASKS) == task_names()


def test_what_a_shortened_suite_leaves_out_is_said_in_a_sentence() -> None:
    (said,) = remarks(compose(["trainer=none", "dataset_variant=none", "eval_suite.tasks=[world_truth]"]))
    assert said.startswith("there will be no understanding: it needs world_facts too;")


def test_the_shipped_seed_tasks_are_remarked_on_only_where_they_are_used(tmp_path: Path) -> None:
    from_tasks = "the base model is made from seeds/seed_tasks.jsonl"
    untuned = ["preset=local", "+experiment=base"]
    assert [text.partition(",")[0] for text in remarks(compose(untuned))] == [from_tasks]
    (tmp_path / "text.jsonl").write_text("{}")
    assert remarks(compose([*untuned, f"base_model.corpus={tmp_path / 'text.jsonl'}"])) == []
    assert "the data is seeds/seed_tasks.jsonl" in remarks(compose(["preset=local"]))[0]


def test_a_file_that_two_keys_name_is_complained_of_once(tmp_path: Path) -> None:
    said = problems("preset=local", "dataset_variant.source=no.json")
    assert said == "dataset_variant.source is no.json, and there is no such file; give a path that exists"
    (tmp_path / "tasks.jsonl").write_text("{}")
    said = problems(f"teacher.seed_tasks={tmp_path}")
    assert f"a folder; name a file in it: teacher.seed_tasks={tmp_path / 'tasks.jsonl'}" in said


def test_all_problems_are_said_at_once() -> None:
    said = problems("trainer.epochs=0", "teacher.error_rate=2", "runtime.num_threads=0", "world.people=1")
    for name in ("trainer.epochs", "teacher.error_rate", "runtime.num_threads", "world.people"):
        assert name in said
    said = problems("trainer.frame=x", "world.people=many", "trainer.epochs={")
    assert (
        "trainer.frame is x; it must be one of alpaca, plain" in said
        and "world.people is many; it must be a whole number" in said
        and "cannot be read" in said
    )
    said = problems("trainer.epoch=1", "teachr=openai", "+experiment=bse")
    assert "trainer.epochs" in said and "teacher?" in said and "base?" in said


def test_changing_the_judges_prompt_changes_the_judge_and_the_page_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = plan(compose(["+experiment=cleaned"]))
    monkeypatch.setattr("alpaca_exp.prompts.comparison", lambda *shown: "".join(shown))
    after = plan(compose(["+experiment=cleaned"]))
    assert {name for name in before if before[name].fingerprint != after[name].fingerprint} == {
        "judge",
        "compare",
    }


def test_the_seed_of_the_order_buys_no_new_data() -> None:
    before, after = plan(compose(["seed=0"])), plan(compose(["seed=1"]))
    same = {name for name in before if before[name].fingerprint == after[name].fingerprint}
    assert {"generate", "curate", "pretrain", "opponent"} <= same
    assert not {"train", "evaluate", "complete"} & same


def test_cleaned_after_original_finds_the_data_and_the_base_model() -> None:
    before, after = plan(compose(["+experiment=original"])), plan(compose(["+experiment=cleaned"]))
    same = {name for name in before if before[name].fingerprint == after[name].fingerprint}
    assert same == {"generate", "pretrain", "opponent", "base"}


def test_one_golden_fingerprint(tmp_path: Path) -> None:
    """A change here means that every artifact made before is made, and paid for, again."""
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"instruction": "Say hello.", "instances": [{"input": "", "output": "Hello."}]}\n')
    stage = plan(compose(["preset=paper", f"teacher.seed_tasks={tasks}"]))["generate"]
    assert stage.recipe["identity"]["teacher"]["model"] == "gpt-4.1-mini"
    assert stage.fingerprint == "b1f99539fd6f8140"

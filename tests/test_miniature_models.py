"""The miniature's teacher, critic and judge: LanguageModels whose quality is known."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from alpaca_exp import prompts
from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.llm.model import LanguageModel, Request
from alpaca_exp.miniature.critic import MiniatureCritic, fault
from alpaca_exp.miniature.judge import MiniatureJudge
from alpaca_exp.miniature.language import VALUES, claims, words
from alpaca_exp.miniature.teacher import MiniatureTeacher
from alpaca_exp.miniature.world import world_of
from alpaca_exp.records import Example
from alpaca_exp.schemas import (
    MiniatureCriticConfig,
    MiniatureJudgeConfig,
    MiniatureTeacherConfig,
    WorldConfig,
)

WORLD = WorldConfig(seed=11, people=128, tasks=1200)


def test_a_list_goes_on_where_the_prompt_ends_and_has_the_ordered_length() -> None:
    demonstrations = [Example("Say hello to me.", "Hello."), Example("Repeat this word.", "soup", "soup")]
    text = _asked(_teacher(), prompts.task_list(demonstrations, 20, 100))
    items = _items(3, text)
    assert [number for number, _ in items] == list(range(3, 21))
    assert all((example.instruction, example.input) in world_of(WORLD).asked for _, example in items)


def test_another_sample_or_seed_brings_other_tasks_and_the_same_request_the_same() -> None:
    prompt = prompts.task_list([], 20, 100)
    texts = [_asked(_teacher(), prompt, sample=sample) for sample in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert _asked(_teacher(seed=5), prompt) != texts[0]


def test_asking_often_brings_out_everything_that_the_teacher_has_to_offer() -> None:
    teacher = _teacher()
    seen = set()
    for sample in range(250):
        for _, example in _items(1, _asked(teacher, prompts.task_list([], 20, 100), sample=sample)):
            seen.add((example.instruction, example.input))
    assert len(seen) >= WORLD.tasks


def test_a_stop_string_and_the_token_limit_end_a_list_as_a_server_would() -> None:
    prompt = prompts.task_list([], 20, 100)
    whole = asyncio.run(_teacher().complete(Request("t", prompt, 3072, stop=("\n20.",))))
    assert whole.finish_reason == "stop" and "\n19. Instruction:" in whole.text
    assert "\n20." not in whole.text
    cut = asyncio.run(_teacher().complete(Request("t", prompt, 50)))
    assert cut.finish_reason == "length" and cut.usage.tokens_out <= 150


def test_the_teacher_errs_at_its_rate_and_only_with_the_tempting_errors() -> None:
    teacher, world = _teacher(defect_rate=0.0), world_of(WORLD)
    said = [claim for task in world.offered for claim in claims(teacher.output(task, brief=True))]
    wrong = [claim for claim in said if not world.is_true(claim)]
    assert len(said) == len(world.offered)
    assert len(wrong) / len(said) == pytest.approx(0.3, abs=0.04)
    assert all(c.value in world.lures[c.relation] for c in wrong if c.relation in VALUES)


def test_a_flawless_teacher_makes_no_error_and_no_defect() -> None:
    teacher, world = _teacher(error_rate=0.0, defect_rate=0.0), world_of(WORLD)
    assert not any(fault(world, example) for example in _rows(teacher))


def test_answers_about_one_fact_err_apart_so_that_they_can_be_held_against_each_other() -> None:
    teacher, world = _teacher(defect_rate=0.0), world_of(WORLD)
    votes: dict[tuple[str, str], set[str]] = {}
    for task in world.offered:
        for claim in claims(teacher.output(task, brief=True)):
            votes.setdefault((claim.subject, claim.relation), set()).add(claim.value)
    divided = [fact for fact, values in votes.items() if fact[1] in VALUES and len(values) > 1]
    assert len(divided) > len(votes) / 3


def test_without_the_length_sentence_the_same_answer_goes_on() -> None:
    teacher = _teacher()
    for example in _rows(teacher)[:50]:
        task = world_of(WORLD).asked[example.instruction, example.input]
        short = _asked(teacher, prompts.answer(example.instruction, example.input, 100))
        long = _asked(teacher, prompts.answer(example.instruction, example.input, None))
        assert short == example.output
        if task.relation in VALUES and claims(short) and "Instruction:" not in short:
            assert long.startswith(short) and words(long) > words(short)
            assert len(claims(long)) == 1 + teacher.config.further_facts == 3


def test_the_teacher_says_that_it_does_not_know_what_is_not_of_its_world() -> None:
    assert _asked(_teacher(), prompts.answer("Who wrote Faust?", "", 100)) == "I do not know."


def test_each_defect_comes_at_its_rate_and_the_ordinary_cleaning_rules_find_it() -> None:
    rows = _rows(_teacher(error_rate=0.0, defect_rate=0.05))
    defects = [example for example in rows if fault(world_of(WORLD), example)]
    assert len(defects) / len(rows) == pytest.approx(0.2, abs=0.04)
    found = {_rule(example) for example in defects}
    assert {"empty_output", "not_available", "copied_prompt", "merged_instances"} <= found
    assert None not in found
    assert not [example for example in rows if _rule(example) and not fault(world_of(WORLD), example)]


def test_the_critic_finds_faults_and_gives_false_alarms_at_its_rates() -> None:
    rows = _rows(_teacher())
    critic = MiniatureCritic(MiniatureCriticConfig(model="c", world=WORLD, recall=0.8, false_alarm=0.1))
    removed = {True: [0, 0], False: [0, 0]}
    for example in rows:
        verdict = _asked(critic, prompts.critique(example))
        assert re.fullmatch(r"(keep|remove): \S.*", verdict)
        count = removed[fault(world_of(WORLD), example) is not None]
        count[verdict.startswith("remove")] += 1
    assert removed[True][1] / sum(removed[True]) == pytest.approx(0.8, abs=0.06)
    assert removed[False][1] / sum(removed[False]) == pytest.approx(0.1, abs=0.04)


def test_an_oracle_removes_exactly_the_faulty_rows_and_keeps_what_is_not_of_its_world() -> None:
    oracle = MiniatureCritic(MiniatureCriticConfig(model="c", world=WORLD, recall=1.0, false_alarm=0.0))
    for example in [*_rows(_teacher())[:200], Example("Who wrote Faust?", "Nobody did.")]:
        removed = _asked(oracle, prompts.critique(example)).startswith("remove")
        assert removed == (fault(world_of(WORLD), example) is not None)


def test_the_judge_prefers_the_right_answer_in_either_place() -> None:
    world = world_of(WORLD)
    task = next(task for task in world.offered if task.relation == "city")
    right = task.told(world.truth[task.subject, "city"])
    wrong = task.told(world.errors(task.subject, "city")[0])
    judge = _judge(noise=0.0)
    assert _scores(judge, task.instruction, right, wrong) == [7.0, 3.0]
    assert _scores(judge, task.instruction, wrong, right) == [3.0, 7.0]
    assert _scores(judge, task.instruction, "", "I do not know.") == [1.0, 2.0]


def test_an_untrue_extra_costs_points_and_a_fondness_for_length_pays_for_it() -> None:
    world = world_of(WORLD)
    task = next(task for task in world.offered if task.relation == "city")
    short = task.told(world.truth[task.subject, "city"])
    color = world.errors(task.subject, "color")[0]
    long = f"{short} {task.subject} paints the door {color}. {task.subject} always wears {color}."
    assert _scores(_judge(noise=0.0), task.instruction, short, long) == [7.0, 5.5]
    fond = _scores(_judge(noise=0.0, length_fondness=0.6), task.instruction, short, long)
    assert fond[1] > fond[0] == 7.0


def test_scores_stay_on_the_scale_and_their_noise_is_the_same_for_the_same_request() -> None:
    judge = _judge(noise=5.0)
    for number in range(50):
        scores = _scores(judge, "Who wrote Faust?", f"Answer {number}", "")
        assert scores == _scores(judge, "Who wrote Faust?", f"Answer {number}", "")
        assert all(1 <= score <= 10 and score * 2 == int(score * 2) for score in scores)


def _teacher(seed: int = 0, error_rate: float = 0.3, defect_rate: float = 0.03) -> MiniatureTeacher:
    return MiniatureTeacher(
        MiniatureTeacherConfig(
            model="t", world=WORLD, seed=seed, error_rate=error_rate, defect_rate=defect_rate
        )
    )


def _judge(noise: float, length_fondness: float = 0.0) -> MiniatureJudge:
    config = MiniatureJudgeConfig(model="j", world=WORLD, noise=noise, length_fondness=length_fondness)
    return MiniatureJudge(config)


def _rows(teacher: MiniatureTeacher) -> list[Example]:
    return [task.example(teacher.output(task, brief=True)) for task in teacher.world.offered]


def _asked(model: LanguageModel, prompt: str, sample: int = 0) -> str:
    return asyncio.run(model.complete(Request("m", prompt, 3072, sample=sample))).text


def _scores(judge: MiniatureJudge, question: str, first: str, second: str) -> list[float]:
    reply = _asked(judge, prompts.comparison(question, first, second))
    return [float(score) for score in reply.splitlines()[0].split()]


def _items(first: int, text: str) -> list[tuple[int, Example]]:
    return list(_parsed(f"{first}. Instruction:{text}"))


def _parsed(text: str) -> Iterator[tuple[int, Example]]:
    for item in text.split("###\n"):
        found = re.fullmatch(
            r"(\d+)\. Instruction: (.*)\n\1\. Input:\n(.*)\n\1\. Output:\n(.*)\n", item, re.DOTALL
        )
        assert found, item
        given = "" if found[3] == prompts.NO_INPUT else found[3]
        yield int(found[1]), Example(found[2], found[4], given)


def _rule(example: Example) -> str | None:
    return next((rule.name for rule in chosen(["all"]) if rule.finds(example)), None)

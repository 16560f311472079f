"""Money: what is reported adds up, what may be spent is never passed."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from alpaca_exp.errors import BudgetReached
from alpaca_exp.ledger import Forecast, Ledger, consumed, price, report
from alpaca_exp.records import Usage
from alpaca_exp.schemas import LanguageModelConfig


def test_reports_of_one_stage_add_up(tmp_path: Path) -> None:
    report(tmp_path, Usage(requests=2, tokens_in=10, usd=0.5))
    report(tmp_path, Usage(requests=1, gpu_hours=0.25))
    assert consumed(tmp_path) == Usage(requests=3, tokens_in=10, usd=0.5, gpu_hours=0.25)
    assert json.loads((tmp_path / "usage.json").read_text())["requests"] == 3


def test_a_part_that_is_replayed_after_a_kill_is_not_counted_twice(tmp_path: Path) -> None:
    report(tmp_path, Usage(requests=5, usd=1.0), "critic")
    report(tmp_path, Usage(requests=2, usd=0.5), "teacher")
    report(tmp_path, Usage(requests=7, usd=1.5), "critic")
    assert consumed(tmp_path) == Usage(requests=9, usd=2.0)


def test_nothing_was_consumed_where_nothing_was_reported(tmp_path: Path) -> None:
    assert consumed(tmp_path) == Usage()


def test_the_price_is_the_list_price_of_a_million_tokens() -> None:
    config = LanguageModelConfig(model="m", usd_per_million_in=2.0, usd_per_million_out=8.0)
    assert price(config, 500_000, 250_000) == pytest.approx(3.0)


def test_a_request_that_could_cost_too_much_is_refused_with_the_way_on() -> None:
    async def ask() -> None:
        ledger = Ledger(1.0, "teacher", spent=0.75)
        await ledger.reserve(0.3)

    with pytest.raises(BudgetReached, match=r"raise teacher\.budget_usd and run the same command again"):
        asyncio.run(ask())


def test_a_refusal_tells_apart_what_is_spent_and_what_is_still_under_way() -> None:
    """The run ends with what those under way cost too, and says so: the two amounts must not contradict."""

    async def refused() -> None:
        ledger = Ledger(1.0, "judge", spent=0.75)
        await ledger.reserve(0.125)
        await ledger.reserve(0.0625)
        await ledger.reserve(0.5)

    said = (
        r"\$0\.7500 of judge\.budget_usd=1 are spent, .*, and up to \$0\.1875 more for requests under way\."
    )
    with pytest.raises(BudgetReached, match=said):
        asyncio.run(refused())


def test_a_request_waits_for_those_under_way_whose_reservations_are_in_its_way() -> None:
    async def ask() -> float:
        ledger = Ledger(1.0, "teacher")
        first = await ledger.reserve(0.9)
        second = asyncio.create_task(ledger.reserve(0.5))
        await asyncio.sleep(0)
        assert not second.done()
        await ledger.commit(first, 0.1)
        await ledger.commit(await second, 0.2)
        return ledger.spent

    assert asyncio.run(ask()) == pytest.approx(0.3)


def test_a_lost_reply_counts_with_its_whole_reservation() -> None:
    async def ask() -> float:
        ledger = Ledger(None, "teacher")
        await ledger.keep(await ledger.reserve(0.4))
        return ledger.spent

    assert asyncio.run(ask()) == 0.4


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_costs_and_losses_passes_the_budget(seed: int) -> None:
    rng = random.Random(seed)
    budget = rng.uniform(0.5, 3.0)
    ledger = Ledger(budget, "teacher")

    async def one() -> None:
        bound = rng.uniform(0.01, 0.4)
        reservation = await ledger.reserve(bound)
        await asyncio.sleep(0)
        if rng.random() < 0.2:
            await ledger.keep(reservation)
        else:
            await ledger.commit(reservation, bound * rng.random())
        assert ledger.spent <= budget

    async def everybody() -> None:
        results = await asyncio.gather(*(one() for _ in range(100)), return_exceptions=True)
        assert all(result is None or isinstance(result, BudgetReached) for result in results)

    asyncio.run(everybody())
    assert ledger.spent <= budget


def test_the_rest_is_foretold_by_the_first_answers_without_a_gap() -> None:
    config = LanguageModelConfig(model="m", usd_per_million_in=1.0, usd_per_million_out=2.0)
    forecast = Forecast(config, {f"{n}": 400 for n in range(100)})
    for n in range(1, 6):
        forecast.note(f"{n}", Usage(1, 100, 1))
    assert forecast.rest() is None  # the first one takes longest: it would be forgotten
    forecast.note("0", Usage(1, 100, 595))
    assert forecast.rest() == pytest.approx(94 * (100 * 1.0 + 100 * 2.0) / 1e6)


def test_a_long_prompt_is_foretold_to_cost_more() -> None:
    config = LanguageModelConfig(model="m", usd_per_million_in=1.0)
    forecast = Forecast(config, {"a": 100, "b": 900})
    forecast.note("a", Usage(1, 25, 7))
    assert forecast.rest() == pytest.approx(225 / 1e6)


@pytest.mark.parametrize("seed", range(10))
def test_after_a_twentieth_the_forecast_is_within_a_tenth_of_the_final_cost(seed: int) -> None:
    rng = random.Random(seed)
    config = LanguageModelConfig(model="m", usd_per_million_in=0.4, usd_per_million_out=1.6)
    sizes = {f"{n}": rng.randint(800, 4000) for n in range(4000)}
    used = {key: Usage(1, size // 4, int(rng.lognormvariate(6, 0.4))) for key, size in sizes.items()}
    forecast, spent, told = Forecast(config, sizes), 0.0, None
    arriving = sorted(used, key=lambda key: int(key) + used[key].tokens_out / 10)  # short ones overtake
    for key in arriving:
        forecast.note(key, used[key])
        spent += price(config, used[key].tokens_in, used[key].tokens_out)
        rest = forecast.rest()
        if told is None and rest is not None:
            told = spent + rest
    assert told == pytest.approx(spent, rel=0.1)
    assert forecast.rest() == 0

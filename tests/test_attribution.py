"""Effects, interactions and Shapley values: figures worked out by hand, axioms, and simulated worlds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations

import numpy as np
import pytest

from alpaca_exp.statistics.attribution import Cell, Factor, cells, effects, rank, shapley
from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.ratio import share

SCALE, DATA = Factor("scale", ("small", "large")), Factor("data", ("original", "cleaned", "uncapped"))
TWO = (SCALE, Factor("data", ("original", "cleaned")))
BY_HAND: dict[Cell, float] = {
    ("small", "original"): 1.0, ("small", "cleaned"): 3.0,
    ("large", "original"): 4.0, ("large", "cleaned"): 10.0,
}  # fmt: skip


def of(weights: Mapping[Cell, float], values: Mapping[Cell, float]) -> float:
    return sum(weight * values[cell] for cell, weight in weights.items())


def switches(names: str) -> tuple[Factor, ...]:
    return tuple(Factor(name, ("-", "+")) for name in names)


def game(names: str, worth: Callable[[str], float]) -> dict[str, float]:
    """The Shapley values of players by name, of whom a coalition is worth `worth` of its names."""
    players = switches(names)
    values = {
        cell: worth("".join(name for name, at in zip(names, cell, strict=True) if at == "+"))
        for cell in cells(players)
    }
    found = shapley(players, values, ("-",) * len(names), ("+",) * len(names))
    return {name: of(weights, values) for name, weights in found.values.items()}


def test_two_by_two_by_hand() -> None:
    found = [of(effect.weights, BY_HAND) for effect in effects(TWO, BY_HAND)]
    assert found == [(3 + 7) / 2, (2 + 6) / 2, 6 - 2]
    parts = shapley(TWO, BY_HAND, ("small", "original"), ("large", "cleaned"))
    assert {name: of(weights, BY_HAND) for name, weights in parts.values.items()} == {"scale": 5, "data": 4}
    assert of(parts.total, BY_HAND) == 9


def test_a_level_is_compared_with_the_baseline_and_averaged_over_the_other_factor() -> None:
    values = dict(zip(cells((SCALE, DATA)), (1.0, 2.0, 6.0, 10.0, 20.0, 60.0), strict=True))
    found = {effect.terms: of(effect.weights, values) for effect in effects((SCALE, DATA), values)}
    assert found[("scale", "large"),] == pytest.approx((9 + 18 + 54) / 3)
    assert found[("data", "uncapped"),] == pytest.approx((5 + 50) / 2)
    assert found[("scale", "large"), ("data", "uncapped")] == pytest.approx(50 - 5)


def test_an_interaction_of_three_is_how_far_that_of_two_changes() -> None:
    values = {cell: float(cell.count("+") == 3) for cell in cells(switches("abc"))}
    last = effects(switches("abc"), values)[-1]
    assert len(last.terms) == 3 and of(last.weights, values) == 1


def test_there_is_one_effect_less_than_cells_and_none_follows_from_the_others() -> None:
    factors = (SCALE, DATA, Factor("recipe", ("full", "lora")))
    places = cells(factors)
    found = effects(factors, places)
    matrix = np.array([[effect.weights.get(cell, 0.0) for cell in places] for effect in found])
    assert matrix.shape == (11, 12) and np.linalg.matrix_rank(matrix) == 11
    assert matrix.sum(1) == pytest.approx(0)


def test_the_airport_game() -> None:
    """Runways of length 1, 2, 3: 1/3; 1/3 + 1/2; 1/3 + 1/2 + 1 (Littlechild and Owen 1973)."""
    found = game("123", lambda names: max(map(float, names), default=0.0))
    assert found == pytest.approx({"1": 1 / 3, "2": 5 / 6, "3": 11 / 6})


def test_the_glove_game() -> None:
    """One left glove, two right ones: 2/3 for the left, 1/6 each for the others."""
    found = game("LRr", lambda names: float("L" in names and len(names) > 1))
    assert found == pytest.approx({"L": 2 / 3, "R": 1 / 6, "r": 1 / 6})


@pytest.mark.parametrize("seed", range(5))
def test_shapley_values_add_up_and_are_the_mean_over_all_orders(seed: int) -> None:
    factors = (SCALE, DATA, Factor("recipe", ("a", "b", "c")), Factor("frame", ("raw", "alpaca")))
    rng = np.random.default_rng(seed)
    values = {cell: float(rng.normal()) for cell in cells(factors)}
    start, end = ("small", "original", "a", "raw"), ("large", "uncapped", "c", "alpaca")
    found = shapley(factors, values, start, end)
    parts = {name: of(weights, values) for name, weights in found.values.items()}
    assert sum(parts.values()) == pytest.approx(values[end] - values[start])
    steps = dict.fromkeys(parts, 0.0)
    for order in permutations(range(4)):
        here: Cell = start
        for at in order:
            there = (*here[:at], end[at], *here[at + 1 :])
            steps[factors[at].name] += (values[there] - values[here]) / 24
            here = there
    assert parts == pytest.approx(steps)


def test_a_factor_that_changes_nothing_has_no_part_and_two_that_do_the_same_have_equal_ones() -> None:
    found = game("abd", lambda names: float({"a", "b"} <= set(names)) + ("a" in names) + ("b" in names))
    assert found == pytest.approx({"a": 1.5, "b": 1.5, "d": 0.0})


def test_a_factor_that_stays_where_it_is_takes_no_part() -> None:
    found = shapley((SCALE, DATA), cells((SCALE, DATA)), ("small", "original"), ("large", "original"))
    assert found.values == {"scale": {("large", "original"): 1.0, ("small", "original"): -1.0}}


def test_where_a_cell_lacks_effects_are_averaged_over_the_places_that_have_both_levels() -> None:
    lacking = ("large", "uncapped")
    present = [cell for cell in cells((SCALE, DATA)) if cell != lacking]
    found = {effect.terms: effect for effect in effects((SCALE, DATA), present)}
    scale = found[("scale", "large"),]
    assert (scale.places, scale.all_places, scale.missing) == (2, 3, (lacking,))
    assert ("small", "uncapped") not in scale.weights
    whole = found[("data", "cleaned"),]
    assert (whole.places, whole.missing) == (whole.all_places, ())
    interaction = found[("scale", "large"), ("data", "uncapped")]
    assert (interaction.weights, interaction.missing) == ({}, (lacking,))
    assert shapley((SCALE, DATA), present, ("small", "original"), lacking).missing == (lacking,)


def test_a_size_that_came_with_its_own_recipe_cannot_be_told_from_it() -> None:
    factors = (Factor("scale", ("7B", "13B")), Factor("recipe", ("stanford_7b", "stanford_13b")))
    present = [("7B", "stanford_7b"), ("13B", "stanford_13b")]
    scale, recipe, interaction = effects(factors, present)
    assert not (scale.weights or recipe.weights or interaction.weights)
    assert (scale.aliases, recipe.aliases) == ((("recipe", "stanford_13b"),), (("scale", "13B"),))
    assert rank(factors, present) == (2, 3)


def test_half_of_a_factorial_tells_main_effects_if_there_are_no_interactions() -> None:
    factors = switches("abc")
    half = [cell for cell in cells(factors) if cell.count("+") % 2]
    truth = {cell: 5 + 1 * (cell[0] == "+") + 2 * (cell[1] == "+") - 3 * (cell[2] == "+") for cell in half}
    main = effects(factors, half)[:3]
    assert all(effect.additive for effect in main)
    assert [of(effect.weights, truth) for effect in main] == pytest.approx([1, 2, -3])
    assert rank(factors, half) == (4, 4)


def test_a_level_that_no_cell_has_is_not_identified_and_named_by_its_cells() -> None:
    present = [cell for cell in cells((SCALE, DATA)) if cell[1] != "uncapped"]
    found = {effect.terms: effect for effect in effects((SCALE, DATA), present)}
    uncapped = found[("data", "uncapped"),]
    assert (uncapped.weights, uncapped.aliases) == ({}, ())
    assert set(uncapped.missing) == {("small", "uncapped"), ("large", "uncapped")}


def test_without_any_cell_nothing_is_identified() -> None:
    assert not any(effect.weights or effect.additive for effect in effects(TWO, []))
    assert rank(TWO, []) == (0, 3)


def world(rng: np.random.Generator, truth: Mapping[Cell, float]) -> dict[Cell, np.ndarray]:
    """Scores (3 seeds, 80 documents) of each cell: documents differ in difficulty, and in what helps them."""
    difficulty = rng.normal(0, 0.3, 80)
    return {
        cell: mean
        + difficulty
        + rng.normal(0, 0.2, 80)
        + rng.normal(0, 0.03, (3, 1))
        + rng.normal(0, 0.3, (3, 80))
        for cell, mean in truth.items()
    }


def test_intervals_of_effects_and_shapley_values_hold_the_truth_as_often_as_they_say() -> None:
    factors = (SCALE, DATA)
    truth = dict(zip(cells(factors), (0.3, 0.5, 0.25, 0.5, 0.65, 0.5), strict=True))
    ways = shapley(factors, truth, ("small", "original"), ("large", "cleaned")).values
    contrasts = [*(effect.weights for effect in effects(factors, truth)), *ways.values()]
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        scores = world(rng, truth)
        for weights in contrasts:
            found = crossed(sum(weight * scores[cell] for cell, weight in weights.items()))
            assert found.low is not None and found.high is not None
            held += found.low <= of(weights, truth) <= found.high
    assert 0.93 < held / (200 * len(contrasts)) < 0.98


def test_a_share_has_an_interval_that_holds_the_truth() -> None:
    truth = dict(zip(cells(TWO), (0.3, 0.45, 0.45, 0.7), strict=True))
    found = shapley(TWO, truth, ("small", "original"), ("large", "cleaned"))
    true = of(found.values["scale"], truth) / of(found.total, truth)
    rng, told, held = np.random.default_rng(1), 0, 0
    for _ in range(60):
        scores = world(rng, truth)
        part, whole = (
            np.asarray(sum(weight * scores[cell] for cell, weight in weights.items()))
            for weights in (found.values["scale"], found.total)
        )
        if one := share(part, whole):
            told += 1
            held += one.low <= true <= one.high
            assert one.low < one.value < one.high
    assert told == 60 and held >= 53


def test_no_share_of_a_change_that_may_be_none() -> None:
    rng = np.random.default_rng(2)
    assert share(rng.normal(1, 0.1, (3, 80)), rng.normal(0, 1, (3, 80))) is None


def test_two_shares_of_one_whole_add_up_and_a_part_that_is_the_whole_is_all_of_it() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(1, 0.5, (3, 80)), rng.normal(2, 0.5, (3, 80))
    first, second = share(one, one + other), share(other, one + other)
    assert first is not None and second is not None
    assert first.value + second.value == pytest.approx(1)
    assert first.low + second.high == pytest.approx(1, abs=1e-6)
    whole = share(one, one)
    assert whole is not None and (whole.value, whole.low, whole.high) == pytest.approx((1, 1, 1))

"""What designs can show: against what simulated experiments find."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from alpaca_exp.statistics.combined import combined
from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.intervals import Doubt, Interval, Part
from alpaca_exp.statistics.planning import (
    Needed,
    Spread,
    minimal_detectable_difference,
    more_needed,
    noise_floor,
    spread,
)
from tests.crossed_worlds import Array


def drawn(of: Spread, worlds: int, seeds: int, n: int, mean: float = 0.0) -> Array:
    rng = np.random.default_rng((seeds, n))
    sizes = (worlds, seeds, 1), (worlds, 1, n), (worlds, seeds, n)
    parts = zip((of.seeds, of.documents, of.both), sizes, strict=True)
    return np.asarray(mean + sum(np.sqrt(variance) * rng.standard_normal(size) for variance, size in parts))


def test_the_variances_of_seeds_documents_and_both_are_told_apart() -> None:
    of = Spread(0.09, 0.25, 0.64)
    found = [spread(values) for values in drawn(of, 600, 5, 60)]
    for name in ("seeds", "documents", "both"):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(getattr(of, name), rel=0.08)


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_a_detectable_difference_is_found_four_times_out_of_five(seeds: int) -> None:
    of = Spread(0.0025, 0.09, 0.25)
    least = minimal_detectable_difference(of, seeds, 80)
    true = Spread(0.0 if seeds == 1 else of.seeds, of.documents, of.both)
    found = [crossed(values).low for values in drawn(true, 800, seeds, 80, least)]
    assert 0.74 < np.mean([low is not None and low > 0 for low in found]) < 0.86


def test_more_seeds_more_documents_and_less_power_find_less() -> None:
    of = Spread(0.01, 0.09, 0.25)
    least = minimal_detectable_difference(of, 3, 80)
    assert minimal_detectable_difference(of, 5, 80) < least > minimal_detectable_difference(of, 3, 320)
    assert minimal_detectable_difference(of, 3, 80, power=0.5) < least
    assert minimal_detectable_difference(Spread(0, 0, 0), 3, 80) == 0.0


@pytest.mark.parametrize(
    ("seeds", "documents", "power", "alpha"),
    [(0, 80, 0.8, 0.05), (3, 1, 0.8, 0.05), (3, 80, 1.0, 0.05), (3, 80, 0.01, 0.05), (3, 80, 0.8, 0.0)],
)
def test_a_design_that_is_none_is_refused(seeds: int, documents: int, power: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="a design has"):
        minimal_detectable_difference(Spread(1, 1, 1), seeds, documents, power, alpha)


def test_two_further_seeds_differ_by_less_than_the_noise_floor_in_19_of_20_pairs() -> None:
    rows = np.random.default_rng(0).standard_normal((3000, 6))
    within = [abs(row[4] - row[5]) < noise_floor(row[:4].tolist()) for row in rows]
    assert 0.935 < np.mean(within) < 0.965


def test_of_one_seed_nothing_is_told_of_others() -> None:
    with pytest.raises(ValueError, match="two of them or more"):
        noise_floor([0.5])
    with pytest.raises(ValueError, match="each a finite number"):
        noise_floor([1.0, np.nan])
    with pytest.raises(ValueError, match="two of them or more"):
        spread([[1.0, 2.0]])


def of_seeds_alone(seeds: int) -> Interval:
    """With a mean of 0 and a standard deviation of 1."""
    values = np.arange(seeds) - (seeds - 1) / 2
    return crossed((values / values.std(ddof=1))[:, None])


def test_so_many_more_seeds_decide_and_one_less_does_not() -> None:
    def half(seeds: int) -> float:
        return float(stats.t.ppf(0.975, seeds - 1)) / math.sqrt(seeds)

    needed = more_needed(of_seeds_alone(3), 0.5, 1)
    assert needed.documents is None and needed.seeds is not None
    assert half(3 + needed.seeds) < 0.5 <= half(2 + needed.seeds)


def test_of_one_checkpoint_only_more_documents_decide() -> None:
    values = np.resize([1.0, -1.0], 80)
    needed = more_needed(crossed([values]), 0.1, 80)
    assert needed.seeds is None and needed.documents is not None
    enough = 80 + needed.documents
    error = values.std(ddof=1) * stats.t.ppf(0.975, 79 * enough / 80)
    assert error / math.sqrt(enough) < 0.1 <= error / math.sqrt(enough - 1) + 1e-6


@pytest.mark.parametrize(("kind", "distance"), [("seeds", 0.07), ("documents", 0.07), ("both", 0.03)])
def test_with_so_many_more_the_same_estimate_decides_about_one_time_in_two(
    kind: str, distance: float
) -> None:
    of, seeds, n = Spread(0.0009, 0.04, 0.36), 4, 60
    both = of.both / seeds / n
    parts = [Part(of.seeds / seeds + both, seeds - 1), Part(of.documents / n, n - 1)]
    needed = more_needed(replace(combined(distance, parts, seeds, Doubt.seeds), both=both), distance, n)
    more = {"seeds": (needed.seeds, 0), "documents": (0, needed.documents), "both": needed.both}[kind]
    assert more is not None and None not in more
    larger = seeds + (more[0] or 0), n + (more[1] or 0)
    lows = [crossed(values).low for values in drawn(of, 600, *larger, distance)]
    assert 0.4 < np.mean([low is not None and low > 0 for low in lows]) < 0.6


def test_both_together_decide_what_neither_would_alone() -> None:
    rows = drawn(Spread(0.04, 1.0, 0.25), 1, 3, 80)[0]
    one = crossed(rows - rows.mean())
    needed = more_needed(one, 0.12, 80)
    assert needed.seeds is None and needed.documents is None and needed.both is not None
    seeds, documents = needed.both
    assert documents == math.ceil(80 * seeds / 3) and seeds < 3 * 99
    nearer = more_needed(one, 0.08, 80).both
    assert nearer is not None and nearer[0] > seeds
    assert more_needed(one, 0.12, 80, fixed=True) == Needed(None, None)


def test_documents_lessen_what_single_seeds_do_on_single_documents() -> None:
    values = drawn(Spread(0.0, 0.0, 1.0), 1, 5, 60)[0]
    one = crossed(values - values.mean())
    needed = more_needed(one, 0.06, 60)
    assert needed.documents is not None and needed.documents < 60 * 99


def test_documents_do_not_decide_what_seeds_leave_open_and_given_models_have_no_others() -> None:
    rows = drawn(Spread(1.0, 0.01, 0.01), 1, 4, 50)[0]
    one = crossed(rows - rows.mean())
    needed = more_needed(one, 0.3, 50)
    assert needed.documents is None and needed.seeds is not None and needed.seeds > 10
    assert more_needed(one, 0.3, 50, fixed=True).seeds is None
    assert more_needed(one, 0.3, 50, alpha=0.005).seeds > needed.seeds  # type: ignore[operator]
    assert more_needed(one, 1e-4, 50) == Needed(None, None)

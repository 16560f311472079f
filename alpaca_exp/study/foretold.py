"""What a study would do and cost, said without beginning it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alpaca_exp.costs import Expectation
from alpaca_exp.errors import InputError
from alpaca_exp.preview import Costs, preview
from alpaca_exp.study.settings import Settings, read_settings
from alpaca_exp.study.study import looked_through, probes, shape, trials_told
from alpaca_exp.sweeping.composing import Composer
from alpaca_exp.sweeping.sweep import Asked

SHOWN = 3
"""So many trials are planned stage by stage; of the others the totals count."""


def foretell(asked: Asked, node: Mapping[str, Any]) -> None:
    """Print the plan of the first points, or of some corners, and what all trials cost at most and at least.

    Raises InputError where a trial could not begin.
    """
    settings = _settings(asked, node)
    composer = Composer(asked.loader, asked.master)
    print(f"{settings.study_name}: {shape(settings)}", flush=True)
    looked_through(settings, composer, elsewhere=False)
    found = probes(settings)
    shown = [words for _, words in (found if settings.enqueue else _unlike(found))][:SHOWN]
    costs, can_run = list[Costs](), True
    for words in shown:
        config, choices = composer(words)
        print(f"\n{settings.space.label(words)}")
        cost, fine = preview(config, choices=choices, overrides=words)
        costs.append(cost)
        can_run = can_run and fine
    others = [words for _, words in found if words not in shown]
    costs += [_costs(composer, words) for words in others]
    print(f"\n{bounds(costs, settings.n_trials)}")
    points = f"{len(found):,} points were" if len(found) > 1 else "One point was"
    print(f"{points} composed and planned: the first ones, and the ends of the space.")
    if not can_run:
        raise InputError("This study cannot run; what stands in its way is said above")


def probed(
    asked: Asked, node: Mapping[str, Any]
) -> tuple[Sequence[Sequence[str]], Callable[[Sequence[str]], str]]:
    """The words of points that stand for a study (first ones, the ends of its space), and their labels."""
    settings = _settings(asked, node)
    return [words for _, words in probes(settings)], settings.space.label


def bounds(costs: Sequence[Costs], n_trials: int) -> str:
    """`20 trials: 3 stages for all; each then ...`: what is shared once, the rest for every trial."""
    shared = set(costs[0]).intersection(*costs[1:]) if len(costs) > 1 else set()
    once = sum((costs[0][name] for name in shared), Expectation())
    each = [sum((cost for name, cost in one.items() if name not in shared), Expectation()) for one in costs]
    dearest = max(each, key=lambda one: (one.usd_high, one.steps, one.documents))
    cheapest = min(each, key=lambda one: (one.usd_high, one.steps, one.documents))
    most = sum([dearest] * n_trials, once)
    head = f"All {trials_told(n_trials)}" if n_trials > 1 else "The one trial"
    lines = [f"{head}, at most: {str(most) or 'nothing is left to make'}"]
    if str(once):
        lines.append(f"  of it once, for all of them: {once}")
    lines.append(f"  a trial: {_range(cheapest, dearest)}")
    return "\n".join(lines)


def _range(low: Expectation, high: Expectation) -> str:
    return str(high) or "nothing" if low == high else f"from {str(low) or 'nothing'} to {high}"


def _costs(composer: Composer, words: Sequence[str]) -> Costs:
    """What making each stage of a point should take."""
    from alpaca_exp.artifacts import find
    from alpaca_exp.costs import expected
    from alpaca_exp.plan import plan

    config, _ = composer(words)
    outputs = config.runtime.outputs
    stages = plan(config).values()
    return {one.fingerprint: expected(one, outputs) for one in stages if find(one, outputs) is None}


def _unlike(found: Sequence[tuple[dict[str, Any], tuple[str, ...]]]) -> list[Any]:
    """One of each branch of the space: points that set the same keys are alike."""
    branches = {tuple(point): (point, words) for point, words in reversed(found)}
    return list(branches.values())[::-1]


def _settings(asked: Asked, node: Mapping[str, Any]) -> Settings:
    folder = Path(str(asked.master.runtime.outputs)) / "sweeps" / str(asked.master.name)
    return read_settings(node, asked.arguments, asked.loader, asked.master, folder)

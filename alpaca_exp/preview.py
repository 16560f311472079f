"""What a run would do, and does not: what stands in its way, what is found, what the rest would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from alpaca_exp import prefetched
from alpaca_exp.artifacts import Stage, find
from alpaca_exp.confounds import warning
from alpaca_exp.costs import Expectation, dollars, expected
from alpaca_exp.errors import ArtifactError, ConfigError
from alpaca_exp.feasibility import lines, training
from alpaca_exp.money import money, paid
from alpaca_exp.plan import Plan, plan, untuned
from alpaca_exp.readiness import Here, obstacles, remarks
from alpaca_exp.schemas import Decontaminate, ExperimentConfig, NoDatasetConfig, NoSuiteConfig
from alpaca_exp.server_readiness import other_servers
from alpaca_exp.tuning.foreseen import foreseen

UNKNOWN_SHAPE = (
    "Training: nothing is said of memory and time, since the model's config.json is not on this machine, "
    "or of a kind that is not known here"
)

Costs = dict[str, Expectation]
"""What each stage that is to be made should take, by its fingerprint."""


def preview(
    config: ExperimentConfig, *, choices: Mapping[str, str], overrides: Sequence[str]
) -> tuple[Costs, bool]:
    """Print the problems, then the stages: fingerprint, found or to make, expected cost.

    At the end stands what a comparison with the baseline could not tell apart, and what else to know.
    Returns the costs, and whether a run could begin, if not here then on a machine that has what it wants.
    """
    prefetched.use(config.runtime.prefetched)
    stages, lacking = _planned(config)
    problems = [*lacking, *obstacles(stages, config)]
    here = [problem for problem in problems if isinstance(problem, Here)]
    wrong = [problem for problem in problems if not isinstance(problem, Here)]
    if wrong:
        print(f"{ConfigError(wrong)}\n")
    if here:
        print("Before it can run here:\n" + "\n".join(f"  - {problem}" for problem in here) + "\n")
    outputs = config.runtime.outputs
    print(f"{'part':10} {'stage':10} {'fingerprint':17} {'state':8} expected")
    costs: Costs = {}
    for name, stage in stages.items():
        state = "shared" if stage.fingerprint in costs else _state(stage, outputs)
        cost = None if state in ("found", "shared") else expected(stage, outputs)
        if cost is not None:
            costs[stage.fingerprint] = cost
        before = paid(stage, outputs) if cost else 0.0
        told = f"{cost or ''}" + (f"; {dollars(before)} of it are paid already" if before else "")
        print(f"{name:10} {stage.name:10} {stage.fingerprint:17} {state:8} {told}".rstrip())
    if lacking:
        why = "and what follows: its documents are not known"
        print(f"{'evaluate':10} {'evaluate':10} {'':17} {'unknown':8} {why}")
    if wanted := str(sum(costs.values(), Expectation())):
        print(f"{'in all':10} {'':10} {'':17} {'':8} {wanted}")
    for line in _training(stages, outputs):
        print(line)
    mixed = warning(stages, choices.get("dataset_variant", config.name), overrides)
    if mixed:
        print(f"\nMore than one cause: {mixed}.")
    costly = (*money(stages, outputs, overrides), *_moved(stages, config))
    for remark in (*remarks(config), *costly, *_odd(stages, config)):
        print(f"\nNote: {remark}.")
    return costs, not wrong


def _planned(config: ExperimentConfig) -> tuple[Plan, list[str]]:
    """The stages; where the evaluation's documents are not to be had those before it, and what is wrong."""
    try:
        return plan(config), []
    except ConfigError as error:
        variant = NoDatasetConfig() if untuned(config) else config.dataset_variant
        if variant.decontaminate is Decontaminate.remove:  # the data, too, is known by those documents
            raise
        return plan(replace(config, eval_suite=NoSuiteConfig(), dataset_variant=variant)), error.problems


def total(jobs: Sequence[Costs]) -> str:
    """One line over several plans: a stage that many of them want is made, and counted, once."""
    costs = {fingerprint: cost for job in jobs for fingerprint, cost in job.items()}
    wanted = str(sum(costs.values(), Expectation()))
    return f"All {len(jobs)} jobs: {len(costs)} stages to make" + (f"; {wanted}" if wanted else "")


def _training(stages: Mapping[str, Stage], outputs: Path) -> list[str]:
    """What the training would take, if it is still to come."""
    if "train" not in stages or _state(stages["train"], outputs) == "found":
        return []
    one = training(stages["train"], outputs)
    return ["", *(lines(one) if one else [UNKNOWN_SHAPE])]


def _odd(stages: Mapping[str, Stage], config: ExperimentConfig) -> list[str]:
    """What is odd about the data that a training still to come would learn from."""
    outputs = config.runtime.outputs
    if "train" not in stages or _state(stages["train"], outputs) == "found":
        return []
    curated = stages["curate"].path(outputs) if _state(stages["curate"], outputs) == "found" else None
    return foreseen(curated, config.dataset_variant)


def _moved(stages: Mapping[str, Stage], config: ExperimentConfig) -> list[str]:
    with suppress(ArtifactError):  # which stands among the problems
        return other_servers(stages, config.runtime)
    return []


def _state(stage: Stage, outputs: Path) -> str:
    try:
        return "found" if find(stage, outputs) else "to make"
    except ArtifactError:
        return "damaged"

"""Every configuration of a sweep, composed and looked through before the first job runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from alpaca_exp.artifacts import Stage
from alpaca_exp.errors import AlpacaExpError, ConfigError, InputError
from alpaca_exp.experiment import prepare
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.progress import progress
from alpaca_exp.readiness import Here, obstacles
from alpaca_exp.schemas import EndpointConfig, RuntimeConfig
from alpaca_exp.server_readiness import server_obstacles
from alpaca_exp.sweeping.composing import Composer
from alpaca_exp.sweeping.jobs import Job, Part, job

LONGEST_SILENCE_S = 4.0
MOST_NAMED = 3
"""Of more jobs than these that have the same fault, the others are counted."""


@dataclass
class _Found:
    """What the look through the configurations brought."""

    jobs: list[Job] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Jobs, in few words each, by what is wrong with them."""
    parts: dict[Part, Part] = field(default_factory=dict)
    """One of each, since jobs share most of theirs."""
    asking: dict[str, Stage] = field(default_factory=dict)
    """Stages that ask servers, by their fingerprints."""
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def checked(
    order: Sequence[Sequence[str]],
    label: Callable[[Sequence[str]], str],
    composer: Composer,
    *,
    elsewhere: bool = False,
    what: str = "sweep",
    unit: str = "jobs",
) -> list[Job]:
    """The jobs that are told by their overrides, in that order; two that would do the very same are one.

    `elsewhere`: they will run on other machines, which may have what this one lacks. `unit`: what is told of
    is called so. Raises InputError with
    every fault of every job, each said once.
    """
    found = _Found()
    by_options = sorted(range(len(order)), key=lambda index: composer.options(order[index]))
    jobs: dict[int, Job] = {}
    with progress("checking", len(order), unit, longest_silence=LONGEST_SILENCE_S) as steps:
        for index in by_options:
            one = _checked(order[index], label(order[index]), composer, found, elsewhere)
            if one is not None:
                jobs[index] = one
            steps.advance()
    if not elsewhere:
        for fault in server_obstacles(found.asking, found.runtime)[0]:
            found.faults.setdefault(fault, [])
    if found.faults:
        raise InputError(f"This {what} cannot run:\n" + "\n".join(_lines(found.faults, len(order), unit)))
    return list({jobs[index].key: jobs[index] for index in reversed(range(len(order)))}.values())[::-1]


def _checked(
    overrides: Sequence[str], label: str, composer: Composer, found: _Found, elsewhere: bool
) -> Job | None:
    try:
        config, choices = composer(overrides)
        prepare(config)
        stages = with_documents(plan(config), config)
        faults = [fault for fault in obstacles(stages, config) if not (elsewhere and isinstance(fault, Here))]
    except ConfigError as error:
        faults = error.problems
    except AlpacaExpError as error:
        faults = [str(error)]
    if faults:
        for fault in dict.fromkeys(faults):
            found.faults.setdefault(fault, []).append(label)
        return None
    found.runtime = config.runtime
    found.asking |= {stage.fingerprint: stage for stage in stages.values() if _asks(stage)}
    made = job(config, stages, overrides=overrides, choices=choices, label=label)
    parts = tuple(found.parts.setdefault(part, part) for part in made.parts)
    return Job(**{**vars(made), "parts": parts})


def _asks(stage: Stage) -> bool:
    return any(isinstance(told, EndpointConfig) for told in stage.config.values())


def _lines(faults: dict[str, list[str]], count: int, unit: str) -> Iterator[str]:
    for fault, labels in faults.items():
        if not labels:
            yield f"  - {fault}"
        elif len(labels) == count:
            yield f"  - {fault}" + (f" (all {unit})" if count > 1 else "")
        else:
            named = "; ".join(labels[:MOST_NAMED])
            more = f"; and {len(labels) - MOST_NAMED:,} more" if len(labels) > MOST_NAMED else ""
            yield f"  - {fault} ({len(labels):,} of {count:,} {unit}: {named}{more})"

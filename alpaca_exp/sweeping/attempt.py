"""One job of a sweep, run in its own folder: claimed, logged, and how it ended written down."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from alpaca_exp import provenance
from alpaca_exp.artifacts import Stage
from alpaca_exp.artifacts import run as make
from alpaca_exp.config import password_in
from alpaca_exp.errors import AlpacaExpError, Interrupted, Pruned, Stopped
from alpaca_exp.experiment import perform, prepare, said
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.schemas import EndpointConfig, ExperimentConfig
from alpaca_exp.sweeping.history import LOG, append, claimed, row
from alpaca_exp.sweeping.jobs import Job, Part
from alpaca_exp.tuning.ranks import node

YAML = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The faster writer, where there is one."""
BY_SIGNAL = "stopped by a signal"

Tell = Callable[[str], None]
"""Is told of each part of an experiment that is begun."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    status: str
    """done, failed, stopped, pruned; found: it was done already; busy: another process runs it."""
    seconds: float = 0.0
    error: str | None = None
    log: str | None = None
    """Below the sweep's folder."""
    culprit: str | None = None
    """The stage, by its fingerprint, that failed for a reason that holds for all jobs with it."""
    usd: float = 0.0
    """Paid for a stage that jobs share."""
    result: str | None = None
    """What a trial of a study came to, in few words."""


def attempt(job: Job, sweep: Path, tell: Tell, *, paid_before: float = 0.0, alone: bool = True) -> Outcome:
    """Run `job` unless its result is there, or another process is at it.

    What it prints goes to its log. `alone`: it may use all of the processor; else one thread, unless
    `runtime.num_threads` says otherwise. Raises what interrupts this process, once that is written down.
    """
    config = _with_threads(job.config, alone)
    if config.runtime.num_nodes > 1 and node():  # it only helps the first machine, which keeps the records
        try:
            perform(config, folder=sweep / str(job.number), choices=job.choices, overrides=job.overrides)
        except Pruned as error:  # all machines learn of it together
            return Outcome("pruned", error=str(error))
        return Outcome("found")
    with claimed(sweep, job.number) as ours:
        if not ours:
            return Outcome("busy")
        if job.has_result(sweep, config.runtime.outputs):
            return Outcome("found")
        return _attempt(job, config, sweep, tell, paid_before)


def make_shared(job: Job, part: Part, sweep: Path, tell: Tell) -> Outcome:
    """Make a stage that `job` and others need, and nothing else of it."""
    config = _with_threads(job.config, alone=False)
    log, seen, clock = f"shared/{part.stage}-{part.fingerprint}.log", _Seen(tell), time.monotonic()
    error: BaseException | None = None
    (sweep / log).parent.mkdir(parents=True, exist_ok=True)
    with logged(sweep / log):
        try:
            prepare(config)
            stages = with_documents(plan(config), config)
            outputs, remake = config.runtime.outputs, config.runtime.remake_damaged
            found = make(stages[part.name], outputs, remake_damaged=remake, watch=seen)
        except Exception as caught:
            error = caught
            _tell_of(caught)
    if isinstance(error, Interrupted):
        raise KeyboardInterrupt
    seconds = round(time.monotonic() - clock, 3)
    if error is not None:
        return _failure(error, seen, seconds, log)
    return Outcome("done", seconds, usd=float(found.record["usage"]["usd"]) if seen.made else 0.0)


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """While inside, what this process and its children print is added to the file."""
    _flush()
    kept = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        _flush()
        for saved, place in zip(kept, (1, 2), strict=True):
            os.dup2(saved, place)
            os.close(saved)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _attempt(job: Job, config: ExperimentConfig, sweep: Path, tell: Tell, paid_before: float) -> Outcome:
    folder, started, clock = sweep / str(job.number), provenance.now(), time.monotonic()
    _note_config(job, config, folder / ".hydra")
    append(sweep, [row(job, "running", started=started)])
    seen = _Seen(tell)
    outcome = Outcome("stopped", error=BY_SIGNAL)
    try:
        with logged(folder / LOG):
            print(f"{started} {' '.join(job.overrides)}", flush=True)
            outcome = _performed(job, config, folder, seen, paid_before, clock)
    finally:
        seconds = round(time.monotonic() - clock, 3)
        append(sweep, [row(job, outcome.status, started=started, seconds=seconds, error=outcome.error)])
    return outcome


def _performed(
    job: Job, config: ExperimentConfig, folder: Path, seen: _Seen, paid_before: float, clock: float
) -> Outcome:
    try:
        perform(
            config,
            folder=folder,
            choices=job.choices,
            overrides=job.overrides,
            watch=seen,
            paid_before=paid_before,
        )
    except Interrupted as error:
        _tell_of(error)
        raise KeyboardInterrupt from None  # not this job alone is meant
    except Exception as error:
        _tell_of(error)
        return _failure(error, seen, round(time.monotonic() - clock, 3), f"{job.number}/{LOG}")
    return Outcome("done", round(time.monotonic() - clock, 3))


def _tell_of(error: Exception) -> None:
    if isinstance(error, AlpacaExpError):
        print(error, file=sys.stderr)
    else:
        traceback.print_exception(error)


def _failure(error: BaseException, seen: _Seen, seconds: float, log: str) -> Outcome:
    """A sentence of ours speaks of what was given, which is the same for all; a bug may be chance."""
    status = "pruned" if isinstance(error, Pruned) else "stopped" if isinstance(error, Stopped) else "failed"
    culprit = seen.making if isinstance(error, AlpacaExpError) and status != "pruned" else None
    return Outcome(status, seconds, said(error), log, culprit)


def _note_config(job: Job, config: ExperimentConfig, folder: Path) -> None:
    """What Hydra notes of a run, where it has not done so itself."""
    if (folder / "config.yaml").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, told in (("config", _plain(config)), ("overrides", list(job.overrides))):
        text = yaml.dump(told, Dumper=YAML, sort_keys=False, allow_unicode=True)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def _plain(value: object) -> object:
    """A configuration as YAML has it: names for choices, words for paths, addresses without passwords."""
    if dataclasses.is_dataclass(value):
        told = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, EndpointConfig) and value.base_url and password_in("base_url", value.base_url):
            told["base_url"] = value.address
        return told
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def _with_threads(config: ExperimentConfig, alone: bool) -> ExperimentConfig:
    """With one thread each, jobs side by side do not fight for the processor."""
    if not alone and config.runtime.num_threads is None:
        config.runtime.num_threads = 1
    return config


class _Seen:
    """Notes which stage is being made, and tells of it by its name in the plan."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.making: str | None = None
        self.made = 0

    def __call__(self, stage: Stage, event: str, seconds: float) -> None:
        self.making = stage.fingerprint if event == "make" else None
        self.made += event == "made"
        if event == "make":
            self._tell(stage.name)

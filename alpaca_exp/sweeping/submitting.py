"""Units handed to SLURM: what is asked of it, in arrays, and taken back where it refuses one of them."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from alpaca_exp.config import nearest
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.sweeping import slurm, submissions
from alpaca_exp.sweeping.submissions import Submission

LAUNCHER = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
"""`hydra/launcher=submitit_slurm`: its parameters are asked of SLURM; the launching is ours."""
GENERAL = frozenset(
    {
        "timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name",
        "stderr_to_stdout",
    }
)  # fmt: skip
OURS = frozenset(["_target_", "submitit_folder", "max_num_timeout"])
"""What has no meaning here: folders are the sweep's, and starts are counted by `runtime.max_restarts`."""
KEPT = ("mem_gb", "mem_per_cpu", "mem_per_gpu", "timeout_min", "partition")
"""What is remembered of what was asked for, so that it can be said why a job ended."""
GPUS = ("gpus_per_node", "gpus_per_task", "gres")
"""Parameters by which a job gets a GPU."""
MOST_TRIALS = 8
MOST_ARRAYS = 32
"""Of one wave: to submit one takes SLURM a moment."""
KEYS = (
    ("account", "account"),
    ("partition", "partition"),
    ("qos", "qos"),
    ("feature", "constraint"),
    ("generic resource", "gres, or gpus_per_node"),
    ("memory", "mem_gb"),
    ("time limit", "timeout_min"),
    ("node count", "nodes"),
    ("cpu count", "cpus_per_task"),
    ("node configuration", "mem_gb, gpus_per_node, cpus_per_task or constraint"),
)
"""Words of SLURM's refusals, and the launcher's parameters that they speak of."""


@dataclass(frozen=True)
class Slurm:
    """What every job asks of SLURM: the launcher's parameters."""

    params: Mapping[str, Any]

    @property
    def side_by_side(self) -> int:
        """How many of a study's trials SLURM is given at a time; more of them learn less from one another."""
        return min(MOST_TRIALS, int(self.params.get("array_parallelism") or 1))

    def problems(self, runtime: RuntimeConfig) -> Iterator[str]:
        """What cannot be, before anything is submitted."""
        if shutil.which("sbatch") is None:
            yield (
                "hydra/launcher=submitit_slurm needs SLURM's sbatch, which is not on PATH here; start the "
                "sweep on a login node, or leave the launcher out"
            )
        yield from self._unknown()
        if (minutes := self.params.get("timeout_min")) is not None and minutes < 1:
            yield f"hydra.launcher.timeout_min is {minutes}; it must be 1 or more: a job ends with its time"
        tasks, nodes = self.params.get("tasks_per_node") or 1, self.params.get("nodes") or 1
        if tasks != 1:
            yield (
                f"hydra.launcher.tasks_per_node is {tasks}; it must be 1: a job starts the processes of "
                "runtime.devices itself"
            )
        if nodes != runtime.num_nodes:
            yield (
                f"hydra.launcher.nodes is {nodes} and runtime.num_nodes is {runtime.num_nodes}; set both to "
                "the machines that one job is to use"
            )
        gpus = self.params.get("gpus_per_node")
        if runtime.accelerator == "gpu" and not any(self.params.get(key) for key in GPUS):
            yield (
                "runtime.accelerator is gpu, and no GPU is asked of SLURM; set hydra.launcher.gpus_per_node=1"
            )
        if gpus and runtime.devices.isdecimal() and int(runtime.devices) > int(gpus):
            yield (
                f"runtime.devices is {runtime.devices} and a job gets hydra.launcher.gpus_per_node={gpus}; "
                "ask for as many"
            )

    def _unknown(self) -> Iterator[str]:
        """Keys that were added with a plus, and that submitit does not take."""
        from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf  # type: ignore[import-untyped]
        from submitit.slurm.slurm import SlurmExecutor

        own = {field.name for field in fields(SlurmQueueConf)}
        known = {f"hydra.launcher.{key}" for key in own | SlurmExecutor._valid_parameters()}
        for key in sorted({f"hydra.launcher.{key}" for key in self.params} - known):
            yield f"{key} is not a key{nearest(key, known)}"


class Sendable(Protocol):
    """What a SLURM job is to call."""

    @property
    def name(self) -> str:
        """What it goes by in the sweep's folder."""
        ...

    def sealed(self) -> tuple[Sendable, dict[str, str]]:
        """As it may lie in a file; and what of it travels in the environment."""
        ...

    def __call__(self) -> str:
        """Do it."""
        ...


def send(
    waves: Sequence[Sequence[Sendable]],
    sweep: Path,
    asked: Slurm,
    *,
    awaits: Mapping[str, Collection[str]] = MappingProxyType({}),
    live: Mapping[str, Submission] = MappingProxyType({}),
) -> list[Submission]:
    """Submit each wave, in an array those that wait for the same. Returns what was submitted.

    `awaits`: names of units, of earlier waves or `live` in SLURM's hands already, that are to end before.

    Raises InputError, with nothing left in SLURM's hands, where it refuses.
    """
    made: list[Submission] = []
    known = dict(live)
    together = sum(map(len, waves)) > int(asked.params.get("array_parallelism") or 1)
    try:
        for wave in waves:
            for awaited, units in _groups(wave, awaits, together=together):
                after = [known[name].slurm for name in sorted(awaited) if name in known]
                for chunk in _chunks(units):
                    now = _array(chunk, sweep, asked, after)
                    made += now
                    submissions.add(sweep, now)
            known |= {one.unit: one for one in made}
    except BaseException:
        slurm.cancel([one.slurm for one in made])
        raise
    return made


def _groups(
    wave: Sequence[Sendable], awaits: Mapping[str, Collection[str]], *, together: bool
) -> list[tuple[frozenset[str], Sequence[Sendable]]]:
    """Units by what they wait for: an array waits as a whole.

    All are one array where these would be too many, or `together`: where `array_parallelism`, which bounds
    each array by itself, would no longer bound them.
    """
    groups: dict[frozenset[str], list[Sendable]] = {}
    for one in wave:
        groups.setdefault(frozenset(awaits.get(one.name, ())), []).append(one)
    if together or len(groups) > MOST_ARRAYS:
        return [(frozenset().union(*groups), wave)]
    return list(groups.items())


def _chunks(wave: Sequence[Sendable]) -> Iterator[Sequence[Sendable]]:
    size = slurm.largest_array() if len(wave) > slurm.ARRAY else slurm.ARRAY
    for start in range(0, len(wave), size):
        yield wave[start : start + size]


def _array(wave: Sequence[Sendable], sweep: Path, asked: Slurm, after: Sequence[str]) -> list[Submission]:
    import submitit
    from submitit.core.utils import FailedJobError

    variables: dict[str, str] = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    units: list[Sendable] = []
    for one in wave:
        unit, secret = one.sealed()
        variables |= secret
        units.append(unit)
    name = str(asked.params.get("name") or "")
    name = sweep.name if name in ("", "__main__", "alpaca_exp") else name
    try:
        with slurm.outside_of_any_job(), _set(variables), redirect_stderr(io.StringIO()):
            executor = submitit.AutoExecutor(folder=sweep / ".submitit" / "%j", cluster="slurm")
            executor.update_parameters(**_parameters(asked, name, after))
            jobs = executor.map_array(_do, units)
    except FailedJobError as error:
        raise InputError(_refused(str(error), asked)) from None
    except (ValueError, NameError, RuntimeError) as error:
        raise InputError(f"SLURM cannot be asked for that: {' '.join(str(error).split())}") from None
    kept = {key: asked.params[key] for key in KEPT if asked.params.get(key) is not None}
    return [Submission(unit.name, str(job.job_id), name, kept) for unit, job in zip(units, jobs, strict=True)]


def _do(unit: Sendable) -> str:
    """What submitit calls in a SLURM job."""
    return unit()


def _parameters(asked: Slurm, name: str, after: Sequence[str]) -> dict[str, Any]:
    """As submitit's executor takes them."""
    given = {key: value for key, value in asked.params.items() if key not in OURS and value is not None}
    given["name"] = name
    given["additional_parameters"] = {"requeue": True, **(given.get("additional_parameters") or {})}
    if after:
        given["dependency"] = "afterany:" + ":".join(after)
    if int(given.get("nodes") or 1) > 1:  # else the others would wait for a machine that has failed
        given["srun_args"] = [*(given.get("srun_args") or []), "--kill-on-bad-exit=1"]
    return {key if key in GENERAL else f"slurm_{key}": value for key, value in given.items()}


def _refused(said: str, asked: Slurm) -> str:
    """SLURM's own words, and the parameter that they speak of."""
    words = [line.removeprefix("sbatch: error: ").strip() for line in said.splitlines() if "sbatch" in line]
    told = "; ".join(dict.fromkeys(words)) or " ".join(said.split())
    lowered = told.lower()
    keys = next((key for word, key in KEYS if word in lowered), None)
    value = asked.params.get(keys) if keys else None
    named = "" if keys is None else f"; change hydra.launcher.{keys}" + (f" (now {value})" if value else "")
    return f"SLURM refuses these jobs: {told}{named}. Nothing was submitted"


class _set:
    """While inside, these environment variables are set."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables, self._before = variables, dict[str, str | None]()

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._variables}
        os.environ.update(self._variables)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def check(asked: Slurm, runtime: RuntimeConfig) -> None:
    """Raises ConfigError with all that stands in the way."""
    problems = list(asked.problems(runtime))
    if problems:
        raise ConfigError(problems)

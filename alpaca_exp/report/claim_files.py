"""Claims from where they are written: an option of `conf/claims`, a file, or the runs' own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from alpaca_exp.errors import InputError
from alpaca_exp.paths import data_root
from alpaca_exp.report import judged
from alpaca_exp.report.metrics import known
from alpaca_exp.report.missing import options
from alpaca_exp.report.runs import OWN_AXES, Run, axes
from alpaca_exp.report.settings import COMPOSED, same
from alpaca_exp.schemas.claims import Claim, claims_of, near

GROUP = "claims"
SHIPPED = "paper"
"""Judged where the runs say nothing of claims."""
_OWN = re.compile(rf"^{GROUP}:.*?(?=^[^\s#\-]|\Z)", re.MULTILINE | re.DOTALL)
"""The group in a configuration, to where another one begins."""


def claims_in(name: str) -> tuple[list[Claim], str]:
    """The claims of an option or a file, and where they stand.

    Raises InputError with all that is wrong: one sentence a problem, each with the file's name.
    """
    shipped = data_root() / "conf" / GROUP / f"{name}.yaml"
    file = shipped if shipped.is_file() and not Path(name).is_file() else Path(name)
    if not file.is_file():
        there = options(GROUP)
        raise InputError(
            f"--claims {name} is neither an option of conf/{GROUP} nor a YAML file{near(name, there)}"
        )
    try:
        told = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{file}{line} is no YAML: {_reason(error)}; mend it there") from None
    return _of(told, str(file)), str(file)


def claims_of_runs(runs: Sequence[Run]) -> tuple[list[Claim], str]:
    """The claims that the newest of the runs was configured with, or the shipped ones."""
    for run in sorted(runs, key=lambda run: (run.row["started"], run.name), reverse=True):
        told = _configured(run)
        if told:
            return _of(told, str(run.folder / COMPOSED)), str(run.folder / COMPOSED)
    return claims_in(SHIPPED)


def check_claims(claims: Iterable[Claim], runs: Sequence[Run], outputs: Path, where: str) -> None:
    """Raise InputError with all names in the claims that neither runs nor options know, and the nearest."""
    names = _Names(runs, outputs)
    problems = [f"{where}: {text}" for claim in claims for text in names.unknown(claim)]
    if problems:
        raise InputError("\n".join(problems))


class _Names:
    """The metrics, axes and options that a claim may name."""

    def __init__(self, runs: Sequence[Run], outputs: Path) -> None:
        self._runs = runs
        self._metrics = known([run.artifacts for run in runs], outputs)
        self._metrics += [f"{judged.PREFIX}{name}" for name in judged.RANGES]
        self._axes = axes(runs)

    def unknown(self, claim: Claim) -> Iterator[str]:
        """One sentence a problem."""
        metric = claim.metric
        by_judge = metric.startswith(judged.PREFIX) and judged.name_of(metric) in judged.RANGES
        if metric not in self._metrics and not by_judge:
            yield f"{claim.name}.metric is {metric}, which no run has{near(metric, self._metrics)}"
        if claim.over is not None:
            yield from self._axis(f"{claim.name}.over", claim.over)
        for selection in claim.selections:
            for axis, values in selection.items():
                wrong = list(self._axis(claim.name, axis))
                yield from wrong or self._options(claim.name, axis, values)

    def _axis(self, name: str, axis: str) -> Iterator[str]:
        if axis in self._axes:
            return
        fields = {key for run in self._runs for key in run.settings} if "." in axis else set()
        if axis not in fields:
            yield f"{name} names the axis {axis}, which is none{near(axis, sorted({*self._axes, *fields}))}"

    def _options(self, name: str, axis: str, values: Sequence[str]) -> Iterator[str]:
        """Of a group, its files and what runs chose; numbers and fields may be any."""
        there = sorted({*options(axis), *(run.label(axis) for run in self._runs)})
        for value in values:
            if (axis in OWN_AXES[:3] or options(axis)) and not any(same(value, one) for one in there):
                yield f"{name} names {axis}={value}, which is no option{near(value, there)}"


def _of(told: Any, where: str) -> list[Claim]:
    claims, problems = claims_of(told)
    if problems:
        raise InputError("\n".join(f"{where}: {problem}" for problem in problems))
    return claims


def _configured(run: Run) -> Any:
    """Read without the other groups, which are many times as long."""
    try:
        found = _OWN.search((run.folder / COMPOSED).read_text(encoding="utf-8"))
        told = yaml.load(found[0], getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if found else None
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return told.get(GROUP) if isinstance(told, dict) else None


def _reason(error: Exception) -> str:
    return str(getattr(error, "problem", None) or "it is not text")

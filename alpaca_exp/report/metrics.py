"""Metrics by name, each read from the artifact of a run that holds it.

`<task>.<metric>`, `understanding`, `truthfulness` come from the evaluation; `judge.<metric>` from the
judge, `words` (mean length of the answers to the judge's questions) too; `rows`, `rows_in` (of the source),
`not_drawn`, `edited`, `removed.rules`, `removed.critic`, `removed.<rule>` from the data card; `usd` from
the records, and `gpu_hours` too.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import ArtifactError
from alpaca_exp.records import Row
from alpaca_exp.report import judged
from alpaca_exp.report.made import STAGES, made
from alpaca_exp.report.rows import jsonl, rows
from alpaca_exp.scoreboard import SUITE, flags_of, named

USUAL = ("understanding", "truthfulness", "judge.percent", "judge.win_rate", "words", "usd")
"""What a table shows unless told otherwise."""
MEASURING = ("evaluate", "assess", "judge")
"""The parts of an experiment that leave scores."""
ASSESSED = "truthfulqa_gen.judged_"
"""How the metrics begin that are a judge's word on generated answers to TruthfulQA."""
SHARES = ("acc", "rougeL_for_", "exact_match")
"""How the names of metrics begin that are never above 1. (truthfulqa_gen's rougeL_max is, being per cent.)"""
USD = "usd: what making it would cost today, whoever paid: new answers, and those found in a journal."
SPENT = {"usd": ("usd", "usd_avoided"), "gpu_hours": ("gpu_hours",)}
"""What making a run's artifacts takes, as their records' usage has it."""
COUNTS = ("rows_in", "rows", "edited", "not_drawn")
CARD = (*COUNTS, "removed.rules", "removed.critic")
NO_RULES = ("critic", "no_answer", "max_words", "overlap", "rating")
"""What removes rows besides the rules."""

_PLACES = {
    **dict.fromkeys(COUNTS, 0),
    "truthfulqa_gen.judged_unread": 0,
    "words": 1,
    "usd": 2,
    "gpu_hours": 2,
    "judge.score": 2,
    "judge.opponent_score": 2,
    "judge.difference": 2,
    "judge.difference_lc": 2,
    "judge.retest_kappa": 2,
    "judge.retest_difference": 2,
    "judge.unparsed": 0,
}

Part = tuple[str, str, str]
"""Task, metric and filter."""


@dataclass(frozen=True)
class Reading:
    """One metric of one run."""

    value: float
    stderr: float | None
    n: int | None
    """Documents or questions that the value is a mean over."""
    chance: float | None
    source: str
    """The artifact that it was read from, `<stage>/<fingerprint>`: runs that share it share the value."""
    bounds: tuple[float, float] | None = None
    """Of its own 95 % interval, where it was left with one."""


def reading(metric: str, artifacts: dict[str, str], outputs: Path) -> Reading | None:
    """The metric of the run whose `artifacts` these are (part -> fingerprint); None where it has none."""
    if metric in SPENT:
        return _spent(metric, artifacts, outputs)
    if metric in COUNTS or metric.startswith("removed."):
        return _count(metric, artifacts, outputs)
    for part in MEASURING:
        found = _scored(part, artifacts[part], outputs).get(metric) if part in artifacts else None
        if found:
            return found[0]
    return None


def known(runs: Iterable[dict[str, str]], outputs: Path) -> list[str]:
    """Every metric that the artifacts of any of these runs hold, and the usual ones."""
    found = {*USUAL, *CARD, *SPENT}
    for artifacts in {tuple(sorted(artifacts.items())) for artifacts in runs}:
        for part in MEASURING:
            found |= (
                _scored(part, dict(artifacts)[part], outputs).keys() if part in dict(artifacts) else set()
            )
        card = _card(dict(artifacts), outputs)
        found |= {f"removed.{rule}" for rule in card["counts"]["removed"]} if card else set()
    return sorted(found)


def score_rows(artifacts: dict[str, str], part: str, outputs: Path) -> tuple[Row, ...]:
    """The rows of scores.jsonl that `part` (one of MEASURING) left; none where there is none."""
    return jsonl(outputs / part / artifacts[part] / "scores.jsonl") if part in artifacts else ()


def has(metric: str, artifacts: dict[str, str], outputs: Path) -> bool:
    """Whether the evaluation holds the metric."""
    return "evaluate" in artifacts and metric in _scored("evaluate", artifacts["evaluate"], outputs)


def parts_of(metric: str, artifacts: dict[str, str], outputs: Path) -> list[Part]:
    """What an evaluation's metric is the mean of, as (task, metric, filter); itself where it is no such."""
    return _parts(metric, artifacts.get("evaluate"), outputs)


@functools.cache
def _parts(metric: str, name: str | None, outputs: Path) -> list[Part]:
    there = _scored("evaluate", name, outputs) if name else {}
    wanted = [metric]
    if name and metric in SUITE:
        identity = Artifact(outputs / "evaluate" / name).record["identity"]
        wanted = [str(one) for one in identity.get("suite", {}).get(metric, [])]
    found = []
    for one in wanted:
        filtered = (there[other] for other in there if other.partition("/")[0] == one)
        scored = there.get(one) or next(filtered, None)
        task, _, kind = one.rpartition(".")
        found.append(scored[1] if scored else (task, kind, "none"))
    return found


def tasks_of(parts: Iterable[Part], artifacts: dict[str, str], outputs: Path) -> list[str]:
    """The tasks behind `parts_of`: of a group those that are in it."""
    groups = (audit_of(artifacts, outputs) or {}).get("groups", {})
    return list(dict.fromkeys(task for name, _, _ in parts for task in groups.get(name, [name])))


def audit_of(artifacts: dict[str, str], outputs: Path) -> Any:
    """What `audit.json` of the evaluation holds; None where there is none."""
    return _audit(artifacts["evaluate"], outputs) if "evaluate" in artifacts else None


def audits_of(artifacts: dict[str, str], outputs: Path) -> Mapping[str, Row]:
    """Each task's audit."""
    return _audits(artifacts["evaluate"], outputs) if "evaluate" in artifacts else {}


@functools.cache
def _audit(name: str, outputs: Path) -> Any:
    return _json(outputs.joinpath("evaluate", name, "audit.json"))


@functools.cache
def _audits(name: str, outputs: Path) -> Mapping[str, Row]:
    audit = _audit(name, outputs) or {"tasks": []}
    return {row["task"]: row for row in audit["tasks"]}


@functools.cache
def _scored(part: str, name: str, outputs: Path) -> Mapping[str, tuple[Reading, Part]]:
    """By metric, what `scores.jsonl` of an artifact says; of two rows of one name the first."""
    found: dict[str, tuple[Reading, Part]] = {}
    source = f"{part}/{name}"
    for row in rows(outputs.joinpath(part, name, "scores.jsonl"), ("task", "metric", "value", "stderr", "n")):
        low, high = row.get("low"), row.get("high")
        bounds = None if low is None or high is None else (low, high)
        one = Reading(row["value"], row["stderr"], row["n"], row.get("chance"), source, bounds)
        found.setdefault(named(row), (one, (row["task"], row["metric"], row.get("filter", "none"))))
    return found


def judge_notes(artifacts: dict[str, str], outputs: Path) -> list[str]:
    """The sentences that the judge's scores must be read with; none where there is no judge."""
    if "judge" not in artifacts:
        return []
    told = _json(outputs / "judge" / artifacts["judge"] / "notes.json")
    return [str(sentence) for sentence in told["notes"]] if told else []


def warnings(metric: str, artifacts: dict[str, str], outputs: Path) -> list[str]:
    """The sentences that a metric must be read with, or its absence: of the audits, or of the judging."""
    if metric.startswith(judged.PREFIX):
        return [*judged.mixture(artifacts, outputs), *_left_out(metric, artifacts, outputs)]
    audits = audits_of(artifacts, outputs)
    if not has(metric, artifacts, outputs):
        by_letter = metric in SUITE and not all(audit.get("comparable", True) for audit in audits.values())
        return [f"{metric} is left out: choices asked by letter count towards no mean"] if by_letter else []
    parts = parts_of(metric, artifacts, outputs)
    rows = ({"task": task, "metric": name} for part in parts for _, name, _ in [part]
            for task in tasks_of([part], artifacts, outputs))  # fmt: skip
    return list(dict.fromkeys(text for row in rows for text in flags_of(row, audits)))


def shown(metric: str, value: float, sign: bool = False) -> str:
    """The value with the number of decimals that suits the metric."""
    usual = 0 if metric.startswith("removed.") else 1 if metric.startswith("judge.") else 3
    places = _PLACES.get(metric, usual)
    if metric == "usd" and 0 < abs(value) < 0.1:  # else small sums would all be alike
        places = min(1 - math.floor(math.log10(abs(value))), 8)
    return f"{round(value, places) + 0.0:{'+' if sign else ''},.{places}f}"  # no -0.0


def counted(metric: str) -> bool:
    """Whether it is a plain count or sum, which no other documents would make another."""
    return metric in (*SPENT, *COUNTS) or metric.startswith("removed.")


def limits(metric: str) -> tuple[float, float]:
    """What no value of the metric lies below or above: shares end at 1, the judge's rates at 100 per cent."""
    task, _, name = metric.rpartition(".")
    assessed = metric.startswith(ASSESSED) and name != "judged_unread"
    if metric in SUITE or assessed or (task != "judge" and name.startswith(SHARES)):
        return 0.0, 1.0
    if metric.startswith(judged.PREFIX):
        return judged.RANGES.get(judged.name_of(metric), (0.0, math.inf))
    return (0.0 if metric == "words" or counted(metric) else -math.inf), math.inf


def _left_out(metric: str, artifacts: dict[str, str], outputs: Path) -> list[str]:
    """Why the judge's numbers at equal length are not there, where its notes say so."""
    openings = (note.partition(":")[0] for note in judge_notes(artifacts, outputs))
    named_there = (re.findall(r"\w+", one) for one in openings if one.startswith("there is no "))
    absent = any(judged.name_of(metric) in names for names in named_there)
    return [f"{metric} is left out: equal length lies beyond the data"] if absent else []


def _spent(metric: str, artifacts: dict[str, str], outputs: Path) -> Reading | None:
    """What making the artifacts from nothing takes: dollars, paid or found in the journal; GPU hours."""
    parts = {(STAGES.get(part, part), name): part for part, name in artifacts.items()}
    usages = [one.usage if (one := made(part, name, outputs)) else None for part, name in sorted(parts)]
    if not usages or None in usages:
        return None
    value = math.fsum(usage[key] for usage in usages if usage for key in SPENT[metric])
    last = "evaluate" if "evaluate" in artifacts else list(artifacts)[-1]
    return Reading(value, None, None, None, f"{STAGES.get(last, last)}/{artifacts[last]}")


def _count(metric: str, artifacts: dict[str, str], outputs: Path) -> Reading | None:
    card = _card(artifacts, outputs)
    if not card:
        return None
    counts = card["counts"]
    removed: dict[str, int] = counts["removed"]
    by_rules = {rule: count for rule, count in removed.items() if rule not in NO_RULES}
    values = {
        "rows_in": counts.get("rows_in", counts["rows_out"]),
        "not_drawn": counts.get("not_drawn", 0),
        "rows": counts["rows_out"],
        "edited": sum(counts["edited"].values()),
        "removed.rules": sum(by_rules.values()),
        "removed.critic": removed.get("critic", 0),
    }
    value = values.get(metric, removed.get(metric.removeprefix("removed."), 0))
    return Reading(value, None, None, None, f"curate/{artifacts['curate']}")


def _card(artifacts: dict[str, str], outputs: Path) -> Any:
    return _json(outputs / "curate" / artifacts["curate"] / "card.json") if "curate" in artifacts else None


def _json(path: Path) -> Any:
    """What a file holds, files of equal content sharing it; None where there is none."""
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return None
    except ValueError:
        raise ArtifactError(f"{path} is not JSON; delete {path.parent} and run again to remake it") from None


@functools.cache
def _parsed(text: bytes) -> Any:
    return json.loads(text)

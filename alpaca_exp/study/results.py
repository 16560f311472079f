"""What a study has come to, in its sweep's folder: `optimization_results.yaml`, and `trials.jsonl` whole.

Rows of trials.jsonl are {number, state, params, distributions, values, intermediate, steps, error, retry_of,
folder, started, ended, seconds, words}; both files are written anew after each trial, so nobody needs the
storage for them. `intermediate` are losses by the per cent of the steps that are done, `steps` their number.
"""

from __future__ import annotations

import json
import math
import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from alpaca_exp.records import Row, read_jsonl, write_jsonl
from alpaca_exp.study.pruners import MAXIMIZE
from alpaca_exp.study.trial import STEPS
from alpaca_exp.sweeping import history

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from alpaca_exp.study.settings import Settings

RESULTS, TRIALS = "optimization_results.yaml", "trials.jsonl"
HOW = ("sweep", "hydra", "action", "runtime.workers", "runtime.detach")
"""How the keys begin that tell how a sweep runs: of no meaning to a run of its own."""
STATES = ("complete", "pruned", "fail", "running", "waiting")


def write_results(settings: Settings, trials: Sequence[FrozenTrial], sweep: Path) -> Row:
    """Write both files; returns what the first one holds."""
    jobs = history.read(sweep)
    rows = [_row(trial, settings, sweep, jobs.get(trial.number, {})) for trial in trials]
    found = _results(settings, rows)
    write_jsonl(rows, sweep / TRIALS)
    draft = sweep / f"{RESULTS}.draft"
    draft.write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), encoding="utf-8")
    os.replace(draft, sweep / RESULTS)
    return found


def read_trials(sweep: Path) -> list[Row]:
    """The rows of `trials.jsonl`. Raises InputError where there are none."""
    return list(read_jsonl(sweep / TRIALS, ("number", "state", "params", "values")))


def read_results(sweep: Path) -> Row:
    """What `optimization_results.yaml` holds; nothing where there is none yet."""
    try:
        return dict(yaml.safe_load((sweep / RESULTS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def best_rows(rows: Sequence[Row], directions: Sequence[str]) -> list[Row]:
    """The best complete trial; of several objectives those that no other one beats in all of them."""
    signs = [1 if direction == "maximize" else -1 for direction in directions]
    done = [row for row in rows if row["state"] == "complete"]
    scores = [[sign * value for sign, value in zip(signs, row["values"], strict=True)] for row in done]
    if len(signs) == 1:
        return [max(zip(done, scores, strict=True), key=lambda pair: pair[1])[0]] if done else []
    return [row for row, own in zip(done, scores, strict=True) if not any(_beats(one, own) for one in scores)]


def summary(found: Mapping[str, Any], jobs: Mapping[str, int] | None = None) -> str:
    """The study in a few lines: counts, what is best, and the command that runs it again.

    `jobs`: by their states, which tell more of trials that have not ended than the study itself does.
    """
    lines = [_counts(found, jobs)]
    for row in [found["best_trial"]] if "best_trial" in found else found.get("solutions", []):
        told = ", ".join(f"{name} {value:.5g}" for name, value in row["values"].items())
        head = "best" if "best_trial" in found else "none better in all"
        ties = f"; as good: {', '.join(map(str, row['ties']))}" if row["ties"] else ""
        lines += [f"{head}: trial {row['number']}, {told}{ties}", f"  {row['label']}", f"  {row['command']}"]
    return "\n".join(lines)


def _counts(found: Mapping[str, Any], jobs: Mapping[str, int] | None) -> str:
    """`6 of 6 trials: 4 complete, 1 pruned, 1 failed`; one whose point was tried again is none of them."""
    states, again = found["trials"], found["retried"]
    failed = states["fail"] - again
    told = {"complete": states["complete"], "pruned": states["pruned"], "failed": failed}
    under_way = {"running": states["running"], "queued": states["waiting"]}
    if jobs is not None:
        queued = states["waiting"] + jobs.get("queued", 0) + jobs.get("waiting", 0)
        under_way = {"running": jobs.get("running", 0), "killed": jobs.get("killed", 0), "queued": queued}
    named = ", ".join(f"{count} {state}" for state, count in (told | under_way).items() if count)
    more = f"; {again} more ended early, and {'was' if again == 1 else 'were'} tried again" if again else ""
    made, wanted = sum(told.values()), int(found["n_trials"])
    head = f"{made} of {wanted} trial{'s' * (wanted != 1)}"
    if made > wanted:  # fewer are asked for than before
        head = f"{made} trials, where {wanted} {'is' if wanted == 1 else 'are'} asked for"
    return f"{head}: {named or 'none yet'}{more}"


def _results(settings: Settings, rows: Sequence[Row]) -> Row:
    states = Counter(row["state"] for row in rows)
    found: Row = {
        "name": "optuna",
        "study_name": settings.study_name,
        "storage": settings.storage,
        "objectives": dict(settings.objectives),
        "n_trials": settings.n_trials,
        "trials": {state: states[state] for state in STATES},
        "retried": sum(row["retry_of"] is not None for row in rows),
    }
    best = [_told(row, rows, settings) for row in best_rows(rows, settings.directions)]
    if len(settings.objectives) > 1:
        return {**found, "solutions": best}
    if best:
        (value,) = best[0]["values"].values()
        found |= {"best_params": dict(best[0]["params"]), "best_value": value, "best_trial": best[0]}
    return found


def _told(row: Row, rows: Sequence[Row], settings: Settings) -> Row:
    """A trial among the best: what it is, how it is run again, and which others have the very same values."""
    told = {
        _key(word): word
        for word in (*settings.overlay, *(row["words"] or ()))
        if not _key(word).startswith(HOW)
    }
    return {
        "number": row["number"],
        "params": row["params"],
        "values": dict(zip(settings.objectives, row["values"], strict=True)),
        "ties": [one["number"] for one in rows if one["values"] == row["values"] and one is not row],
        "label": settings.space.label(row["words"] or ()),
        "folder": row["folder"],
        "command": shlex.join(["python", "-m", "alpaca_exp", *told.values()]),
    }


def _row(trial: FrozenTrial, settings: Settings, sweep: Path, job: Row) -> Row:
    """`job`: its last row in the sweep's folder, which tells why it was given up."""
    told, pruned = trial.user_attrs, trial.state.name == "PRUNED"
    sign = -1 if settings.directions[0] == MAXIMIZE else 1  # as `Trial.report` turned them
    there = (sweep / str(trial.number) / history.LOG).exists()
    started, ended = trial.datetime_start, trial.datetime_complete
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "params": dict(trial.params),
        "distributions": {name: _spread(one) for name, one in trial.distributions.items()},
        "values": list(trial.values) if trial.state.name == "COMPLETE" else None,
        "intermediate": {
            str(step): sign * value for step, value in sorted(trial.intermediate_values.items())
        },
        "steps": _steps(trial),
        "error": told.get("error") or (job.get("error") if pruned else None),
        "retry_of": told.get("retry_of"),
        "folder": str(trial.number) if there else None,
        "started": started.isoformat(timespec="milliseconds") if started else None,
        "ended": ended.isoformat(timespec="milliseconds") if ended else None,
        "seconds": round((ended - started).total_seconds(), 3) if started and ended else None,
        "words": told.get("asked", {}).get("words"),
    }


def _steps(trial: FrozenTrial) -> int | None:
    """The optimizer's steps that were taken; None: it does not train, or nobody said."""
    whole = trial.user_attrs.get(STEPS)
    if whole is None or trial.state.name == "COMPLETE":
        return whole
    return math.ceil(int(whole) * max(trial.intermediate_values, default=0) / 100)


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]


def _spread(distribution: BaseDistribution) -> Row:
    """Where a value was drawn from: {name, attributes}, as Optuna has it."""
    from optuna.distributions import distribution_to_json

    return dict(json.loads(distribution_to_json(distribution)))


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether it is nowhere worse, and somewhere better."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and list(one) != list(other)

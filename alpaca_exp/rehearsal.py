"""A rehearsal: the whole experiment made small, and from what it took, what all of it will take."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact, Stage, find
from alpaca_exp.cleaning.dataset import dataset_size
from alpaca_exp.costs import dollars
from alpaca_exp.errors import ConfigError
from alpaca_exp.experiment import prepare, try_servers
from alpaca_exp.extrapolation import Forecast, Measured, forecast
from alpaca_exp.feasibility import duration
from alpaca_exp.ledger import USAGE
from alpaca_exp.listening import forget_peak, heard, listening, peak
from alpaca_exp.locks import hold
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.progress import show_as
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import write_json
from alpaca_exp.rehearsed import Known, counted, make_small
from alpaca_exp.schemas import ExperimentConfig
from alpaca_exp.tuning.capacity import said

REHEARSALS = "rehearsals"


@dataclass(frozen=True)
class Line:
    """One part of the experiment."""

    name: str
    stage: str
    state: str
    """found, shared or rehearsed."""
    forecast: Forecast = field(default_factory=Forecast)


@dataclass(frozen=True)
class Rehearsal:
    """What the whole experiment should take, part by part; printed, it is a table."""

    lines: tuple[Line, ...]
    spent: float
    """Dollars that the rehearsal itself cost."""

    @property
    def total(self) -> Forecast:
        """All parts together."""
        return sum((line.forecast for line in self.lines), Forecast())

    def __str__(self) -> str:
        columns = ("part", "stage", "state", "the whole of it", "time", "dollars", "memory")
        head = "{:10} {:10} {:10} {:28} {:>9} {:>10} {:>9}".format(*columns)
        rows = [_row(line) for line in self.lines]
        return "\n".join(["", head, *rows, "", self._sum(), ""])

    def _sum(self) -> str:
        total = self.total
        gpu = f", {said(total.gpu_memory)} on the GPU" if total.gpu_memory else ""
        return (
            f"The whole run: about {dollars(total.usd)}, {duration(total.seconds)} "
            f"({total.seconds / 3600:,.2f} hours), {said(total.memory)} of memory at the peak{gpu}. "
            f"Measured on a few requests, steps and documents, which cost {dollars(self.spent)}; "
            "their answers are in the journal and will not be paid for again."
        )


def rehearse(config: ExperimentConfig) -> Rehearsal:
    """Make every stage that is not made yet, but small, and tell what all of it will take.

    Nothing is left but `<outputs>/rehearsals/<name>.json`, and in the journal the answers that were paid
    for. Raises ConfigError where a run could not begin, and what the stages raise.
    """
    prepare(config)
    stages = plan(config)
    if problems := obstacles(stages, config):
        raise ConfigError(problems)
    stages = with_documents(stages, config)
    try_servers(stages, config)
    outputs = config.runtime.outputs
    report = outputs / REHEARSALS / f"{config.name}.json"
    with (
        hold(outputs / ".locks" / f"rehearsal-{config.name}.lock", f"the rehearsal {config.name}"),
        _stage_folder(outputs, config.name) as root,
    ):
        earlier = _earlier(report)
        measured: dict[str, Measured] = {}
        lines = tuple(_parts(stages, config, root, earlier, measured))
        kept = {name: asdict(one) for name, one in {**earlier, **measured}.items()}
        total = asdict(sum((line.forecast for line in lines), Forecast()))
        write_json({"total": total, "parts": [asdict(line) for line in lines], "measured": kept}, report)
    return Rehearsal(lines, sum(one.spent for one in measured.values()))


def _parts(
    stages: Mapping[str, Stage],
    config: ExperimentConfig,
    root: Path,
    earlier: Mapping[str, Measured],
    measured: dict[str, Measured],
) -> Iterator[Line]:
    """One after the other; notes what was measured."""
    outputs = config.runtime.outputs
    known = Known({}, frozenset(), {})
    for name, stage in stages.items():
        if stage.fingerprint in known.artifacts:
            yield Line(name, stage.name, "shared")
            continue
        made = find(stage, outputs, remake_damaged=config.runtime.remake_damaged)
        if made:
            known = _with(known, stage, made, real=True)
            yield Line(name, stage.name, "found")
            continue
        show_as(stage.name, name)
        print(f"rehearsing {name}", flush=True)
        out = root / stage.name / stage.fingerprint
        one = _measure(stage, known, out, outputs)
        known = _with(known, stage, Artifact(out), real=False)
        key = f"{stage.name}/{stage.fingerprint}"
        if not one.asked and key in earlier:  # all answers were in the journal: what they took is noted
            one = replace(one, seconds=earlier[key].seconds, working=earlier[key].working)
        measured[key] = one
        yield Line(name, stage.name, "rehearsed", forecast(stage, one, known, out))


def _measure(stage: Stage, known: Known, out: Path, outputs: Path) -> Measured:
    """Make the stage small, and say what that took."""
    notes = out.with_name(f"{out.name}.heard")
    before = _journalled(outputs)
    forget_peak()
    start = time.monotonic()
    with listening(notes):
        make_small(stage, known, out)
    seconds = time.monotonic() - start
    listened = heard(notes)
    asked = _journalled(outputs) > before
    parts = _parts_of_usage(out)
    return Measured(
        seconds=seconds,
        working={one.title: [one.seconds, one.units, one.last_unit] for one in listened},
        asked=asked or not any(_was_asked(part) for part in parts.values()),
        usd={title: _worth(part) for title, part in parts.items() if _was_asked(part)},
        spent=sum(float(part["usd"]) for part in parts.values() if _was_asked(part)) if asked else 0.0,
        gpu_hours=sum(float(part.get("gpu_hours", 0.0)) for part in parts.values()),
        memory=max([peak(), *(one.memory for one in listened)]),
        gpu_memory=max([0, *(one.gpu_memory for one in listened)]),
    )


def _with(known: Known, stage: Stage, artifact: Artifact, *, real: bool) -> Known:
    """`known`, and what `stage` left."""
    return Known(
        {**known.artifacts, stage.fingerprint: artifact},
        known.rehearsed if real else known.rehearsed | {stage.fingerprint},
        {**known.rows, stage.fingerprint: _rows(known, stage, artifact, real)},
    )


def _rows(known: Known, stage: Stage, artifact: Artifact, real: bool) -> int:
    """How many rows the real artifact has, as far as the rehearsed one can tell."""
    match stage.name:
        case "generate":
            return counted(artifact.path, "examples.jsonl") if real else stage.config["teacher"].num_examples
        case "curate" if real:
            return dataset_size(artifact.path)
        case "curate":
            variant = stage.config["variant"]
            kept = dataset_size(artifact.path)
            if examples := stage.inputs.get("examples"):
                here = counted(known.artifact(examples).path, "examples.jsonl")
                kept = round(kept / max(1, here) * known.rows[examples.fingerprint])
            return max(1, min(kept, variant.num_examples or kept, variant.best_rated or kept))
        case _:
            return 0


def _journalled(outputs: Path) -> int:
    """How long the journals are: they grow with every answer."""
    return sum(file.stat().st_size for file in (outputs / "journal").glob("*.jsonl"))


def _parts_of_usage(out: Path) -> dict[str, Any]:
    try:
        parts: dict[str, Any] = json.loads((out / USAGE).read_text(encoding="utf-8"))["parts"]
    except FileNotFoundError:
        return {}
    return parts


def _was_asked(part: Mapping[str, Any]) -> bool:
    return not part.get("gpu_hours")


def _worth(part: Mapping[str, Any]) -> float:
    """What the answers cost whoever bought them."""
    return float(part["usd"]) + float(part.get("usd_avoided", 0.0))


def _earlier(report: Path) -> dict[str, Measured]:
    """What the last rehearsal measured."""
    try:
        return {name: Measured(**row) for name, row in json.loads(report.read_text())["measured"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@contextmanager
def _stage_folder(outputs: Path, name: str) -> Iterator[Path]:
    """An outputs folder of its own, gone afterwards, whose journal is the real one."""
    root = outputs / REHEARSALS / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (outputs / "journal").mkdir(exist_ok=True)
    (root / "journal").symlink_to(os.path.relpath(outputs / "journal", root))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _row(line: Line) -> str:
    told = line.forecast
    if line.state != "rehearsed":
        return f"{line.name:10} {line.stage:10} {line.state}"
    memory = said(told.gpu_memory or told.memory)
    return (
        f"{line.name:10} {line.stage:10} {line.state:10} {told.amount:28} {duration(told.seconds):>9} "
        f"{dollars(told.usd):>10} {memory:>9}"
    )

"""What a word on the command line stands for: a variant's label, an artifact, a run, or a data file."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import RECORD, Artifact, by_fingerprint, finished
from alpaca_exp.cleaning.dataset import dataset_file, read_dataset
from alpaca_exp.cleaning.difference_text import as_text
from alpaca_exp.cleaning.differences import Side
from alpaca_exp.cleaning.published import identify
from alpaca_exp.cleaning.sources import read_rows
from alpaca_exp.errors import ArtifactError, InputError
from alpaca_exp.lineage import UNKNOWN, Lineage
from alpaca_exp.records import read_jsonl
from alpaca_exp.report.runs import Run, read


@dataclass(frozen=True)
class Variant:
    """A curated data set under an outputs folder."""

    artifact: Artifact
    labels: tuple[str, ...]
    """What runs call it."""
    lineage: Lineage
    rows: int
    made: str
    """When, in UTC."""
    usd: float
    """What making it and what it was made of costs, whoever paid."""


def side(word: str, outputs: Path) -> Side:
    """The data set that `word` names: a folder or file, a variant's label, a fingerprint.

    Raises InputError, naming the nearest, where nothing bears that name; or all, where several do.
    """
    found = _found(word, outputs)
    if len(found) > 1:
        raise InputError(_several(word, found))
    return _opened(word, found[0])


def pair(a: str, b: str, outputs: Path) -> tuple[Side, Side]:
    """The data sets that two words name, as `side` finds them.

    Where a label has several, those of one source are taken, if there is one such pair: a cleaned data set
    is compared with the original that it was made from. Raises InputError where there is none, or more.
    """
    ours, theirs = _found(a, outputs), _found(b, outputs)
    pairs = [(one, other) for one in ours for other in theirs]
    if len(pairs) > 1:
        pairs = [(one, other) for one, other in pairs if _origin(one) == _origin(other)]
    if len(pairs) != 1:
        word, found = (a, ours) if len(ours) > 1 else (b, theirs)
        raise InputError(_several(word, found))
    one, other = pairs[0]
    sides = _opened(a, one), _opened(b, other)
    return replace(sides[0], note=_note(a, ours, b)), replace(sides[1], note=_note(b, theirs, a))


def _note(word: str, found: Sequence[object], other: str) -> str:
    return f"of {len(found)} data sets called {word}, the one of {other}'s source" if len(found) > 1 else ""


def variants(outputs: Path) -> list[Variant]:
    """Every finished curated data set, by label. Raises InputError where there is no such folder."""
    if not outputs.is_dir():
        raise InputError(f"{outputs} is no folder; name the one that runtime.outputs named")
    runs, _ = read(outputs)
    found = [_variant(path.parent, outputs, runs) for path in sorted(outputs.glob(f"curate/*/{RECORD}"))]
    return sorted(found, key=lambda one: (not one.labels, one.labels, one.made, one.artifact.path.name))


def _found(word: str, outputs: Path) -> list[Side] | list[Path]:
    """What `word` may stand for: a data set, or the folders of those that runs call so, the newest first."""
    path = Path(word).expanduser()
    if path.is_file():
        inside = path.name.startswith("dataset.") and (path.parent / RECORD).is_file()
        return [_of_folder(word, path.parent) if inside else _of_file(path)]
    if path.is_dir():
        return [_of_folder(word, path)]
    runs, _ = read(outputs)
    for axis in ("dataset_variant", "experiment"):
        named = [run for run in runs if run.label(axis) == word and _curated(run, outputs)]
        if named:
            newest = sorted(named, key=lambda run: (run.row["started"], run.name), reverse=True)
            counted = [run for run in newest if run.done] or newest
            return [outputs / "curate" / name for name in dict.fromkeys(map(_data, counted))]
    found = by_fingerprint(word, outputs, "curate")
    if found is None:
        raise InputError(f"there is no data set {word}{_nearest(word, runs, outputs)}")
    return [found]


def _opened(word: str, found: Side | Path) -> Side:
    return found if isinstance(found, Side) else _of_artifact(word, found)


def _origin(found: Side | Path) -> str:
    """What the rows were taken from."""
    if isinstance(found, Side):
        return found.source
    return _source(found, Artifact(found).record, _card(found))


def _several(word: str, found: Sequence[Side | Path]) -> str:
    head = f"{word} is what {len(found)} data sets are called; give one's fingerprint instead:"
    return "\n".join([head, *(f"  - {_told(folder)}" for folder in found if isinstance(folder, Path))])


def _told(folder: Path) -> str:
    record, card = Artifact(folder).record, _card(folder)
    lineage = Lineage.of_row(card.get("lineage", {}))
    text = as_text(lineage, most=3)
    rows = f"{card.get('counts', {}).get('rows_out', 0):,} rows"
    made = str(record.get("started", "")) or "unknown when"
    told = f"{text['source']}; teacher {text['teacher']}; cleaning: {text['cleaning']}"
    return f"{folder.name}: made {made}; {told}; {rows}"


def _data(run: Run) -> str:
    return run.artifacts["curate"]


def _variant(folder: Path, outputs: Path, runs: Sequence[Run]) -> Variant:
    labels = {
        run.label("dataset_variant") for run in runs if run.artifacts.get("curate") == folder.name
    }  # a rerun under another label finds the same data set
    card = _card(folder)
    rows = int(card.get("counts", {}).get("rows_out", 0))
    lineage = Lineage.of_row(card.get("lineage", {}))
    artifact = Artifact(folder)
    made = str(artifact.record.get("started", ""))
    return Variant(artifact, tuple(sorted(labels)), lineage, rows, made, _usd(artifact, outputs))


def _usd(artifact: Artifact, outputs: Path) -> float:
    """Paid or found in the journal, for the data set and for what was generated for it."""
    usage = artifact.record["usage"]
    own = float(usage.get("usd", 0.0)) + float(usage.get("usd_avoided", 0.0))
    examples = artifact.record.get("inputs", {}).get("examples")
    source = Artifact(outputs / "generate" / examples) if examples else None
    return own + (_usd(source, outputs) if source and (source / RECORD).is_file() else 0.0)


def _of_file(file: Path) -> Side:
    """A data file: what its bytes say it is, else nothing but its rows."""
    found = identify(file)
    lineage = found.published.lineage if found.published else Lineage(found.name)
    return Side(file.name, found.name, read_rows(file), lineage, f"sha256:{found.sha256}")


def _of_folder(word: str, folder: Path) -> Side:
    run = folder / "run.json"
    if run.is_file():
        name = _json(run).get("artifacts", {}).get("curate")
        if not name:
            raise InputError(f"{folder} is a run that tuned on no data; name one that did")
        outputs = next((up for up in folder.resolve().parents if (up / "curate" / name).is_dir()), None)
        if outputs is None:
            raise InputError(f"{run} names curate/{name}, which is not there; give the run's command again")
        return _of_artifact(
            _json(run).get("labels", {}).get("dataset_variant", word), outputs / "curate" / name
        )
    if not (folder / RECORD).is_file():
        raise InputError(
            f"{folder} is neither a finished data set nor a run: it holds no {RECORD} and no run.json"
        )
    return _of_artifact(folder.resolve().name, folder)


def _of_artifact(name: str, folder: Path) -> Side:
    record, card = Artifact(folder).record, _card(folder)
    if record.get("stage", "curate") != "curate":
        raise InputError(
            f"{folder} was left by the stage {record['stage']}, not by curate; name a variant's data"
        )
    dataset_file(folder)
    lineage = Lineage.of_row(card.get("lineage", {}))
    return Side(
        name=name,
        place=f"curate/{folder.resolve().name}",
        rows=list(read_dataset(folder)),
        lineage=lineage,
        source=_source(folder, record, card),
        removed=_jsonl(folder / "removed.jsonl"),
        edited=_jsonl(folder / "edited.jsonl"),
    )


def _source(folder: Path, record: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    """What the rows were taken from, to the byte; the folder itself where that is not known."""
    if examples := record.get("inputs", {}).get("examples"):
        return f"generate/{examples}"
    if sha256 := card.get("source", {}).get("sha256"):
        return f"sha256:{sha256}"
    source = Lineage.of_row(card.get("lineage", {})).source
    return str(folder) if source == UNKNOWN else source


def _nearest(word: str, runs: Sequence[Run], outputs: Path) -> str:
    labels = {
        run.label(axis)
        for run in runs
        for axis in ("dataset_variant", "experiment")
        if _curated(run, outputs)
    }
    names = sorted(labels | {folder.name for folder in finished(outputs, "curate")})
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    if not names:
        return f", neither a file nor a variant under {outputs}, which holds none; see --outputs"
    return f", neither a file nor a variant; under {outputs} there are {', '.join(sorted(labels) or names)}"


def _curated(run: Run, outputs: Path) -> bool:
    name = run.artifacts.get("curate")
    return bool(name) and (outputs / "curate" / str(name) / RECORD).is_file()


def _card(folder: Path) -> Mapping[str, Any]:
    """Without a card nothing is known of the lineage; the rows can be compared all the same."""
    file = folder / "card.json"
    return _json(file) if file.is_file() else {}


def _json(file: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ArtifactError(
            f"{file} cannot be read as JSON; delete its folder, or run that job again"
        ) from None
    return value if isinstance(value, dict) else {}


def _jsonl(file: Path) -> list[dict[str, Any]]:
    return list(read_jsonl(file, required=("id", "rule"))) if file.is_file() else []

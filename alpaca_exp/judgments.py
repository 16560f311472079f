"""What a word on the command line stands for: verdicts or votes, by file, folder, fingerprint or run."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.artifacts import by_fingerprint, finished
from alpaca_exp.errors import InputError
from alpaca_exp.judging.published import read_published
from alpaca_exp.judging.published_rows import Line, read_lines
from alpaca_exp.judging.votes import read_votes
from alpaca_exp.records import Row
from alpaca_exp.report.runs import Run, read

STAGE, VERDICTS, VOTES = "judge", "verdicts.jsonl", "votes.jsonl"
AXES = ("experiment", "judge", "dataset_variant", "base_model")
"""By what runs are named, in this order."""
USUAL = ("annotations", "judgments", "verdicts", "votes")
"""Names of files that say nothing: their folder's stands for them."""

MOST = 8
"""So many sets of verdicts of one name are told apart."""
_TELLING = (("judge", "judge"), ("opponent", "model_1"))


@dataclass(frozen=True)
class Judgments:
    """What somebody thinks of some answers: rows of verdicts, or of votes."""

    name: str
    source: str
    """Where they are from, and whose they are."""
    rows: list[Row]


def judgments(word: str, outputs: Path, *, newest: bool = False) -> Judgments:
    """What `word` names: a file of verdicts, votes or published judgments; a folder, a run, an artifact.

    Where several runs bear a name, `newest` takes the verdicts of the one that was started last. Raises
    InputError, naming the nearest, where nothing bears it; and without `newest` what several are.
    """
    path = Path(word).expanduser()
    if path.is_file():
        return _of_file(path, path.resolve().parent.name if path.stem in USUAL else path.stem)
    if path.is_dir():
        return _of_folder(path)
    runs, _ = read(outputs)
    for axis in AXES:
        named = [run for run in runs if run.label(axis) == word and _judged(run, outputs)]
        named = sorted(named, key=lambda run: (run.row["started"], run.name), reverse=True)
        found = list(dict.fromkeys(run.artifacts[STAGE] for run in named))
        if len(found) > 1 and not newest:
            raise InputError(_several(word, found, named, outputs))
        if found:
            return _of_file(outputs / STAGE / found[0] / VERDICTS, word)
    folder = by_fingerprint(word, outputs, STAGE)
    if folder is None:
        raise InputError(f"there are no judgments {word}: {_nearest(word, runs, outputs)}")
    return _of_file(folder / VERDICTS, folder.name)


def _of_file(file: Path, name: str) -> Judgments:
    first = next(read_lines(file)).row
    if "vote" in first:
        rows, _ = read_votes([file])
    elif {"preference", "protocol"} <= first.keys():
        rows = [_verdict(line) for line in read_lines(file)]
    else:
        rows = read_published([file]).verdicts
    judges = sorted({str(row.get("judge", "")) for row in rows})
    whose = ", ".join(judges[:3]) + (f" and {len(judges) - 3} more" if len(judges) > 3 else "")
    return Judgments(name, f"{file} ({whose})", rows)


def _verdict(line: Line) -> Row:
    """The row, which has what opinions are made of. Raises InputError, naming its place, where it has not."""
    for key in ("model_1", "model_2"):
        line.need(key, str, "a model's name")
    line.need("preference", (int, float, type(None)), "0 to 1 for model 2, or null")
    return line.row | {"question_id": line.question_id()}


def _of_folder(folder: Path) -> Judgments:
    for name in (VERDICTS, VOTES):
        if (folder / name).is_file():
            return _of_file(folder / name, folder.resolve().name)
    run = folder / "run.json"
    if not run.is_file():
        raise InputError(
            f"{folder} holds neither {VERDICTS} nor {VOTES} nor a run.json; name a folder that does"
        )
    try:
        name = json.loads(run.read_text(encoding="utf-8"))["artifacts"][STAGE]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{run} names no judge's verdicts; name a run that had a judge") from None
    above = next((up for up in folder.resolve().parents if (up / STAGE / name / VERDICTS).is_file()), None)
    if above is None:
        raise InputError(f"{run} names {STAGE}/{name}, which is not there; give the run's command again")
    return _of_file(above / STAGE / name / VERDICTS, folder.resolve().name)


def _judged(run: Run, outputs: Path) -> bool:
    name = run.artifacts.get(STAGE)
    return bool(name) and (outputs / STAGE / str(name) / VERDICTS).is_file()


def _several(word: str, found: Sequence[str], named: Sequence[Run], outputs: Path) -> str:
    """What tells the verdicts of one name apart, the newest first."""
    lines = []
    for name in found[:MOST]:
        run = next(run for run in named if run.artifacts[STAGE] == name)
        lines.append(f"  - {name}: {_told(outputs / STAGE / name / VERDICTS)}; {run.name}")
    more = [f"  - and {len(found) - MOST} more"] * (len(found) > MOST)
    head = (
        f"{word} is what {len(found)} sets of verdicts are called; "
        "give a fingerprint, or add --newest for the first of these:"
    )
    return "\n".join([head, *lines, *more])


def _told(file: Path) -> str:
    """`vicuna, judge gpt-4, opponent text-davinci-003`."""
    row = next(read_lines(file)).row
    told = [row.get("protocol"), *(f"{word} {row[key]}" for word, key in _TELLING if row.get(key))]
    return ", ".join(str(part) for part in told if part)


def _nearest(word: str, runs: Sequence[Run], outputs: Path) -> str:
    labels = {run.label(axis) for run in runs for axis in AXES if _judged(run, outputs)}
    near = difflib.get_close_matches(
        word, sorted(labels | {folder.name for folder in finished(outputs, STAGE)}), n=1, cutoff=0.5
    )
    if near:
        return f"did you mean {near[0]}?"
    if not labels:
        return f"no such file, and no run under {outputs} had a judge; see --outputs"
    return f"no such file, and under {outputs} there are {', '.join(sorted(labels))}"

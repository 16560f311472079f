"""Whether all that a finished run made is there, as its records say: what is torn counts towards no number.

A file that nobody has written to since its record was is as the record says. One that was is hashed, once:
what was found sound is kept (see `kept`). Weights are no report's business: they may be deleted to make room.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alpaca_exp.content import sha256
from alpaca_exp.errors import ArtifactError
from alpaca_exp.report.kept import kept
from alpaca_exp.report.made import STAGES, made

WEIGHTS = "model/"
"""The folder of an artifact that a report can do without."""
NOTHING = hashlib.sha256().hexdigest()
"""What an empty file hashes to."""
MOST_RUNS = 3
"""So many runs are named of those that one artifact leaves out."""


def torn(finished: Mapping[str, Mapping[str, str]], outputs: Path) -> tuple[set[str], list[str]]:
    """Which finished runs may not count; and a sentence for each artifact that leaves some out.

    `finished`: of each run, by its name, the fingerprints by the parts of its experiment.
    """
    found: dict[str, list[str]] = {}
    for run, artifacts in finished.items():
        for problem in _problems(artifacts, outputs):
            found.setdefault(problem, []).append(run)
    out = {run for runs in found.values() for run in runs}
    return out, [_sentence(runs, problem) for problem, runs in found.items()]


def _problems(artifacts: Mapping[str, str], outputs: Path) -> Iterator[str]:
    places = dict.fromkeys((STAGES.get(part, part), name) for part, name in artifacts.items())
    return filter(None, (_problem(stage, name, outputs) for stage, name in places))


@functools.cache
def _problem(stage: str, name: str, outputs: Path) -> str:
    """What is wrong with an artifact, and the remedy; empty for a sound one."""
    place, folder = f"{stage}/{name}", outputs / stage / name
    record = folder / "record.json"
    try:
        written = os.stat(record).st_mtime_ns
        files = _files(stage, name, record, outputs)
    except OSError:
        return f"{place} is missing; run its command again to remake it"
    except ArtifactError as error:
        return str(error)
    bad = [file for file, digest in files if not _sound(folder / file, file, digest, written, outputs)]
    if not bad:
        return ""
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    return (
        f"{place}/{bad[0]}{more} is missing or not what its record says; "
        f"delete {folder} and run again to remake it"
    )


def _files(stage: str, name: str, record: Path, outputs: Path) -> list[tuple[str, str]]:
    """What the record names, with the sha256 of each."""
    known = kept(outputs)
    told = known.of(record)
    if told is not None:
        return [
            (file, digest)
            for digest, _, file in (line.partition(" ") for line in told.decode().split("\n")[:-1])
        ]
    one = made(stage, name, outputs)
    files = list(one.files.items()) if one else []
    known.keep(record, "".join(f"{digest} {file}\n" for file, digest in files).encode())
    return files


def _sound(path: Path, name: str, digest: str, written: int, outputs: Path) -> bool:
    if name.startswith(WEIGHTS):
        return True
    try:
        found = os.stat(path)
    except OSError:
        return False
    if found.st_mtime_ns <= written:
        return found.st_size > 0 or digest == NOTHING
    known, told = kept(outputs), digest.encode()
    if known.of(path, "sound") == told:
        return True
    if sha256(path) != digest:
        return False
    known.keep(path, told, "sound")
    return True


def _sentence(names: Sequence[str], problem: str) -> str:
    """`runs/a, runs/b and 7 more: evaluate/X/scores.jsonl is ...; delete ... and run again to remake it`."""
    more = f" and {len(names) - MOST_RUNS:,} more" if len(names) > MOST_RUNS else ""
    return f"{', '.join(names[:MOST_RUNS])}{more}: {problem}"

"""One archive of some runs: what their table rests on, and the answers that were paid for.

Unpacked elsewhere it is an outputs folder: the report prints the same table, the same command finds every
stage, and a stage that is made again takes its answers from the journal, for 0 dollars.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shlex
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alpaca_exp import provenance
from alpaca_exp.artifacts import RECORD, WEIGHTS, Artifact
from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.inventory import NOT_STAGES
from alpaca_exp.llm.sharing import copy_answers, journals
from alpaca_exp.progress import progress
from alpaca_exp.records import Row
from alpaca_exp.report.page_writing import noted
from alpaca_exp.report.runs import Run, collect, read

OUTPUTS, MANIFEST, GUIDE = "outputs", "manifest.json", "README.txt"
SWEEP_FILES = (
    "sweep.json", "jobs.jsonl", "report.json", "optimization_results.yaml", "trials.jsonl", "overview.json",
)  # fmt: skip
"""What a sweep tells of itself, and its page is made from; its locks and its database stay where they are."""
GUIDE_TEXT = """\
Runs of alpaca_exp, with all that their tables rest on. {manifest} names every file and its sha256.

The tables, from this folder:
{reports}
The runs themselves: every stage is found. Without its folder below {outputs}/ a stage is made again,
and the journal answers in the place of the servers, for 0 dollars. Files that a run reads (data sets,
documents) must be there: they are known by their content, not by where they lie.
{commands}Where weights were left out, add runtime.remake_damaged=true.
"""


@dataclass(frozen=True)
class Exported:
    """What went into an archive."""

    file: Path
    runs: int
    artifacts: int
    answers: int
    bytes: int
    without: tuple[str, ...] = ()
    """Artifacts whose weights were left out."""

    def summary(self) -> str:
        """In one line."""
        weights = f", without the weights of {len(self.without):,}" if self.without else ""
        counts = f"{self.runs:,} runs, {self.artifacts:,} artifacts{weights}, {self.answers:,} paid answers"
        return f"{counts}, {self.bytes / 1e6:.1f} MB: {self.file}"


def export(
    words: Sequence[str], outputs: Path, file: Path, *, weights: bool = True, journal: bool = True
) -> Exported:
    """Write the archive of the runs that `words` name: experiments, sweeps, runs; without words all.

    `file` ends in .tar.gz; the same runs give the same bytes. Without `weights` models stay behind, and what
    is to be made from them is made again; without `journal` answers do.
    Raises InputError where a word names nothing, an artifact is missing or damaged, or `file` cannot be
    written.
    """
    runs = chosen(words, outputs)
    folders = _folders(runs, outputs)
    _check(folders)
    contents = _Contents(file.name.removesuffix(".gz").removesuffix(".tar"))
    for run in runs:
        contents.add_folder(run.folder, outputs)
    for path in sorted({path for run in runs for path in _of_sweep(run, outputs)}):
        contents.add(path, outputs)
    left_out = [folder for folder in folders if not contents.add_folder(folder, outputs, weights=weights)]
    records = [Artifact(folder).record for folder in folders]
    paid = list(journals(records, outputs)) if journal else []
    try:
        answers = _write(contents, paid, outputs, file, _manifest(runs, records, contents), runs)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; choose another --out") from None
    without = tuple(f"{folder.parent.name}/{folder.name}" for folder in left_out)
    return Exported(file, len(runs), len(folders), answers, file.stat().st_size, without)


def chosen(words: Sequence[str], outputs: Path) -> list[Run]:
    """The runs that came to their end, of those that `words` name; without words, all that count.

    A word is an experiment, a sweep or a run, by its name or its folder.
    """
    if not words:
        return [run for run in collect(outputs, torn=True) if run.done]
    every = sorted((run for run in read(outputs)[0]), key=lambda run: run.name)
    found: dict[str, Run] = {}
    for word in words:
        named = [run for run in every if _is_called(run, word, outputs)]
        if not named:
            known = ", ".join(sorted({run.label("experiment") for run in every}))
            raise InputError(f"{word} names no run, sweep or experiment below {outputs}; there are {known}")
        done = [run for run in named if run.done]
        if not done:
            raise InputError(f"no run of {word} came to its end; run it first")
        found |= {run.name: run for run in done}
    return [found[name] for name in sorted(found)]


def _is_called(run: Run, word: str, outputs: Path) -> bool:
    if run.label("experiment") == word or f"/{run.name}/".endswith(f"/{word.strip('/')}/"):
        return True
    folder, here = Path(word).expanduser().absolute(), (outputs / run.name).absolute()
    sweep = run.name.startswith("sweeps/") and run.name.split("/")[1] == word
    return sweep or folder == here or (folder in here.parents and folder.is_relative_to(outputs.absolute()))


def _folders(runs: Iterable[Run], outputs: Path) -> list[Path]:
    """Where everything lies that the runs made, inputs of inputs included."""
    at = {
        path.name: path
        for path in outputs.glob("*/*")
        if path.parent.name not in NOT_STAGES and (path / RECORD).exists()
    }
    found: dict[str, Path] = {}
    left = [(name, run.name) for run in runs for name in run.artifacts.values()]
    while left:
        name, wanted_by = left.pop()
        if name in found:
            continue
        if name not in at:
            raise InputError(
                f"{wanted_by} needs {name}, which is not there; give its command again to make it"
            )
        found[name] = at[name]
        left += [
            (needed, f"{at[name].parent.name}/{name}")
            for needed in Artifact(at[name]).record["inputs"].values()
        ]
    return sorted(found.values())


def _check(folders: Sequence[Path]) -> None:
    faults = []
    with progress("checking", len(folders), "artifacts") as steps:
        for folder in folders:
            faults += [f"{folder}: {fault}" for fault in Artifact(folder).damage()]
            steps.advance()
    if faults:
        raise InputError(
            "An archive of damaged artifacts would be worth nothing; give their commands again with "
            "runtime.remake_damaged=true:\n" + "\n".join(f"  - {fault}" for fault in faults)
        )


def _of_sweep(run: Run, outputs: Path) -> Iterator[Path]:
    if _is_job(run):
        yield from (path for name in SWEEP_FILES if (path := run.folder.parent / name).is_file())


@dataclass
class _Contents:
    """The files of an archive, by their names in it."""

    root: str
    files: dict[str, Path] = field(default_factory=dict)

    def add(self, path: Path, outputs: Path) -> None:
        self.files[f"{OUTPUTS}/{path.relative_to(outputs)}"] = path

    def add_folder(self, folder: Path, outputs: Path, *, weights: bool = True) -> bool:
        """All of a folder, Hydra's notes included. Returns whether nothing was left out."""
        whole = True
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if weights or not path.name.endswith(WEIGHTS):
                self.add(path, outputs)
            else:
                whole = False
        return whole


def _manifest(runs: Sequence[Run], records: Sequence[Row], contents: _Contents) -> Row:
    return {
        "made_by": {"alpaca_exp": provenance.packages().get("alpaca-exp"), "git": provenance.commit()},
        "runs": {
            run.name: {"overrides": run.row["overrides"], "started": run.row["started"]} for run in runs
        },
        "artifacts": {record["fingerprint"]: record["stage"] for record in records},
        "packages": _packages(records),
        "files": {name: sha256(path) for name, path in sorted(contents.files.items())},
    }


def _packages(records: Iterable[Row]) -> dict[str, list[str]]:
    """Every version that some artifact was made with: what to install, to make the same bytes."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in (record.get("packages") or {}).items():
            found.setdefault(name, set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def _guide(runs: Sequence[Run], outputs: Path) -> str:
    """What to do with it: a command a report, and a command a run, the jobs of a sweep in their order."""
    in_order = sorted(runs, key=lambda run: (run.folder.parent, len(run.folder.name), run.folder.name))
    commands = dict.fromkeys(map(_again, in_order))
    told = "".join(f"    python -m alpaca_exp {words} runtime.outputs={OUTPUTS}\n" for words in commands)
    reports = "".join(
        f"    python -m alpaca_exp.report {shlex.join(words)}\n" for words in _reports(runs, outputs)
    )
    return GUIDE_TEXT.format(manifest=MANIFEST, outputs=OUTPUTS, commands=told, reports=reports)


def _again(run: Run) -> str:
    return shlex.join(word for word in run.row["overrides"] if not word.startswith("runtime.outputs="))


def _reports(runs: Sequence[Run], outputs: Path) -> Iterator[list[str]]:
    """Of each sweep its page, and its table as its settings arrange it; of other runs one by experiment."""
    sweeps = {run.folder.parent.name for run in runs if _is_job(run)}
    for sweep in sorted(sweeps):
        yield ["page", OUTPUTS, "--name", sweep]
        yield from _table_of(noted(outputs / "sweeps" / sweep))
    if not all(map(_is_job, runs)):
        yield [OUTPUTS, "--rows", "experiment"]


def _table_of(settings: Mapping[str, object]) -> Iterator[list[str]]:
    """Nothing for a sweep that no axis arranges, as a study's trials."""
    if not settings.get("rows"):
        return
    words = [OUTPUTS]
    for option in ("rows", "columns", "metrics", "baseline"):
        value = settings.get(option)
        told = ",".join(map(str, value)) if isinstance(value, list) else str(value or "")
        words += [f"--{option}", told] * bool(told)
    yield words


def _is_job(run: Run) -> bool:
    return run.name.startswith("sweeps/")


def _write(
    contents: _Contents,
    paid: Sequence[Path],
    outputs: Path,
    file: Path,
    manifest: Row,
    runs: Sequence[Run],
) -> int:
    """Write the archive, whole or not at all. Returns how many answers went into it."""
    draft = file.with_name(f"{file.name}.draft")
    file.parent.mkdir(parents=True, exist_ok=True)
    answers = 0
    try:
        with (
            draft.open("wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=6) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
            progress("packing", len(contents.files) + len(paid), "files") as steps,
        ):
            told = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            for name, text in ((GUIDE, _guide(runs, outputs)), (MANIFEST, told)):
                _add(archive, f"{contents.root}/{name}", text.encode())
            for name, path in sorted(contents.files.items()):
                with path.open("rb") as content:
                    archive.addfile(_entry(f"{contents.root}/{name}", path.stat().st_size), content)
                steps.advance()
            for path in paid:
                with tempfile.TemporaryFile() as lines:
                    answers += copy_answers(path, lines)
                    size = lines.tell()
                    lines.seek(0)
                    name = f"{contents.root}/{OUTPUTS}/{path.relative_to(outputs)}"
                    archive.addfile(_entry(name, size), lines)
                steps.advance()
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return answers


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Without owner and time: the same files make the same archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry

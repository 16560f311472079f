"""Data files that others published: what they hold, under which licence, and how their bytes are known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp import paths
from alpaca_exp.config import nearest
from alpaca_exp.errors import InputError
from alpaca_exp.lineage import UNKNOWN, Cap, Lineage

NON_COMMERCIAL = "CC BY-NC 4.0"


@dataclass(frozen=True)
class Published:
    """One published file. What is not known of it is None, or says unknown."""

    name: str
    """As `dataset_variant.published` and a card's lineage name it."""
    file: str
    repository: str
    licence: str
    teacher: str = UNKNOWN
    sentence: int | str | None = UNKNOWN
    """The words of its prompt's length sentence; None: it had none."""
    cleaning: tuple[str, ...] = ()
    instructions: str = ""
    """The published file whose instructions it has."""
    blob: str | None = None
    """Git's id of the content."""
    bytes: int | None = None
    sha256: str | None = None

    @property
    def lineage(self) -> Lineage:
        """Where its rows come from."""
        return Lineage(self.name, self.teacher, Cap(self.sentence), self.cleaning, self.instructions)


PUBLISHED = {
    one.name: one
    for one in (
        Published(
            name="alpaca",
            file="alpaca_data.json",
            repository="https://github.com/tatsu-lab/stanford_alpaca",
            licence=NON_COMMERCIAL,
            teacher="text-davinci-003",
            sentence=100,
            blob="3779ddbc040543ab1834ef216c983d6fcc06cc9a",
            bytes=22_773_992,
            sha256="2eddafc6b977608d778aaab8dfc7e50e547b3af9826dfb9e909d9fc362e4a419",
        ),
        Published(  # of 26 March 2023: davinci's answers still
            name="alpaca_cleaned_archive",
            file="alpaca_data_cleaned_archive.json",
            repository="https://github.com/tloen/alpaca-lora",
            licence=NON_COMMERCIAL,
            teacher="text-davinci-003",
            sentence=100,
            cleaning=("community edits to 26 March 2023",),
            instructions="alpaca",
            blob="862cc5fac6f7bad3f16948117f5985c20349f481",
        ),
        Published(  # about 85 % of the outputs are GPT-4's: another teacher and another length as well
            name="alpaca_cleaned",
            file="alpaca_data_cleaned.json",
            repository="https://github.com/gururise/AlpacaDataCleaned",
            licence=NON_COMMERCIAL,
            teacher="mostly gpt-4",
            sentence=None,
            cleaning=("community edits",),
            instructions="alpaca",
            blob="fce7512c5733979e61db8c25e5138deead700650",
        ),
        Published(
            name="alpaca_gpt4",
            file="alpaca_gpt4_data.json",
            repository="https://github.com/Instruction-Tuning-with-GPT-4/GPT-4-LLM",
            licence=NON_COMMERCIAL,
            teacher="gpt-4",
            sentence=None,
            instructions="alpaca",
            blob="25508714b7879a1e5a6764ba7f979a980f549f1a",
        ),
        Published(  # the original's rows that ChatGPT rated 4.5 of 5 or better
            name="alpagasus",
            file="chatgpt_9k.json",
            repository="https://github.com/gpt4life/alpagasus",
            licence=f"the repository names none; its rows are Alpaca's, {NON_COMMERCIAL}",
            teacher="text-davinci-003",
            sentence=100,
            cleaning=("rated 4.5 or better by ChatGPT",),
            instructions="alpaca",
        ),
        Published(
            name="stanford_seed_tasks",
            file="seed_tasks.jsonl",
            repository="https://github.com/tatsu-lab/stanford_alpaca",
            licence=NON_COMMERCIAL,
            teacher="people",
            sentence=None,
            blob="c97d40d76abd45cd7456f2d0d58459bb4df3cad5",
            bytes=110_934,
            sha256="7779004fa198fdf27cf70a159363879d8a26c53329e11b436af17b3941875f48",
        ),
    )
}
OWN_SEEDS = "seeds/seed_tasks.jsonl"


@dataclass(frozen=True)
class Identified:
    """What is known of a file by its bytes."""

    blob: str
    sha256: str
    bytes: int
    published: Published | None

    @property
    def name(self) -> str:
        """The published name if the bytes are known, else the content's hash. Never the path."""
        return self.published.name if self.published else f"file sha256:{self.sha256[:16]}"


def identify(file: Path) -> Identified:
    """Hash `file` and look it up, whatever its name is."""
    blob, sha256, size = _hashes(file)
    known = next((one for one in PUBLISHED.values() if one.blob == blob), None)
    return Identified(blob, sha256, size, known or _own_seeds(blob, file))


def declared(name: str) -> Published:
    """The published file of that name. Raises InputError, naming the nearest, where there is none."""
    if name not in PUBLISHED:
        raise InputError(f"dataset_variant.published is {name}, which is not known{nearest(name, PUBLISHED)}")
    return PUBLISHED[name]


def where_to_get(one: Published) -> str:
    """One sentence for `dataset_variant.published` without a file."""
    return (
        f"dataset_variant.published is {one.name}, and no file is given: get {one.file} from "
        f"{one.repository} (licence: {one.licence}) and name it with dataset_variant.source=FILE"
    )


def mismatch(one: Published, file: Path, found: Identified) -> str | None:
    """Why `file` is not what it was declared to be; None where it is, or where nobody knows the bytes."""
    if one.blob in (None, found.blob):
        return None
    size = f" of {one.bytes:,} bytes" if one.bytes else ""
    other = f", which is {found.published.name}" if found.published else ""
    return (
        f"{file} is not {one.name}: expected git blob {one.blob}{size}, found {found.blob} of "
        f"{found.bytes:,} bytes{other}; get {one.file} from {one.repository}, or leave out "
        "dataset_variant.published to use the file as it is"
    )


def namesake(file: Path, found: Identified) -> str | None:
    """A line of warning where a file bears a published one's name and its bytes are not known."""
    one = next((one for one in PUBLISHED.values() if one.file == file.name), None)
    if one is None or found.published:
        return None
    if one.blob is None:
        return (
            f"{one.file} may be {one.name}, whose bytes are not known here: this one is git blob {found.blob}"
        )
    return (
        f"{one.file} is named like {one.name}, but is another file (git blob {found.blob}, expected "
        f"{one.blob}): it is used as it is, and nothing is taken as known of it"
    )


def _own_seeds(blob: str, file: Path) -> Published | None:
    """Our own seed tasks, which this version of the project ships."""
    shipped = paths.data_root() / OWN_SEEDS
    if not shipped.is_file() or shipped.stat().st_size != file.stat().st_size:
        return None
    if _hashes(shipped)[0] != blob:
        return None
    return Published("seed_tasks", shipped.name, "this project", "Apache-2.0", "people", None, blob=blob)


def _hashes(file: Path) -> tuple[str, str, int]:
    size = file.stat().st_size
    blob, sha256 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            blob.update(chunk)
            sha256.update(chunk)
    return blob.hexdigest(), sha256.hexdigest(), size

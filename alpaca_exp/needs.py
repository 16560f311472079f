"""What an experiment's stages still need from the network: models, data sets, tasks' documents, servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlparse

from alpaca_exp.artifacts import Stage, find
from alpaca_exp.errors import ArtifactError
from alpaca_exp.harness.needs import NeededDataset, needed_datasets
from alpaca_exp.llm.folders import may_be_on_the_hub
from alpaca_exp.prefetched import TASKS, Entry, damage, entries
from alpaca_exp.schemas import (
    ApiModelConfig,
    CheckpointConfig,
    ConfiguredModelConfig,
    DatasetVariantConfig,
    EndpointConfig,
    EvalSuiteConfig,
    PretrainedModelConfig,
    WorldSuiteConfig,
)

MADE_HERE = ("bpe", "word")
"""Tokenizers that are no one else's."""


@dataclass(frozen=True)
class Need:
    """One thing of the hub."""

    kind: str
    """model, tokenizer, dataset or task."""
    name: str
    """Its name on the hub; of a task the name of its folder."""
    revision: str | None
    field: str
    """Where the configuration names it."""
    documents: NeededDataset | None = None
    """Of a task: from which data set they come."""

    splits: tuple[str, ...] = ()
    """Of a task: which of them."""

    def __str__(self) -> str:
        if self.documents is None:
            return f"{self.kind} {self.name}" + (f"@{self.revision[:12]}" if self.revision else "")
        part = f", {self.documents.name}" if self.documents.name else ""
        return f"task {self.name} ({self.documents.path}{part}: {', '.join(self.splits)})"

    @property
    def repository(self) -> tuple[str, str, str | None]:
        """Kind, name and revision of the repository that it is, or comes from."""
        if self.documents is None:
            return ("dataset" if self.kind == "dataset" else "model"), self.name, self.revision
        return "dataset", self.documents.path, self.revision

    def among(self, found: Sequence[Entry]) -> Entry | None:
        """The manifest's entry for it, whole or with a part of its splits."""
        return next((each for each in found if each.answers(self.kind, self.name, self.revision)), None)

    def is_whole(self, known: Entry) -> bool:
        """Whether the entry has all of it."""
        return all(f"{TASKS}/{self.name}/{split}.jsonl" in known.files for split in self.splits)

    def and_for(self, other: Need) -> Need:
        """What serves both, of two needs of one thing."""
        return replace(self, splits=tuple(dict.fromkeys((*self.splits, *other.splits))))


def needs(stages: Mapping[str, Stage], outputs: Path) -> list[Need]:
    """What the stages that are not made yet take from the hub, each once; a folder of one's own is none."""
    found: dict[tuple[str, str, str | None], Need] = {}
    for need in (need for value in _values(stages, outputs) for need in _of(value)):
        key = (need.kind, need.name, need.revision)
        found[key] = found[key].and_for(need) if key in found else need
    return [n for n in found.values() if n.kind != "tokenizer" or ("model", n.name, n.revision) not in found]


def missing(wanted: Sequence[Need], folder: Path) -> list[tuple[Need, str]]:
    """What of it the folder lacks, with what is damaged ("" where there is nothing)."""
    listed = entries(folder)
    found = []
    for need in wanted:
        known = need.among(listed)
        broken = "; ".join(damage(folder, known)) if known else ""
        if known is None or broken or not need.is_whole(known):
            found.append((need, broken))
    return found


def servers(stages: Mapping[str, Stage], outputs: Path) -> list[str]:
    """One phrase for each server that stages will ask: no folder can stand for it."""
    asked: dict[str, list[str]] = {}
    for name, stage in stages.items():
        for value in _values({name: stage}, outputs):
            if isinstance(value, EndpointConfig):
                host = urlparse(value.address).netloc
                asked.setdefault(f"{getattr(value, 'model', 'a model')} at {host}", []).append(name)
    return [f"{', '.join(dict.fromkeys(names))} will ask {server}" for server, names in asked.items()]


def _values(stages: Mapping[str, Stage], outputs: Path) -> Iterator[object]:
    """What the stages that are not made are told."""
    for stage in stages.values():
        try:
            made = find(stage, outputs)
        except ArtifactError:
            made = None
        if made is None:
            yield from (*stage.config.values(), *stage.runtime.values())


def _of(value: object) -> Iterator[Need]:
    match value:
        case CheckpointConfig() if not _folder(value.path):
            yield Need("model", value.path, value.revision, f"{getattr(value, 'group', 'model')}.path")
        case PretrainedModelConfig() if not _folder(value.path):
            yield Need("model", value.path, value.revision, "base_model.path")
        case ConfiguredModelConfig() if value.tokenizer not in MADE_HERE and not _folder(value.tokenizer):
            yield Need("tokenizer", value.tokenizer, None, "base_model.tokenizer")
        case ApiModelConfig() if value.by_loglikelihood and (name := value.tokenizer):
            if may_be_on_the_hub(name) and not _folder(name):
                yield Need("tokenizer", name, None, "base_model.tokenizer")
        case DatasetVariantConfig() if value.hub and not _folder(value.hub):
            yield Need("dataset", value.hub, value.revision, "dataset_variant.hub")
        case EvalSuiteConfig() if value.mirror is None and not isinstance(value, WorldSuiteConfig):
            for data in needed_datasets(value):
                if not _folder(data.path):  # `datasets` takes a folder of that name for the hub's
                    splits = tuple(data.splits)
                    yield Need("task", data.folder, data.revision, "eval_suite.mirror", data, splits)


def _folder(path: str) -> bool:
    return Path(path).expanduser().is_dir()

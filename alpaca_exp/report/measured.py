"""The values of an evaluation's documents: a mapping for who asks for one, columns for who counts."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Document:
    """A document as it was put to a model: equal ones can be paired."""

    doc_id: str
    doc_hash: str
    """Of its content; where that is not known, its task's name."""
    prompt_hash: str = ""
    cluster: Hashable = None
    """The group that it belongs to, where it is no evidence by itself."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Documents in their order; one object for all evaluations that asked the very same."""

    documents: tuple[Document, ...]

    @cached_property
    def places(self) -> Mapping[Document, int]:
        """Where each stands."""
        return {document: place for place, document in enumerate(self.documents)}


@dataclass(frozen=True, eq=False)
class Measured(Mapping[Document, float]):
    """One metric of one evaluation, document by document."""

    asked: Asked
    numbers: Array
    """A value a document, in the order of `asked`."""

    def __getitem__(self, document: Document) -> float:
        return float(self.numbers[self.asked.places[document]])

    def __iter__(self) -> Iterator[Document]:
        return iter(self.asked.documents)

    def __len__(self) -> int:
        return len(self.asked.documents)


def measured(found: Mapping[Document, float]) -> Measured:
    """The columns of a mapping; those that hold equal documents share them."""
    return Measured(asked(tuple(found)), np.fromiter(found.values(), np.float64, len(found)))


@functools.lru_cache(maxsize=1024)
def asked(documents: tuple[Document, ...]) -> Asked:
    """The one object for these documents in this order."""
    return Asked(documents)


def together(tasks: Sequence[Measured]) -> Measured:
    """The documents of a group's tasks as those of one: it is their mean, whichever task they are of."""
    if len(tasks) == 1:
        return tasks[0]
    return Measured(
        _joined(tuple(one.asked for one in tasks)), np.concatenate([one.numbers for one in tasks])
    )


@functools.lru_cache(maxsize=1024)
def _joined(tasks: tuple[Asked, ...]) -> Asked:
    return Asked(
        tuple(
            replace(document, doc_id=f"{number}/{document.doc_id}")
            for number, task in enumerate(tasks)
            for document in task.documents
        )
    )

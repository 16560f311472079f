"""What is found when an instruction is compared with the earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

from alpaca_exp.records import Row


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A similar instruction among the earlier ones."""

    similarity: float
    """ROUGE-L F, 0 to 1."""
    id: str


@dataclass(frozen=True, slots=True)
class Similarity:
    """How an instruction compares with the earlier ones; None is what nobody counted."""

    nearest: Neighbour | None = None
    """The most similar one, the earliest where several are."""
    mean: float | None = None
    """Mean ROUGE-L F over all of them."""
    most_similar: tuple[Neighbour, ...] | None = None
    """The ten most similar, the most similar first."""

    def row(self) -> Row:
        """As the files hold it: `max` and `nearest`, and in a full record `mean` and `most_similar`."""
        row: Row = {"max": None, "nearest": None}
        if self.nearest:
            row = {"max": self.nearest.similarity, "nearest": self.nearest.id}
        if self.most_similar is not None:
            ten = [{"id": each.id, "similarity": each.similarity} for each in self.most_similar]
            row |= {"mean": self.mean, "most_similar": ten}
        return row

"""What is collected: each item of each reply is kept, or rejected with its reason, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alpaca_exp.records import Row
from alpaca_exp.schemas import TeacherConfig
from alpaca_exp.selfinstruct.filters import why_unfit
from alpaca_exp.selfinstruct.novelty import KnownInstructions, Similarity, known_instructions
from alpaca_exp.selfinstruct.parsing import Item
from alpaca_exp.selfinstruct.seed_tasks import SeedTask


@dataclass
class Pool:
    """The kept and the rejected rows so far, as `examples.jsonl` and `rejected.jsonl` hold them."""

    wanted: int
    max_similarity: float
    known: KnownInstructions
    kept: list[Row] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, teacher: TeacherConfig, seed_tasks: Sequence[SeedTask]) -> Pool:
        """An empty pool that knows the seed tasks' instructions."""
        known = known_instructions(teacher.similarity_record, teacher.max_similarity)
        for task in seed_tasks:
            known.add(task.id, task.example.instruction)
        return cls(teacher.num_examples, teacher.max_similarity, known)

    @property
    def full(self) -> bool:
        """Whether there are as many examples as wanted."""
        return len(self.kept) >= self.wanted

    def take(self, items: Sequence[Item], request: str, demonstrations: Sequence[str]) -> int:
        """Judge the items of one reply, in their order, until the pool is full. Returns how many it kept."""
        before = len(self.kept)
        for item in items:
            if self.full:
                break
            source = {"request": request, "item": item.number, "demonstrations": list(demonstrations)}
            self._judge(item, source)
        return len(self.kept) - before

    def _judge(self, item: Item, source: Row) -> None:
        example = item.example
        reason = item.reason or why_unfit(example.instruction)
        if reason is None and example.id in self._ids:
            reason = "repeated: the same instruction, input and output"
        similarity = Similarity()
        if reason is None:
            similarity = self.known.compare(example.instruction)
            nearest = similarity.nearest
            if nearest and nearest.similarity > self.max_similarity:
                reason = f"similar: to {nearest.id}"
        row = _row(item, source, similarity)
        if reason is not None:
            self.rejected.append({**row, "reason": reason})
            return
        self.kept.append(row)
        self._ids.add(example.id)
        self.known.add(example.id, example.instruction)


def _row(item: Item, source: Row, similarity: Similarity) -> Row:
    return {
        "id": item.example.id,
        "instruction": item.example.instruction,
        "input": item.example.input,
        "output": item.example.output,
        "source": source,
        "similarity": similarity.row(),
    }

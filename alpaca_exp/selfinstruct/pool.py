"""What is collected: each item of each reply is kept, or rejected with its reason, in a fixed order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from alpaca_exp.records import Row
from alpaca_exp.schemas import SimilarityRecord, TeacherConfig
from alpaca_exp.selfinstruct.filters import why_unfit
from alpaca_exp.selfinstruct.novelty import KnownInstructions, Similarity, known_instructions
from alpaca_exp.selfinstruct.parsing import Item
from alpaca_exp.selfinstruct.seed_tasks import SeedTask

UNKNOWN = Similarity()
SURPLUS = "surplus: there were teacher.num_examples already"
NOT_WORKED_OUT = "surplus: a new instruction that was not worked out"


@dataclass
class Pool:
    """The kept and the rejected rows so far, as `examples.jsonl` and `rejected.jsonl` hold them."""

    wanted: int
    max_similarity: float
    known: KnownInstructions | None
    """None: whatever is not the same row is new."""
    kept: list[Row] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    tasks: list[SeedTask] = field(default_factory=list)
    """One kept example of each new instruction: what a later prompt may show."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests that were answered, by step."""
    requests: Counter[str] = field(default_factory=Counter)
    """Those of them whose answers were read."""
    fed_back: int = 0
    """How often a prompt showed a generated task."""
    _ids: set[str] = field(default_factory=set)
    _instructions: set[str] = field(default_factory=set)
    _shown: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, teacher: TeacherConfig, seed_tasks: Sequence[SeedTask]) -> Pool:
        """An empty pool that knows the seed tasks' instructions."""
        if teacher.max_similarity >= 1:
            return cls(teacher.num_examples, teacher.max_similarity, None)
        record = SimilarityRecord.full if teacher.faithful else teacher.similarity_record
        known = known_instructions(record, teacher.max_similarity)
        for task in seed_tasks:
            known.add(task.id, task.example.instruction)
        return cls(teacher.num_examples, teacher.max_similarity, known)

    @property
    def full(self) -> bool:
        """Whether there are as many examples as wanted."""
        return len(self.kept) >= self.wanted

    def take(self, items: Sequence[Item], source: Row) -> int:
        """Judge the items of one reply, in their order; once the pool is full the rest is surplus.

        Returns how many it kept.
        """
        before = len(self.kept)
        for item in items:
            reason, similarity = (item.reason or SURPLUS, UNKNOWN) if self.full else self._why_not(item)
            self._put(item, source, reason, similarity)
        return len(self.kept) - before

    def admit(self, item: Item, source: Row) -> Similarity | None:
        """Judge an instruction alone; once admitted it counts as known. None where it is rejected."""
        reason, similarity = self._why_not(item)
        instruction = item.example.instruction
        if reason is None and instruction in self._instructions:
            reason = "repeated: the same instruction"
        if reason is not None:
            self._put(item, source, reason, similarity)
            return None
        self._remember(item)
        return similarity

    def take_instances(self, items: Sequence[Item], source: Row, similarity: Similarity) -> int:
        """Take the examples of an admitted instruction, as `take` does. Returns how many it kept."""
        before = len(self.kept)
        for item in items:
            reason = item.reason or (SURPLUS if self.full else self._repeated(item))
            self._put(item, source, reason, similarity)
        return len(self.kept) - before

    def leave(self, item: Item, source: Row, similarity: Similarity) -> None:
        """An admitted instruction that comes to nothing: the end came first."""
        self._put(item, source, NOT_WORKED_OUT, similarity)

    def _why_not(self, item: Item) -> tuple[str | None, Similarity]:
        reason = item.reason or why_unfit(item.example.instruction) or self._repeated(item)
        if reason is not None or self.known is None:
            return reason, UNKNOWN
        similarity = self.known.compare(item.example.instruction)
        nearest = similarity.nearest
        if nearest and nearest.similarity > self.max_similarity:
            return f"similar: to {nearest.id}", similarity
        return None, similarity

    def _repeated(self, item: Item) -> str | None:
        same = item.example.id in self._ids
        return "repeated: the same instruction, input and output" if same else None

    def _put(self, item: Item, source: Row, reason: str | None, similarity: Similarity) -> None:
        row = _row(item, source, similarity)
        if reason is not None:
            self.rejected.append({**row, "reason": reason})
            return
        self.kept.append(row)
        self._ids.add(item.example.id)
        instruction = item.example.instruction
        if instruction not in self._shown:
            self._shown.add(instruction)
            self.tasks.append(SeedTask(item.example.id, item.example))
        if instruction not in self._instructions:
            self._remember(item)

    def _remember(self, item: Item) -> None:
        self._instructions.add(item.example.instruction)
        if self.known is not None:
            self.known.add(item.example.id, item.example.instruction)


def _row(item: Item, source: Row, similarity: Similarity) -> Row:
    return {
        "id": item.example.id,
        "instruction": item.example.instruction,
        "input": item.example.input,
        "output": item.example.output,
        "source": {**source, "item": item.number, **({"quirks": list(item.quirks)} if item.quirks else {})},
        "similarity": similarity.row(),
    }

"""How similar an instruction is to all that came before it: ROUGE-L F, decided as rouge_score decides."""

from __future__ import annotations

from typing import Protocol

from alpaca_exp.schemas import SimilarityRecord
from alpaca_exp.selfinstruct.novelty_index import NearCopies
from alpaca_exp.selfinstruct.novelty_record import AllScores
from alpaca_exp.selfinstruct.novelty_similarity import Neighbour, Similarity

__all__ = ["KnownInstructions", "Neighbour", "Similarity", "known_instructions"]


def known_instructions(record: SimilarityRecord, max_similarity: float) -> KnownInstructions:
    """No instructions yet. Who is above `max_similarity`, and whose copy it is, both kinds tell alike."""
    match record:
        case SimilarityRecord.decision:
            return NearCopies(max_similarity)
        case SimilarityRecord.full:
            return AllScores()


class KnownInstructions(Protocol):
    """All instructions so far. They grow one at a time."""

    def add(self, id: str, instruction: str) -> None:
        """From now on `instruction` counts as known."""

    def compare(self, instruction: str) -> Similarity:
        """How `instruction` compares with all that are known, itself not among them."""

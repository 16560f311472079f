"""A conversation as lm-eval hands it to a model's chat template, as one text."""

from __future__ import annotations

from collections.abc import Sequence

from alpaca_exp import prompts
from alpaca_exp.schemas import Frame

END_OF_FRAME = prompts.framed(Frame.alpaca, "")[-len("### Response:") :]

Conversation = Sequence[dict[str, str]]


def alpaca(conversation: Conversation) -> str:
    """As one instruction in Alpaca's frame; a beginning of the answer follows it.

    A task that frames its own instructions keeps them as they are.
    """
    asked, begun = _sides(conversation)
    return (asked if asked.endswith(END_OF_FRAME) else prompts.framed(Frame.alpaca, asked)) + begun


def plain(conversation: Conversation) -> str:
    """As the instruction by itself, for a model that has a frame of its own."""
    asked, begun = _sides(conversation)
    return f"{asked}\n{begun}" if begun else asked


def _sides(conversation: Conversation) -> tuple[str, str]:
    asked = "\n\n".join(turn["content"] for turn in conversation if turn["role"] != "assistant")
    begun = "".join(turn["content"] for turn in conversation if turn["role"] == "assistant")
    return asked, begun

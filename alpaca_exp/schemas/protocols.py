"""How a teacher is asked for instruction data: Alpaca's way or self-instruct's, or with old faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alpaca_exp.schemas.fields import at_least, identity, runtime


class Protocol(Enum):
    """Who asks how: one request for whole tasks, or one step after the other."""

    alpaca = "alpaca"
    """One request lists many tasks, each with instruction, input and output."""
    self_instruct = "self_instruct"
    """New instructions; then, of each, whether it is classification; then its instances."""


@dataclass
class ProtocolConfig:
    """The part of a teacher that says what it is asked, and in which steps."""

    protocol: Protocol = identity("how data is asked for: alpaca or self_instruct", Protocol.alpaca)
    feedback: int = identity("generated tasks among the demonstrations, once there are so many", 0)
    max_instances: int = identity("self_instruct: examples taken of one instruction, at most", 5)
    max_barren_requests: int = identity(
        "stop after so many requests in a row, of any step, without a new example", 50
    )
    presence_penalty: float = identity("of the requests for new tasks, -2 to 2", 0.0)
    faithful: bool = identity("ask, read and filter as stanford_alpaca did: all quirks below together", False)
    stop_inside_text: bool = identity("quirk: the list's stop strings also end a text (`in 2020.`)", False)
    misnumbered_prompt: bool = identity("quirk: the prompt's requirements are numbered 1 2 3 2 3 4 ..", False)
    two_hashes: bool = identity("quirk: `##` ends an item as `###` does, so headings cut texts", False)
    read_by_place: bool = identity("quirk: an item counts only where its number is its place", False)
    ban_end_of_text: bool = identity("quirk: token 50256 is banned, of models that have it", False)
    retry_everything: bool = runtime(
        "quirk: repeat any failed request, a wrong key too, to its deadline", False
    )


QUIRKS = (
    "stop_inside_text",
    "misnumbered_prompt",
    "two_hashes",
    "read_by_place",
    "ban_end_of_text",
    "retry_everything",
)
"""The switches that `faithful` turns on."""
FAITHFUL = {
    "protocol": Protocol.alpaca,
    "num_demonstrations": 3,
    "feedback": 0,
    "tasks_per_request": 20,
    "temperature": 1.0,
    "top_p": 1.0,
    "max_tokens": 3072,
    "presence_penalty": 0.0,
    "max_words": 100,
    "max_similarity": 0.7,
}
"""What stanford_alpaca's generate_instruction.py has as defaults, or fixed."""


def protocol_problems(teacher: Any) -> Iterator[str]:
    """What cannot be in the part of a `TeacherConfig` that `ProtocolConfig` holds."""
    yield from at_least(teacher, "teacher", feedback=0, max_instances=1, max_barren_requests=1)
    if teacher.feedback > max(0, teacher.num_demonstrations):
        yield (
            f"teacher.feedback is {teacher.feedback}; of teacher.num_demonstrations="
            f"{teacher.num_demonstrations} shown tasks no more than these can be generated ones"
        )
    if not -2 <= teacher.presence_penalty <= 2:
        yield f"teacher.presence_penalty is {teacher.presence_penalty}; it must be between -2 and 2"
    if teacher.faithful:
        yield from _unfaithful(teacher)
    elif teacher.protocol is Protocol.self_instruct:
        for name in QUIRKS:
            if name != "retry_everything" and getattr(teacher, name):
                yield f"teacher.{name} is a quirk of teacher.protocol=alpaca; leave one of the two out"


def _unfaithful(teacher: Any) -> Iterator[str]:
    for name, value in FAITHFUL.items():
        found = getattr(teacher, name)
        if found != value:
            yield (
                f"teacher.faithful=true needs Stanford's teacher.{name}={_plain(value)}, and it is "
                f"{_plain(found)}; leave one of the two out"
            )


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value

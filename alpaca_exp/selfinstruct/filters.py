"""The filters of stanford_alpaca's generator: what a text model cannot do, or should not be asked.

Each is a function from an instruction to its reason, or None. Figures and words are those of
stanford_alpaca, generate_instruction.py (post_process_gpt3_response).
"""

from __future__ import annotations

import re
import string

FEWEST_WORDS = 4
MOST_WORDS = 150
BLOCKED_WORDS = (
    "image",
    "images",
    "graph",
    "graphs",
    "picture",
    "pictures",
    "file",
    "files",
    "map",
    "maps",
    "draw",
    "plot",
    "go to",
    "video",
    "audio",
    "music",
    "flowchart",
    "diagram",
)
_BLOCKED = re.compile(rf"\b({'|'.join(BLOCKED_WORDS)})\b", re.IGNORECASE)


def why_unfit(instruction: str) -> str | None:
    """The first reason against `instruction`, or None where nothing speaks against it."""
    return next(filter(None, (rule(instruction) for rule in FILTERS)), None)


def is_too_short(instruction: str) -> str | None:
    """Three words or fewer say too little."""
    count = len(instruction.split())
    return f"too short: {count} words" if count < FEWEST_WORDS else None


def is_too_long(instruction: str) -> str | None:
    """More than 150 words are a text, not an instruction."""
    count = len(instruction.split())
    return f"too long: {count} words" if count > MOST_WORDS else None


def needs_more_than_text(instruction: str) -> str | None:
    """It names an image, a sound, a file or an action that a text model cannot have or do."""
    found = _BLOCKED.search(instruction)
    return f"blocked word: {found[1].lower()}" if found else None


def asks_for_a_program(instruction: str) -> str | None:
    """`Write a program` leaves open whether code or its result is wanted."""
    return "asks for a program" if instruction.startswith("Write a program") else None


def starts_with_punctuation(instruction: str) -> str | None:
    """A reply that was split in the wrong place."""
    return "starts with punctuation" if instruction[:1] in tuple(string.punctuation) else None


def starts_outside_ascii(instruction: str) -> str | None:
    """Not an English instruction."""
    return "starts with a non-ASCII character" if not instruction[:1].isascii() else None


FILTERS = (
    is_too_short,
    is_too_long,
    needs_more_than_text,
    asks_for_a_program,
    starts_with_punctuation,
    starts_outside_ascii,
)

"""Reading a list as stanford_alpaca's code does: an item is known by its place, or is none.

After generate_instruction.py (post_process_gpt3_response): the reply is split at `###`, wherever that
stands; the n-th piece must hold exactly the three headings of number n. So a heading in Markdown cuts
an output in two, and all items behind it stand one place too far on and are lost.
"""

from __future__ import annotations

import re
from dataclasses import replace

from alpaca_exp.prompts import NO_INPUT
from alpaca_exp.records import Completion, Example
from alpaca_exp.selfinstruct.parsing import CUT_OFF, Item

TWO_HASHES = "two_hashes"
BY_PLACE = "read_by_place"
MISPLACED = "malformed: not the three headings of its place in the list"


def read_by_place(completion: Completion, shown: int, two_hashes: bool) -> list[Item]:
    """Every piece of the reply to a prompt that showed `shown` items; those that are no item say why.

    These are marked. With `two_hashes` a lone `##` separates as `###` does; the pieces on both sides of
    one are marked too.
    """
    text = f"{shown + 1}. Instruction:{completion.text}"
    parts = re.split(r"(#{2,})" if two_hashes else r"(###)", text)
    pieces, separators = parts[::2], ["", *parts[1::2], ""]
    items = []
    for place, piece in enumerate(pieces):
        item = _item(place, piece, shown + 1 + place)
        beside = (TWO_HASHES,) if "##" in separators[place : place + 2] else ()
        items.append(replace(item, quirks=(*item.quirks, *beside)))
    if completion.finish_reason == "length":
        items[-1] = replace(items[-1], reason=CUT_OFF)
    return items


def _item(place: int, piece: str, number: int) -> Item:
    parts = re.split(rf"{number}\.\s+(?:Instruction|Input|Output):", piece)
    if len(parts) != 4:
        return Item(place, Example("", piece.strip()), MISPLACED, (BY_PLACE,))
    instruction, given, output = (part.strip() for part in parts[1:])
    return Item(place, Example(instruction, output, "" if given.lower() == NO_INPUT else given))

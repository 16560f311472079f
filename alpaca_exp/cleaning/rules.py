"""The cleaning rules by name: each a pure function that reads one example and gives its reason."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from alpaca_exp.cleaning import arithmetic, characters, code, inputs, merged, outputs, unseen
from alpaca_exp.errors import ConfigError
from alpaca_exp.records import Example

Removal = Callable[[Example], str | None]
"""The reason to leave the example out, or None."""
Repair = Callable[[Example], tuple[Example, str] | None]
"""The mended example and what was wrong, or None."""


class Category(Enum):
    """The ten kinds of defects that AlpacaDataCleaned lists."""

    unseen_source = "hallucinated access to the web or pictures"
    merged = "merged instructions"
    empty_output = "empty output"
    empty_code = "empty code example"
    image_request = "asks to make an image"
    not_available = "N/A output"
    inconsistent_input = "inconsistent input field"
    wrong_answer = "wrong answer"
    nonsense = "nonsensical instruction"
    stray_characters = "stray escape or control characters"


@dataclass(frozen=True)
class Rule:
    """One cleaning rule: it removes, or it repairs."""

    name: str
    category: Category
    removes: Removal | None = None
    repairs: Repair | None = None


RULES = (
    Rule("control_characters", Category.stray_characters, repairs=characters.without_control_characters),
    Rule("placeholder_input", Category.inconsistent_input, repairs=inputs.without_placeholder),
    Rule("repeated_input", Category.inconsistent_input, repairs=inputs.without_repetition),
    Rule("empty_output", Category.empty_output, removes=outputs.is_empty),
    Rule("not_available", Category.not_available, removes=outputs.is_not_available),
    Rule("prompt_marker", Category.not_available, removes=outputs.holds_a_prompt_marker),
    Rule("model_refuses", Category.not_available, removes=outputs.says_it_cannot_be_done),
    Rule("copied_instruction", Category.wrong_answer, removes=outputs.copies_the_instruction),
    Rule("copied_input", Category.wrong_answer, removes=outputs.copies_the_input),
    Rule("merged_instances", Category.merged, removes=merged.holds_another_instance),
    Rule("unread_page", Category.unseen_source, removes=unseen.refers_to_an_unread_page),
    Rule("unseen_picture", Category.unseen_source, removes=unseen.refers_to_an_unseen_picture),
    Rule("image_request", Category.image_request, removes=unseen.asks_for_an_image),
    Rule("wrong_sum", Category.wrong_answer, removes=arithmetic.states_a_wrong_result),
    Rule("empty_code", Category.empty_code, removes=code.is_empty_code),
    Rule("no_instruction", Category.nonsense, removes=inputs.has_no_instruction),
)
"""Repairs come first, so that removals see what would stay. Among removals the first reason counts;
the set of rows that stay does not depend on their order."""


def chosen(names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of these names, in the registry's order; `all` for every one.

    Raises ConfigError, naming the nearest rule, for a name that is none.
    """
    known = [rule.name for rule in RULES]
    problems = [_unknown(name, known) for name in names if name not in (*known, "all")]
    if problems:
        raise ConfigError(problems)
    return tuple(rule for rule in RULES if "all" in names or rule.name in names)


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, [*known, "all"], n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"the rules are {', '.join(known)}, or all"
    return f"dataset_variant.rules names {name}, which is no rule; {hint}"

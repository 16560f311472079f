"""The cleaning rules: a table of names, categories and reasons, each with its pure function."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from alpaca_exp.cleaning.arithmetic import states_a_wrong_result
from alpaca_exp.cleaning.calculations import does_not_say_the_result, without_wrong_number
from alpaca_exp.cleaning.characters import without_control_characters
from alpaca_exp.cleaning.code import describes_code_instead
from alpaca_exp.cleaning.inputs import has_nothing_to_summarize, lacks_its_input, without_placeholder
from alpaca_exp.cleaning.merged import without_markers, without_other_instances
from alpaca_exp.cleaning.outputs import (
    copies_the_prompt,
    is_empty,
    is_not_available,
    says_it_cannot_be_done,
)
from alpaca_exp.cleaning.pictures import (
    asks_for_an_image,
    links_to_a_picture,
    refers_to_an_unseen_picture,
)
from alpaca_exp.cleaning.sorting import is_in_another_order
from alpaca_exp.cleaning.web import asks_for_what_is_so_today, refers_to_an_unread_page
from alpaca_exp.errors import ConfigError
from alpaca_exp.records import Example

Removal = Callable[[Example], str | None]
"""The reason to leave the example out, or None."""
Repair = Callable[[Example], tuple[Example, str] | None]
"""The mended example and what was wrong, or None."""
ALL = "all"


class Category(Enum):
    """The ten kinds of defects that AlpacaDataCleaned lists."""

    unseen_sources = "hallucinated access to the web or pictures"
    merged_instructions = "merged instructions"
    empty_outputs = "empty output"
    empty_code = "empty code example"
    image_requests = "asks to make an image"
    unavailable_outputs = "N/A output"
    inconsistent_inputs = "inconsistent input field"
    wrong_answers = "wrong answer"
    nonsensical_instructions = "nonsensical instruction"
    stray_characters = "stray escape or control characters"


@dataclass(frozen=True)
class Rule:
    """One cleaning rule: it removes, or it repairs."""

    name: str
    category: Category
    why: str
    """The defect, in one sentence."""
    removes: Removal | None = None
    repairs: Repair | None = None
    off: str = ""
    """Why `all` does not take the rule; empty where it does."""
    order_independent: bool = True
    """Whether the rows that stay read the same wherever the rule stands among the others."""

    def finds(self, example: Example) -> str | None:
        """What is wrong with this example; None where the rule finds nothing."""
        if self.removes:
            return self.removes(example)
        repair = self.repairs(example) if self.repairs else None
        return repair[1] if repair else None

    @property
    def action(self) -> str:
        """What the rule does with a row: "remove" or "repair"."""
        return "remove" if self.removes else "repair"

    @property
    def default(self) -> bool:
        """Whether `all` takes the rule."""
        return not self.off


RULES = (
    Rule(
        "control_characters",
        Category.stray_characters,
        "Control characters and invisible marks stand in the text.",
        repairs=without_control_characters,
        order_independent=False,
        off="neither of the two labelled rows was changed by people; they are seldom seen and do little harm",
    ),
    Rule(
        "placeholder_input",
        Category.inconsistent_inputs,
        "The input says that there is none, where it should be empty.",
        repairs=without_placeholder,
    ),
    Rule(
        "merged_instances",
        Category.merged_instructions,
        "The output runs on into the next task of the teacher's list; it is cut there.",
        repairs=without_other_instances,
        order_independent=False,
    ),
    Rule(
        "prompt_marker",
        Category.unavailable_outputs,
        "`<noinput>` or `<nooutput>`, which belong to the teacher's prompt, stand in the output.",
        repairs=without_markers,
        order_independent=False,
    ),
    Rule(
        "wrong_number",
        Category.wrong_answers,
        "The output is a number alone, and not the result of the sum or mean that the prompt asks for.",
        repairs=without_wrong_number,
    ),
    Rule("empty_output", Category.empty_outputs, "The output holds nothing.", removes=is_empty),
    Rule(
        "not_available",
        Category.unavailable_outputs,
        "The output only says that there is none.",
        removes=is_not_available,
    ),
    Rule(
        "model_refuses",
        Category.unavailable_outputs,
        "The output says that a language model cannot do this.",
        removes=says_it_cannot_be_done,
    ),
    Rule(
        "copied_prompt",
        Category.wrong_answers,
        "The output is the instruction over again, or the unchanged input where a change was asked for.",
        removes=copies_the_prompt,
    ),
    Rule(
        "wrong_sum",
        Category.wrong_answers,
        "An equation in the output is wrong, or the result that the prompt asks for is not in it.",
        removes=lambda example: states_a_wrong_result(example) or does_not_say_the_result(example),
    ),
    Rule(
        "wrong_order",
        Category.wrong_answers,
        "A list that was to be sorted is not in the order asked for.",
        removes=is_in_another_order,
    ),
    Rule(
        "unread_page",
        Category.unseen_sources,
        "The answer depends on a page that is only linked, or on a search of the web.",
        removes=refers_to_an_unread_page,
    ),
    Rule(
        "unseen_picture",
        Category.unseen_sources,
        "The answer depends on a picture that the row does not hold.",
        removes=refers_to_an_unseen_picture,
    ),
    Rule(
        "picture_link",
        Category.unseen_sources,
        "The output links to a picture, which a language model can only have made up.",
        removes=links_to_a_picture,
    ),
    Rule(
        "live_data",
        Category.unseen_sources,
        "The answer depends on today's weather, prices or news, or on what is near.",
        removes=asks_for_what_is_so_today,
        off="people kept most of the labelled rows in the data of March",
    ),
    Rule(
        "image_request",
        Category.image_requests,
        "The instruction asks for an image, which text cannot be.",
        removes=asks_for_an_image,
    ),
    Rule(
        "described_code",
        Category.empty_code,
        "A page, an app or a program was to be made, and the output only describes it.",
        removes=describes_code_instead,
        off="people kept most of the labelled rows in the data of March",
    ),
    Rule(
        "missing_input",
        Category.nonsensical_instructions,
        "The instruction points at something that follows, and there is no input.",
        removes=lacks_its_input,
        off="two labelled rows, of which people kept one, are too few to tell",
    ),
    Rule(
        "nothing_to_summarize",
        Category.nonsensical_instructions,
        "An article is to be summed up of which the row holds a title or one sentence.",
        removes=has_nothing_to_summarize,
        off="people kept most of the labelled rows in the data of March",
    ),
)
"""Repairs come first, so that removals see what would stay. The three that take something out of an output
keep this order among themselves, since each leaves a blank more or less to the next. The order of the
others does not matter; of several reasons to remove a row the first is noted."""


def chosen(names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of these names, in the registry's order.

    A name is a rule's or a category's, or `all` for every rule that is on by default; with a minus
    before it, it leaves out. Raises ConfigError with a sentence for each name that is none of these.
    """
    problems = [sentence for name in names for sentence in _problems(name)]
    left_out = [name[1:] for name in names if name.startswith("-")]
    taken = [name for name in names if not name.startswith("-")]
    if left_out and not taken:
        problems.append(
            f"dataset_variant.rules only leaves out ({', '.join(names)}); say of what, as in "
            f"[{ALL}, {', '.join(names)}]"
        )
    if problems:
        raise ConfigError(problems)
    return tuple(rule for rule in RULES if _named(rule, taken) and not _named(rule, left_out))


def _named(rule: Rule, names: Sequence[str]) -> bool:
    return rule.name in names or rule.category.name in names or (rule.default and ALL in names)


def _problems(name: str) -> list[str]:
    known = [ALL, *(rule.name for rule in RULES), *(category.name for category in Category)]
    bare = name.removeprefix("-")
    if bare in known:
        return []
    near = difflib.get_close_matches(bare, known, n=1, cutoff=0.4)
    minus = name[: len(name) - len(bare)]
    rules = ", ".join(known[1 : len(RULES) + 1])
    hint = f"did you mean {minus}{near[0]}?" if near else f"the rules are {rules}"
    return [f"dataset_variant.rules names {name}, which is no rule and no category; {hint}"]

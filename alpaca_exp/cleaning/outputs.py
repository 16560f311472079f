"""Rules about outputs that are no answer: empty, not available, refusals, copies of the prompt."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_NOT_AVAILABLE = re.compile(
    r"\W*(?:n/a|not applicable|not available"
    r"|no ?(?:out|in)put(?: (?:is |was )?(?:required|needed|necessary|expected|possible|provided))?"
    r"|i (?:do not|don['\u2019]t) know|no answer|no response|none|null|nil|nan)\W*"
    r"|(?:n/a\b|\W*no ?output\b).*",
    re.IGNORECASE | re.DOTALL,
)
_SUBJECT = (
    r"(?:(?:this|the|such|these|this type of|these types of) (?:instruction|task|request|question|output)s?"
    r"|(?:the|an?) ?(?:gpt|language|ai|text)[\w -]{0,40}?(?:model|assistant)s?"
    r"|gpt(?:-?\d)?(?: language)? models?"
    r"|i(?:'m| am)?|sorry,? (?:this|i|but i))"
)
_CANNOT = re.compile(
    rf"(?:^|[.,(;:\n]\s*|\b(?:as|because|since) ){_SUBJECT},? "
    r"(?:(?:currently|unfortunately) )?(?:cannot|can't|can not|could not|is not possible|is not suitable"
    r"|(?:is |am |are )?(?:not able|unable) to) "
    r"(?:be (?:completed|fulfilled|done|answered|performed|carried|executed|processed)"
    r"|complete|fulfil|perform|for an? "
    r"|(?:create|produce|generate|provide|draw|make|render|show|display|play|access|take|do) "
    r"(?:any |a |an |the |this |that |such )*"
    r"(?:visual|image|picture|graphic|drawing|logo|chart|graph|diagram|audio|music|video|action|sound"
    r"|physical|task))",
    re.IGNORECASE,
)
_ABOUT_MODELS = re.compile(r"\b(?:gpt|language model|ai|this system)\b", re.IGNORECASE)
_CHANGE = re.compile(
    r"\b(?:chang|convert|delet|edit|expand|fix|improv|make|modif|paraphras|re-?word|re-?writ|re-?phras"
    r"|remov|replac|restructur|revis|shorten|simplif|summar|transform|translat|turn|updat|add|insert"
    r"|create|construct|generate|design|identif|classif|explain|describ|find|select|choose|match)\w*",
    re.IGNORECASE,
)
_UNCHANGED = re.compile(
    r"\b(?:read|repeat|copy|print|echo|say|output the|if|whether|any|sort|order|arrange|necessary|correct"
    r"|incorrect|grammar|proofread|errors?|mistakes?|list|sequence)\b",
    re.IGNORECASE,
)


def is_empty(example: Example) -> str | None:
    """An output of nothing but blanks."""
    return None if example.output.strip() else "the output is empty"


def is_not_available(example: Example) -> str | None:
    """An output that only says that there is none: 'N/A', 'No output required', 'I do not know'."""
    if not _NOT_AVAILABLE.fullmatch(example.output) or _asked_for(example):
        return None
    return f"the output only says {_shown(example.output)}"


def says_it_cannot_be_done(example: Example) -> str | None:
    """An output that says, instead of an answer, that a language model cannot do this."""
    if len(example.output) > 600 or _ABOUT_MODELS.search(f"{example.instruction} {example.input}"):
        return None
    found = _CANNOT.search(example.output)
    return f"the output is a refusal: {_shown(found[0].strip(' .,(;:'))}" if found else None


def copies_the_prompt(example: Example) -> str | None:
    """An output that is the instruction over again, or the input where the instruction asks for a change."""
    output = example.output.strip()
    as_long = abs(len(output) - len(example.instruction)) <= 20
    if as_long and _words(output) == _words(example.instruction) != []:
        return "the output repeats the instruction"
    if not output or output != example.input.strip():
        return None
    may_stay = _UNCHANGED.search(example.instruction) or not _CHANGE.search(example.instruction)
    return None if may_stay else "the output repeats the input, though the instruction asks for another text"


def _asked_for(example: Example) -> bool:
    """Whether the prompt itself offers this very answer, as in 'positive, negative or none'."""
    said = re.sub(r"\W+", " ", example.output.lower()).strip()
    asked = re.sub(r"\W+", " ", f"{example.instruction} {example.input}".lower())
    return f" {said} " in f" {asked} "


def _shown(text: str) -> str:
    return repr(text.strip()[:60])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())

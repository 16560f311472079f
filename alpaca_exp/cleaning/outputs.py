"""Rules about outputs that are no answer: empty, N/A, markers of the prompt, refusals, copies."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_NOT_AVAILABLE = re.compile(
    r"\W*(?:n/a|not applicable|not available"
    r"|no ?(?:out|in)put(?: (?:is |was )?(?:required|needed|expected|possible))?"
    r"|i (?:do not|don['\u2019]t) know|no answer|no response|none|null|nil|nan)\W*|n/a\b.*",
    re.IGNORECASE | re.DOTALL,
)
_MARKER = re.compile(r"<\s*no[ _]?(?:in|out)put\s*>|^\W*no ?output\b", re.IGNORECASE)
_UNCHANGED = re.compile(
    r"\b(?:read|repeat|copy|print|echo|say|if|whether|any|sort|order|arrange)\b", re.IGNORECASE
)
_SUBJECT = (
    r"(?:(?:this|the|such|these|this type of|these types of) (?:instruction|task|request|question|output)s?"
    r"|(?:the|an?) ?(?:gpt|language|ai|text)[\w -]*?(?:model|assistant)s?"
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


def is_empty(example: Example) -> str | None:
    """An output of nothing but blanks."""
    return None if example.output.strip() else "the output is empty"


def is_not_available(example: Example) -> str | None:
    """An output that only says that there is none: 'N/A', 'No output required', 'I do not know'."""
    if _NOT_AVAILABLE.fullmatch(example.output) and not _asked_for(example):
        return f"the output only says {example.output.strip()[:40]!r}"
    return None


def holds_a_prompt_marker(example: Example) -> str | None:
    """`<noinput>` or `<nooutput>`, which belong to the teacher's prompt, in the output."""
    found = _MARKER.search(example.output)
    return f"the output holds {found[0].strip()!r}" if found else None


def says_it_cannot_be_done(example: Example) -> str | None:
    """An output that says, instead of an answer, that a language model cannot do this."""
    found = _CANNOT.search(example.output) if len(example.output.split()) <= 60 else None
    return f"the output says that it {found[0].strip(' .,(;:')!r}"[:120] if found else None


def copies_the_instruction(example: Example) -> str | None:
    """An output that is the instruction over again."""
    same = _words(example.output) == _words(example.instruction) != []
    return "the output repeats the instruction" if same else None


def copies_the_input(example: Example) -> str | None:
    """An output that is the input over again, where the instruction asks for a change."""
    if not example.input or example.output.strip() != example.input.strip():
        return None
    return None if _may_stay(example.instruction) else "the output repeats the input"


def _asked_for(example: Example) -> bool:
    asked = f"{example.instruction} {example.input}".lower()
    return example.output.strip(" .").lower() in asked


def _may_stay(instruction: str) -> bool:
    """Whether the right answer may be the input itself."""
    return bool(_UNCHANGED.search(instruction))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())

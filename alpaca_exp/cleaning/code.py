"""Rules about code that was asked for and not written."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_WANTED = (
    r"(?:(?:computer|software|python|java|c\+\+) programs?|functions?|code|web ?pages?|web ?sites?|apps?"
    r"|applications?|user interface|interface|chatbot|landing page|home ?page|software)"
)
_MAKE = re.compile(
    r"^\W*(?:please )?(?:create|design|develop|build|write|construct|generate|implement|code|make|program)\b"
    r"(?: me)? (?:an?|the|some) (?:example of an? )?"
    rf"(?:(?!(?:for|of|to|in|on|with|that|about|and)\b)[\w'-]+ ){{0,4}}?{_WANTED}"
    r"(?=$|[.,:;?!\n]| "
    r"(?:for|that|which|to|about|in|using|with|of|where)\b)",
    re.IGNORECASE,
)
_WORDS_WANTED = re.compile(
    r"\b(?:plan|outline|description|describe|explain|text|story|names?|slogan|essay|proposal|report|list|ideas?"
    r"|strategy|concept|tutorial|policy|instructions|guide|steps|summary|pseudo-?code|flow ?chart|content"
    r"|copy|review|advert\w*|headline|title|tagline)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"```|<\/?\w+[^>\n]*>|\bdef \w+|\bimport \w+|[;{}]\s*$|\w\([^)\n]*\)|^\s*(?:if|for|while|else)\b.*:\s*$"
    r"|=\s*[\w\"'\[]|\bSELECT\b|\bprint\b|^\s*(?:#|//)|\bfunction\s*\w*\(",
    re.MULTILINE,
)
_PROMISE = re.compile(
    r"\b(?:should|would|could|will|can|may|must|might|contains|includes|consists|features|is designed)\b"
)


def describes_code_instead(example: Example) -> str | None:
    """A program, a page or an interface is to be made; the output says what it would be like."""
    found = _MAKE.search(example.instruction)
    if not found or _WORDS_WANTED.search(example.instruction) or _CODE.search(example.output):
        return None
    if len(example.output.split()) < 10 or not _PROMISE.search(example.output[:300]):
        return None
    return f"{found[0].strip()[:60]!r} is asked for, and the output only describes it"

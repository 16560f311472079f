"""Rules about what no single text holds: pages that were never read, and what is so only today."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_URL = re.compile(r"https?://\S+|\bwww\.\S+\.\S+", re.IGNORECASE)
_OWN_TEXT = 25
"""Words beside the link, from which on the input may hold what is asked about."""
_ABOUT_THE_LINK = re.compile(
    r"\b(?:hyper ?links?|html|code|script|crawler|scraper?|regex\w*|algorithm|function|program|query"
    r"|domain|protocol|cite|citation|mla|apa|bibliograph\w+|bookmark|shorten|encode|decode|parse"
    r"|test cases?|valid|format|e-?mail|letter|replace|broken)\b",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"\b(?:summari[sz]\w*|summary|article|web ?page|web ?site|page|read|points?|idea|analy[sz]e|review"
    r"|evaluate|extract|describe|identify|caption|compare|classify|headline|blog|video|story|song"
    r"|critique|rate|painting|photo|image|who|what|which)\b",
    re.IGNORECASE,
)
_WEB_ACTION = re.compile(
    r"\b(?:(?:search|browse|scour|surf) (?:the|through the|on the) (?:web|internet)"
    r"|look (?:it |this |that )?up (?:on|in|online)\b|search online|google (?:search )?(?:for|the)"
    r"|go to the (?:web ?site|following (?:url|link))"
    r"|(?:visit|open|click(?: on)?|launch) (?:this|the|a|that)[\w ]{0,30} "
    r"(?:link|url|web ?site|web ?page))\b",
    re.IGNORECASE,
)
_TODAY = re.compile(
    r"\bnearest (?:airport|restaurant|hospital|station|hotel|store|shop|bank|gas|coffee|pharmacy|park|atm)\w*"
    r"|\b(?:current|today'?s|latest|live|real-time) (?:weather|temperature|stock|share|exchange|price|news"
    r"|headlines?|traffic|score|market (?:price|situation)|date and time|time in)\w*"
    r"|\bstock price of\b[^.]{0,60}\b(?:today|now)\b|\bweather forecast (?:for|in)\b"
    r"|\bweather\b[^.]{0,40}\b(?:today|tomorrow|right now|next)\b"
    r"|\b(?:lowest|cheapest|best) (?:price|flight|fare|deal)s? (?:on|for|from)\b",
    re.IGNORECASE,
)
_MADE_UP = re.compile(
    r"\b(?:write|program|app|application|function|code|script|api|query|sql|story|poem|dialogue|sentence|essay"
    r"|conversation|website|web ?page|device|classify|how (?:does|do|is|are|can)|explain|tips|ways|model"
    r"|algorithm|system|translate|rewrite|paraphrase|edit|question|given the|if the|dialog|tagline|tweet"
    r"|dashboard|figurative|metaphor|clothing|activities|keep up)\b",
    re.IGNORECASE,
)


def refers_to_an_unread_page(example: Example) -> str | None:
    """The answer would need a page that is only linked, or an act on the web."""
    if found := _WEB_ACTION.search(example.instruction):
        return f"the instruction asks to {found[0].lower()!r}"
    if "://" not in example.input + example.instruction and "www." not in example.input + example.instruction:
        return None
    url = _URL.search(f"{example.instruction}\n{example.input}")
    asked = _URL.sub(" ", example.instruction)
    if not url or _ABOUT_THE_LINK.search(asked) or not _CONTENT.search(asked):
        return None
    if len(_URL.sub(" ", example.input).split()) > _OWN_TEXT:
        return None
    return f"the answer depends on the page {url[0][:60]}"


def asks_for_what_is_so_today(example: Example) -> str | None:
    """Weather, prices, news of today, or the place that is nearest: no model has read them."""
    found = _TODAY.search(example.instruction)
    if not found or len(example.input) > 120 or _MADE_UP.search(example.instruction):
        return None
    return f"no model has read what is asked for: {found[0].lower()!r}"

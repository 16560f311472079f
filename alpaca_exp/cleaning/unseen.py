"""Rules about what no text can show: pages that were never read, pictures never seen, images asked for."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_URL = re.compile(r"https?://\S+|\bwww\.\S+\.\S+", re.IGNORECASE)
_READING = re.compile(
    r"\b(?:summari[sz]e|summary|article|web ?page|web ?site|read|key points?|main (?:idea|point)s?"
    r"|analy[sz]e|review|evaluate|extract|describe|identify|find|caption|compare|classify|headline"
    r"|post|blog|video|link|list|what|story)\b",
    re.IGNORECASE,
)
_WEB_ACTION = re.compile(
    r"\b(?:(?:search|browse) the (?:web|internet)|look (?:it )?up online"
    r"|go to the (?:web ?site|following (?:url|link))"
    r"|(?:visit|open|click) (?:this|the|a|that)[\w ]* (?:link|url|web ?site|web ?page))\b",
    re.IGNORECASE,
)
_PICTURE = (
    r"(?:image|picture|photo|photograph|painting|chart|graph|diagram|drawing|video|meme|screenshot"
    r"|logo|map|artwork)"
)
_SHOWN = re.compile(
    r"\b(?:(?:this|the (?:given|following|attached|provided|accompanying|above|below|supplied)"
    r"|given (?:this|an?|the(?: following)?)|following|attached|provided) "
    rf"(?:[\w-]+ ){{0,2}}{_PICTURE}s?|(?:in|from|of) (?:this|the) {_PICTURE})\b",
    re.IGNORECASE,
)
_FILE = re.compile(
    rf"[<\[(]\s*(?:[\w ]* )?{_PICTURE}\b[^>\])]*[>\])]"
    r"|\.(?:jpe?g|png|gif|bmp|svg|webp|mp[34]|wav)\b|!\[[^\]]*\]\(",
    re.IGNORECASE,
)
_MAKE = re.compile(
    r"^\W*(?:please )?(?:draw|sketch|paint|illustrate|design|create|generate|make|produce|render"
    r"|construct|build|print)\b(?: me)?"
    r"(?: (?:a|an|the|some|one|two|three|\d+|new|simple))* (?:[\w\u2019'-]+ ){0,3}?"
    r"(?:logo|icon|image|picture|photo|drawing|painting|sketch|illustration|portrait|collage|gif"
    r"|3d model|poster design|cartoon|pictogram|infographic|animation|meme|wallpaper|heatmap"
    r"|piece of art|artwork|visualization|histogram)s?\b",
    re.IGNORECASE,
)
_DRAW = re.compile(
    r"^\W*(?:please )?(?:draw|sketch|paint|illustrate|photograph|crop|render|handwrite)\b", re.IGNORECASE
)
_ABOUT = re.compile(
    r"\b(?:conclusion|inference|comparison|distinction|attention|program|code|function|script|html|css"
    r"|python|query|algorithm|slogan|tagline|name|caption|title|text|words?|sentence|paragraph|story"
    r"|poem|essay|description|describe|ascii|prompt|list|ideas?|questions?|recognition|classif\w+"
    r"|processing|system|model to|network|app|website|database)\b",
    re.IGNORECASE,
)


def refers_to_an_unread_page(example: Example) -> str | None:
    """The answer would need a page that is only linked, or an act on the web."""
    if found := _WEB_ACTION.search(example.instruction):
        return f"the instruction asks to {found[0].lower()!r}"
    prompt = f"{example.instruction}\n{example.input}"
    url = _URL.search(prompt)
    if not url or len(_URL.sub("", example.input).split()) > 25:
        return None
    return f"the answer depends on the page {url[0][:60]}" if _READING.search(example.instruction) else None


def refers_to_an_unseen_picture(example: Example) -> str | None:
    """The instruction speaks of a picture that the row does not hold, or the fields name a picture's file."""
    if found := _FILE.search(f"{example.input}\n{example.output}"):
        code = "<img" in example.output or _is_code(example)
        return None if code else f"a picture stands in for text: {found[0][:40]!r}"
    found = _SHOWN.search(example.instruction)
    if not found or len(example.input.split()) > 12 or _ABOUT.search(example.instruction):
        return None
    return f"the instruction speaks of {found[0]!r}, which the row does not hold"


def asks_for_an_image(example: Example) -> str | None:
    """The instruction asks to make an image, which text cannot be."""
    found = _DRAW.search(example.instruction) or _MAKE.search(example.instruction)
    if not found or _ABOUT.search(example.instruction) or _is_code(example):
        return None
    return f"the instruction asks for an image: {found[0].strip()[:60]!r}"


def _is_code(example: Example) -> bool:
    return bool(re.search(r"```|</\w+>|\bdef \w+\(|\bimport \w+|[;{}]\s*$", example.output, re.MULTILINE))

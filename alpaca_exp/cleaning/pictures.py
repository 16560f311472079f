"""Rules about pictures: those that a text speaks of but cannot show, and those that it is asked to make."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_PICTURE = (
    r"(?:images?|pictures?|photos?|photographs?|paintings?|charts?|graphs?|diagrams?|drawings?|videos?|memes?"
    r"|screenshots?|maps?|artworks?|cartoons?|comics?|gifs?|sketch|figures?)"
)
_SHOWN = re.compile(
    r"\b(?:(?:this|these|the (?:given|following|attached|provided|accompanying|above|below|supplied)"
    r"|given (?:this|an?|the(?: following)?)|following|attached|provided) "
    rf"(?:[\w-]+ ){{0,2}}{_PICTURE}|(?:in|from|of) (?:this|the) {_PICTURE}"
    rf"|the {_PICTURE} (?:below|above|shown|attached))\b(?! (?:titled|called|named|by|contest|editing))",
    re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"!\[[^\]]*\]\(|<img\b"
    rf"|[<\[(]\s*(?:(?:insert|attach(?:ed)?|link to|an?|the|your)\b\s*)*(?:[\w-]+ ){{0,2}}{_PICTURE}"
    r"(?:\b[^>\])\n]{0,80})?[>\])]"
    rf"|\battach(?:ed)?\b(?: the| an?)? {_PICTURE}"
    r"|\w\.(?:jpe?g|png|gif|bmp|webp|mp[34]|wav)\b",
    re.IGNORECASE,
)
_LINKED = re.compile(
    r"!\[[^\]\n]{0,200}\]\(([^)\n]{1,500})\)|https?://\S{1,500}\.(?:jpe?g|png|gif|bmp|webp)\b", re.IGNORECASE
)
_NAMED = re.compile(r"[\"\u201c\u2018]\w|\b(?:by|of) [A-Z][a-z]+|['\u2019]s \W?[A-Z]|\d[\d,.]*\D+\d")
"""A work that has a title or a painter is known by it; numbers are data that a text can hold."""
_TEXT_ABOUT = re.compile(
    r"\b(?:conclusion|inference|comparison|distinction|attention|program|code|function|script|html|css"
    r"|python|query|algorithm|slogan|tagline|name|caption|title|text|words?|sentence|paragraph|story"
    r"|poem|essay|description|describe|ascii|prompt|list|ideas?|questions?|recognition|classif\w+"
    r"|processing|system|model to|network|app|website|database|character sketch|biograph\w+"
    r"|example|difference|differences|concept|how|why|plot|song|metaphor)\b",
    re.IGNORECASE,
)
_DRAW = re.compile(
    r"^\W*(?:please )?(?:draw|sketch|paint|illustrate|photograph|crop|render|handwrite|doodle)\b",
    re.IGNORECASE,
)
_IMAGE = (
    r"(?:logo|icon|image|picture|photo|photograph|drawing|painting|sketch|illustration|portrait|collage|gif"
    r"|3d model|poster|cartoon|pictogram|infographic|animation|meme|wallpaper|heat ?map|mural|doodle"
    r"|(?:piece|work) of art|artwork|graphic|visual|banner|flyer|mascot)s?"
)
_MAKE = re.compile(
    r"^\W*(?:please )?(?:design|create|generate|make|produce|render|construct|build|print)\b(?: me)?"
    r"(?: (?:a|an|the|some|one|two|three|\d+|new|simple))* (?:[\w\u2019'-]+ ){0,3}?"
    rf"{_IMAGE}(?: design| artwork| collage)?(?:$|[.,:;?!\n]|\s+(?:of|for|that|which|with|to|in|using|about"
    r"|from|showing|show|depicting|representing|based|on|and|inspired|displaying|illustrating|featuring"
    r"|summari[sz]ing|called|by|named|including|promoting|advertising|where)\b)",
    re.IGNORECASE,
)
_CODE = re.compile(r"```|</\w+>|\bdef \w+\(|\bimport \w+|[;{}]\s*$", re.MULTILINE)
_LABEL = 3
"""Words of input that can be no more than a label; with more, the input describes the picture."""
_ALONE = 40
"""Words of input beside a stand-in, from which on the text itself may be what is asked about."""


def refers_to_an_unseen_picture(example: Example) -> str | None:
    """The row needs a picture, and holds at most a stand-in for it, as in '[photo of a bridge]'."""
    found = _STAND_IN.search(example.input)
    if found and len(example.input.split()) <= _ALONE and not _CODE.search(example.output):
        return f"a picture's place is taken by {found[0][:40]!r}"
    found = _SHOWN.search(example.instruction)
    if not found or _describes(example.input) or _NAMED.search(f"{example.instruction} {example.input}"):
        return None
    return f"the instruction speaks of {found[0]!r}, which the row does not hold"


def _describes(input: str) -> bool:
    """Whether the input says what is to be seen, or is a work's name ("Starry Night")."""
    words = input.split()
    return len(words) > _LABEL or (bool(words) and all(word[0].isupper() for word in words))


def links_to_a_picture(example: Example) -> str | None:
    """The output links to a picture that the prompt does not name, and so was made up.

    A stand-in in brackets, as in '[photo of the product]', may be meant for others to fill in.
    """
    found = _LINKED.search(example.output)
    if not found or (found[1] or found[0]) in f"{example.instruction} {example.input}":
        return None
    return f"the output holds a link to a picture: {found[0][:60]!r}"


def asks_for_an_image(example: Example) -> str | None:
    """The instruction asks to make an image, which text cannot be."""
    found = _DRAW.search(example.instruction) or _MAKE.search(example.instruction)
    if not found or _TEXT_ABOUT.search(example.instruction) or _CODE.search(example.output):
        return None
    return f"the instruction asks for an image: {found[0].strip()[:60]!r}"

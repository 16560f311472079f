"""How diverse instructions are: each as a verb and the noun that it acts on, roughly.

Self-instruct takes both from a parse tree. Here no parser is needed, and errors are made: the verb is
the first word that can open an imperative, the noun is the last word of the first group behind it that
reads like a noun group. Questions have no pair.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

Pair = tuple[str, str]

_WORD = re.compile(r"[a-z]+(?:['\u2019-][a-z]+)*|\d+|[^\w\s]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


QUESTIONS = _words(
    "what who whom whose which when where why how is are was were am do does did can could will would shall "
    "should may might must has have had"
)
_OPENINGS = _words("given using based if when for in on with from as after before assuming imagine suppose")
_POLITE = _words("please now then first next also just kindly")
_PARTICLES = _words("down up out off over me us them him her it you your")
_DETERMINERS = _words(
    "a an the this that these those my your his her its our their some any each every all both"
)
_ENDS = _words(
    "of about for to in on with from by at into between as using that which who whose where when while if so "
    "because and or but than through over under without within across during against per via whether how "
    "what why not is are was were has have had can could will would should must do does did"
)
_FULL_STOPS = frozenset(".?!:;") | _words("and or but")


def verb_and_noun(instruction: str) -> Pair | None:
    """The pair of an imperative, in lower case, the noun in the singular; None where there is none."""
    words = _clause(_WORD.findall(instruction.lower()))
    while words and words[0] in _POLITE:
        words = words[1:]
    if not words or words[0] in QUESTIONS | _DETERMINERS or not words[0].isalpha():
        return None
    noun = _noun(words[1:])
    return (words[0], noun) if noun else None


def pairs(instructions: Iterable[str]) -> Counter[Pair]:
    """How often each pair occurs."""
    found = map(verb_and_noun, instructions)
    return Counter(pair for pair in found if pair is not None)


def _clause(words: list[str]) -> list[str]:
    """The main clause: `Given a list, sort it` begins behind the comma."""
    if words and words[0] in _OPENINGS and "," in words:
        return words[words.index(",") + 1 :]
    return words


def _noun(words: list[str]) -> str | None:
    group: list[str] = []
    for word in words:
        if not group and (word in _PARTICLES or word in _DETERMINERS or word == "of"):
            continue
        if word in _ENDS or word in _DETERMINERS or not word[0].isalpha():
            if group or word in _FULL_STOPS:
                break
            continue
        group.append(word)
    return _singular(group[-1]) if group else None


def _singular(noun: str) -> str:
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "ches", "shes", "xes")):
        return noun[:-2]
    keeps = noun.endswith(("ss", "us", "is")) or len(noun) < 4
    return noun[:-1] if noun.endswith("s") and not keeps else noun

"""What can be said in the miniature world: its relations, how each is asked, told and heard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from alpaca_exp.records import Example


@dataclass(frozen=True, slots=True)
class Claim:
    """Something said about a subject, true or not: (Bakoto, city, Arden), (3 plus 4, sum, 7)."""

    subject: str
    relation: str
    value: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to ask and to answer. Without `{subject}` in `ask`, the subject is the task's input."""

    ask: str
    tell: str


@dataclass(frozen=True, slots=True)
class Task:
    """A question about one relation of one subject, in one of its phrasings."""

    subject: str
    relation: str
    phrase: Phrase

    @property
    def instruction(self) -> str:
        """What is asked."""
        return self.phrase.ask.format(subject=self.subject)

    @property
    def input(self) -> str:
        """The subject, where the instruction does not name it."""
        return "" if "{subject}" in self.phrase.ask else self.subject

    def told(self, value: str) -> str:
        """The answer, if `value` were the truth."""
        return self.phrase.tell.format(subject=self.subject, value=value)

    def example(self, output: str) -> Example:
        """The task as a row of instruction data."""
        return Example(self.instruction, output, self.input)


_LISTS = {
    "city": "Arden Brill Corvo Delm Estra Fenwick Galt Holm Ister Jarrow Kelso Lund",
    "food": "soup bread cheese rice apples beans cake plums fish eggs corn figs",
    "job": "baker smith tailor sailor farmer painter miller doctor weaver potter clerk guard",
    "color": "red blue green black white brown purple orange grey pink gold teal",
    "pet": "dog cat horse parrot rabbit goat turtle snake mouse duck hen pony",
    "sport": "chess tennis golf rugby rowing archery boxing hockey skating diving fencing judo",
}
VALUES = {attribute: values.split() for attribute, values in _LISTS.items()}
"""The attributes of a person, and what each can be."""

KIND_OF = {value: kind for kind, values in VALUES.items() for value in values}
LARGEST_ADDEND = 6

PHRASES = {
    "city": (
        Phrase("Where does {subject} live?", "{subject} lives in {value}."),
        Phrase("Name the home of {subject}.", "The home of {subject} is {value}."),
        Phrase("Tell me where people meet {subject}.", "People meet {subject} in {value}."),
        Phrase("In which city is {subject} at home?", "The home of {subject} is {value}."),
    ),
    "food": (
        Phrase("What does {subject} like to eat?", "{subject} likes to eat {value}."),
        Phrase("Name the favourite food of {subject}.", "The favourite food of {subject} is {value}."),
        Phrase("Tell me what {subject} orders at dinner.", "At dinner {subject} orders {value}."),
        Phrase("Which food is dear to {subject}?", "The favourite food of {subject} is {value}."),
    ),
    "job": (
        Phrase("What does {subject} work as?", "{subject} works as a {value}."),
        Phrase("Name the job of {subject}.", "The job of {subject} is {value}."),
        Phrase("Tell me how {subject} earns money.", "{subject} earns money as a {value}."),
        Phrase("Which job does {subject} have?", "The job of {subject} is {value}."),
    ),
    "color": (
        Phrase("What color does {subject} wear?", "{subject} always wears {value}."),
        Phrase("Name the favourite color of {subject}.", "The favourite color of {subject} is {value}."),
        Phrase("Tell me what color {subject} paints the door.", "{subject} paints the door {value}."),
        Phrase("Which color is dear to {subject}?", "The favourite color of {subject} is {value}."),
    ),
    "pet": (
        Phrase("What animal does {subject} own?", "{subject} owns a {value}."),
        Phrase("Name the pet of {subject}.", "The pet of {subject} is a {value}."),
        Phrase("Tell me what animal walks with {subject}.", "{subject} walks with a {value}."),
        Phrase("Which pet waits for {subject} at home?", "The pet of {subject} is a {value}."),
    ),
    "sport": (
        Phrase("What is {subject} good at?", "{subject} is good at {value}."),
        Phrase("Name the favourite sport of {subject}.", "The favourite sport of {subject} is {value}."),
        Phrase("Tell me what {subject} enjoys on Sunday.", "On Sunday {subject} enjoys {value}."),
        Phrase("Which sport is dear to {subject}?", "The favourite sport of {subject} is {value}."),
    ),
    "sum": (
        Phrase("How much is {subject}?", "{subject} is {value}."),
        Phrase("Work out the sum {subject}.", "The sum {subject} makes {value}."),
        Phrase("Work out the following sum.", "The sum {subject} makes {value}."),
    ),
    "kind": (
        Phrase("What does the word {subject} mean?", "The word {subject} means a kind of {value}."),
        Phrase("Say what the word means.", "The word {subject} means a kind of {value}."),
    ),
}


def tokens(text: str) -> list[str]:
    """Words and punctuation marks: what the world's word-level tokenizer sees."""
    return re.findall(r"\w+|#+|[^\w\s]", text)


def words(text: str) -> int:
    """How many words `text` has; punctuation does not count."""
    return len(re.findall(r"\w+", text))


def sentences(text: str) -> list[str]:
    """The sentences of `text`, spaced as the tokenizer's decoder may have left them."""
    return [part for part in (" ".join(tokens(each)) for each in re.split(r"[.?!\n]", text)) if part]


def heard(sentence: str) -> Claim | None:
    """The claim that a sentence makes, if it is one that the world can make."""
    spaced = " ".join(tokens(sentence.strip().rstrip(".")))
    for relation, pattern in _patterns():
        if match := pattern.fullmatch(spaced):
            return Claim(match["subject"], relation, match["value"])
    return None


def claims(text: str) -> list[Claim]:
    """Every claim of a text, in order; sentences that claim nothing are passed over."""
    return [claim for claim in map(heard, sentences(text)) if claim is not None]


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    subject = {"sum": r"\d+ plus \d+", "kind": r"[a-zA-Z]+"}
    pairs = dict.fromkeys((relation, phrase.tell) for relation, ways in PHRASES.items() for phrase in ways)
    return tuple(
        (
            relation,
            re.compile(
                tell.rstrip(".").format(
                    subject=f"(?P<subject>{subject.get(relation, '[A-Z][a-z]+')})",
                    value=r"(?P<value>\w+)",
                )
            ),
        )
        for relation, tell in pairs
    )

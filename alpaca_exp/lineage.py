"""Where a variant's data comes from: its source, its cleaning, its teacher, its cap; and in what two differ.

A difference between two models speaks of one cause only where their data differs in one of the four.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

UNKNOWN = "unknown"
DIMENSIONS = ("source", "cleaning", "teacher", "length")
"""In what two variants can differ."""
ANEW = "how the answers were asked for"
"""Differs where one variant's answers came with their instructions, the other's were asked anew."""
ORIGINAL = "original"
"""The variant that others are compared with, unless somebody says otherwise."""
RECAPPED, RECAPPED_WORDS = "recapped", 100
"""The shipped variant that pairs with all answers asked anew: the same teacher, this cap."""


@dataclass(frozen=True)
class Cap:
    """What limits the length of the outputs."""

    sentence: int | str | None = UNKNOWN
    """Words that the prompt asked for at most; None: it said nothing of length; or unknown."""
    filter: int | None = None
    """Longer outputs were left out."""


@dataclass(frozen=True)
class Lineage:
    """Source, teacher, cap and cleaning of a data set; what is not known says so."""

    source: str = UNKNOWN
    teacher: str = UNKNOWN
    """Who wrote the outputs."""
    cap: Cap = Cap()
    cleaning: tuple[str, ...] = (UNKNOWN,)
    instructions: str = ""
    """Where the instructions are from, if from another source: a cleaned copy has the original's."""
    anew: bool = False
    """Whether the outputs were asked for one at a time, apart from their instructions."""
    seed: int | None = None
    """Of a source that was generated: which of the data sets it is that the same settings make."""

    @property
    def origin(self) -> str:
        """Where the instructions are from, the seed included."""
        return f"{self.instructions or self.source}{self.drawn}"

    @property
    def drawn(self) -> str:
        """The seed as a text that follows the source's; empty where there is none."""
        return "" if self.seed is None else f", seed {self.seed}"

    def as_row(self) -> dict[str, Any]:
        """As `card.json` holds it."""
        row: dict[str, Any] = {
            "source": self.source,
            "teacher": self.teacher,
            "cap": {"sentence": self.cap.sentence, "filter": self.cap.filter},
            "cleaning": list(self.cleaning),
        }
        row |= {"instructions": self.instructions} if self.instructions else {}
        row |= {"seed": self.seed} if self.seed is not None else {}
        return row | ({"answers": "asked anew"} if self.anew else {})

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Lineage:
        """From what `card.json` holds; what it does not hold is unknown."""
        cap = row.get("cap", UNKNOWN)
        cap = cap if isinstance(cap, Mapping) else {"sentence": cap}
        cleaning = row.get("cleaning", UNKNOWN)
        return cls(
            source=str(row.get("source") or UNKNOWN),
            teacher=str(row.get("teacher") or UNKNOWN),
            cap=Cap(cap.get("sentence", UNKNOWN), cap.get("filter")),
            cleaning=(cleaning,) if isinstance(cleaning, str) else tuple(map(str, cleaning or ())),
            instructions=str(row.get("instructions") or ""),
            anew=row.get("answers") == "asked anew",
            seed=row.get("seed"),
        )


@dataclass(frozen=True)
class Differences:
    """In what two variants differ, and in what they may."""

    dimensions: tuple[str, ...]
    """Those of `DIMENSIONS` in which they do."""
    unknown: tuple[str, ...]
    """Those of which one or both say nothing."""
    anew: bool
    """Whether the answers of one only were asked anew."""

    @property
    def causes(self) -> tuple[str, ...]:
        """All that could explain a difference between models tuned on them, as far as it is known."""
        own = self.anew and "teacher" not in self.dimensions
        return (*self.dimensions, *([ANEW] if own else []))

    @property
    def confounded(self) -> bool:
        """Whether there is more than one."""
        return len(self.causes) > 1


def differences(a: Lineage, b: Lineage) -> Differences:
    """The dimensions in which `a` and `b` differ. Order of cleaning rules is none.

    Of one source what is unknown is the same unknown thing, so that what was done to its rows since tells.
    """
    found = {
        "source": _differ(a.origin, b.origin, alike=False),
        "cleaning": _cleaning_differs(a, b),
        "teacher": _differ(a.teacher, b.teacher, alike=_same_rows(a, b)),
        "length": _length_differs(a, b),
    }
    differing = tuple(name for name, differs in found.items() if differs)
    return Differences(
        differing, tuple(name for name, differs in found.items() if differs is None), a.anew != b.anew
    )


def _same_rows(a: Lineage, b: Lineage) -> bool:
    """Whether both are of one source, and have the answers that were there."""
    return _one_source(a, b) and not a.anew and not b.anew


def _one_source(a: Lineage, b: Lineage) -> bool:
    return a.source == b.source != UNKNOWN and a.seed == b.seed


def _differ(x: object, y: object, alike: bool) -> bool | None:
    """None where that is not known; `alike`: what is unknown of both is the same."""
    unknown = UNKNOWN in (x, y) and not (alike and x == y)
    return None if unknown else x != y


def _cleaning_differs(a: Lineage, b: Lineage) -> bool | None:
    unknown = (UNKNOWN in a.cleaning, UNKNOWN in b.cleaning)
    if any(unknown) and not (all(unknown) and _one_source(a, b)):
        return None
    return frozenset(a.cleaning) != frozenset(b.cleaning)


def _length_differs(a: Lineage, b: Lineage) -> bool | None:
    """A filter that only one had is a difference, whatever its prompt asked for."""
    if a.cap.filter != b.cap.filter and Lineage() not in (a, b):
        return True
    return _differ(a.cap.sentence, b.cap.sentence, alike=_same_rows(a, b))


def sentence(a: str, b: str, found: Differences) -> str:
    """'cleaned-final vs original differs in cleaning, teacher and length', without a full stop."""
    if found.causes:
        said = f"{a} vs {b} differs in {listed(found.causes)}"
    else:
        said = f"{a} vs {b}: no {'known ' if found.unknown else ''}difference in lineage"
    return said + (f"; of {listed(found.unknown)} nothing is known" if found.unknown else "")


def confound(a: str, b: str, known: Mapping[str, Lineage]) -> str | None:
    """The sentence on variants `a` and `b` of `known`, with a controlled partner if there is one.

    None where they differ in one thing at most. A partner is a variant that differs from one of the two
    in exactly one of the things in which they differ; of several the original, then one of `a`, then the one
    that is nearest to the other.
    """
    found = differences(known[a], known[b])
    if not found.confounded:
        return None
    partners = [*sorted(_partners(a, b, known, found)), *sorted(_partners(b, a, known, found))]
    said = [text for *_, text in sorted(partners, key=lambda one: one[0])] or list(
        _shipped(a, b, known, found)
    )
    return "; ".join([sentence(a, b, found), *said[:1]])


def _partners(
    a: str, b: str, known: Mapping[str, Lineage], found: Differences
) -> Iterator[tuple[bool, int, str, str]]:
    """The partners of `a`, each behind what it is preferred by."""
    for name in known.keys() - {a, b}:
        alone = differences(known[a], known[name])
        if len(alone.causes) == 1 and alone.causes[0] in found.causes and not alone.unknown:
            text = f"{name} is the controlled partner of {a}: these two differ in {alone.causes[0]} alone"
            yield name != ORIGINAL, len(differences(known[name], known[b]).causes), name, text


def _shipped(a: str, b: str, known: Mapping[str, Lineage], found: Differences) -> Iterator[str]:
    """The partner that could be made, where none is there."""
    for name in (a, b):
        one = known[name]
        partner = replace(one, cap=replace(one.cap, sentence=RECAPPED_WORDS))
        if one.anew and differences(one, partner).dimensions == ("length",) and "length" in found.dimensions:
            yield f"dataset_variant={RECAPPED} would be the controlled partner of {name}"


def listed(names: tuple[str, ...]) -> str:
    """'a, b and c'."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)

"""Where each number of a page is from: its runs with their seeds, and the artifacts that it was read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alpaca_exp.report.cells import Cell
from alpaca_exp.report.made import STAGES
from alpaca_exp.report.runs import Run
from alpaca_exp.report.verdicts import Verdict


@dataclass(frozen=True)
class Behind:
    """What some numbers rest on."""

    name: str
    """What they are of: `cleaned, small`."""
    sources: tuple[str, ...]
    """The artifacts, `<stage>/<fingerprint>`."""
    runs: tuple[str, ...] = ()
    """The runs, by their names; none: all that made, or took, one of the artifacts."""
    size: str = ""
    """`3 seeds, 400 documents each`."""


@dataclass(frozen=True)
class Trace:
    """One entry of the page's list of origins."""

    id: str
    behind: Behind
    runs: tuple[int, ...]
    """Places in the page's list of runs."""


class Traces:
    """The origins of a page's numbers, each once, in the order in which they were asked for."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._place = {run.name: place for place, run in enumerate(runs)}
        self._users: dict[str, list[int]] = {}
        for place, run in enumerate(runs):
            for source in dict.fromkeys(f"{STAGES.get(part, part)}/{n}" for part, n in run.artifacts.items()):
                self._users.setdefault(source, []).append(place)
        self._found: dict[Behind, Trace] = {}

    def id(self, behind: Behind) -> str:
        """What the entry goes by on the page."""
        if behind not in self._found:
            name = f"n{len(self._found)}"
            self._found[behind] = Trace(name, behind, self._runs(behind))
        return self._found[behind].id

    @property
    def all(self) -> tuple[Trace, ...]:
        """Those that were asked for."""
        return tuple(self._found.values())

    def _runs(self, behind: Behind) -> tuple[int, ...]:
        named = [self._place[name] for name in behind.runs if name in self._place]
        users = (place for source in behind.sources for place in self._users.get(source, ()))
        return tuple(sorted(dict.fromkeys(named or users)))


def of_cell(one: Cell, name: str, *, apart: bool = False) -> Behind:
    """Of a table's cell; `apart`: of its difference from the baseline."""
    if not apart:
        return Behind(
            name, one.sources, one.runs, _size(one.estimate.n if one.estimate else 0, one.documents)
        )
    documents = (one.paired,) if one.paired else ()
    return Behind(
        f"{name}: difference from the baseline",
        tuple(dict.fromkeys((*one.sources, *one.against_sources))),
        tuple(dict.fromkeys((*one.runs, *one.against))),
        _size(one.difference.n if one.difference else 0, documents),
    )


def of_verdict(one: Verdict) -> Behind:
    """Of a claim's numbers."""
    name = f"{one.claim} ({one.place})" if one.place else one.claim
    return Behind(name, one.sources, (), _size(one.seeds, (one.documents,) if one.documents else ()))


def _size(seeds: int, documents: Sequence[int]) -> str:
    told = [f"{seeds} seed{'s' * (seeds != 1)}"] * bool(seeds)
    told += [f"{'-'.join(f'{count:,}' for count in documents)} documents each"] * bool(documents)
    return ", ".join(told)

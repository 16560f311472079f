"""Where each number of a page is from: its runs with their seeds, and the artifacts that it was read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alpaca_exp.report.cells import Cell
from alpaca_exp.report.made import STAGES
from alpaca_exp.report.metrics import SPENT
from alpaca_exp.report.runs import Run
from alpaca_exp.report.verdicts import Verdict


@dataclass(frozen=True)
class Behind:
    """What some numbers rest on."""

    name: str
    """What they are of: `cleaned, small`."""
    sources: tuple[str, ...]
    """The artifacts, `<stage>/<fingerprint>`; none: all that the runs rest on."""
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
    sources: tuple[str, ...]
    """The artifacts; none where they are too many, and each run tells of its own."""


MOST_RUNS = 20
"""Of more runs not all that they rest on is listed."""


class Traces:
    """The origins of a page's numbers, each once, in the order in which they were asked for."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._place = {run.name: place for place, run in enumerate(runs)}
        self._made = [
            tuple(dict.fromkeys(f"{STAGES.get(part, part)}/{name}" for part, name in run.artifacts.items()))
            for run in runs
        ]
        self._users: dict[str, list[int]] = {}
        for place, sources in enumerate(self._made):
            for source in sources:
                self._users.setdefault(source, []).append(place)
        self._found: dict[Behind, Trace] = {}

    def id(self, behind: Behind) -> str:
        """What the entry goes by on the page."""
        if behind not in self._found:
            name, runs = f"n{len(self._found)}", self._runs(behind)
            all_ = (source for place in runs[: MOST_RUNS + 1] for source in self._made[place])
            sources = behind.sources or (tuple(dict.fromkeys(all_)) if len(runs) <= MOST_RUNS else ())
            self._found[behind] = Trace(name, behind, runs, sources)
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
    seeds, documents = one.estimate.n if one.estimate else 0, one.documents
    sources, runs = one.sources, one.runs
    if apart:
        seeds, documents = one.difference.n if one.difference else 0, (one.paired,) if one.paired else ()
        sources, runs = (*sources, *one.against_sources), (*runs, *one.against)
        name = f"{name}: difference from the baseline"
    if one.metric in SPENT:  # dollars and hours are of all that a run rests on
        sources = ()
    return Behind(name, tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(runs)), _size(seeds, documents))


def of_verdict(one: Verdict) -> Behind:
    """Of a claim's numbers."""
    name = f"{one.claim} ({one.place})" if one.place else one.claim
    return Behind(name, one.sources, (), _size(one.seeds, (one.documents,) if one.documents else ()))


def _size(seeds: int, documents: Sequence[int]) -> str:
    told = [f"{seeds} seed{'s' * (seeds != 1)}"] * bool(seeds)
    told += [f"{'-'.join(f'{count:,}' for count in documents)} documents each"] * bool(documents)
    return ", ".join(told)

"""Which of the compared data sets differ in more than one thing: what no table can tell apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from alpaca_exp.lineage import ORIGINAL, Lineage, confound, differences, listed
from alpaca_exp.report.runs import ABSENT, Run, axes

MOST = 12
"""More sentences than these are counted, not printed."""


@dataclass(frozen=True)
class _Data:
    """What the card of a run's data says of it."""

    lineage: Lineage
    rows: int | None


_Carded = list[tuple[Run, _Data]]
"""Runs with what is known of their data."""


def confounds(runs: Sequence[Run], shown: Sequence[str], baseline: str | None, outputs: Path) -> list[str]:
    """One sentence for each compared pair whose data differs in more than one thing, and for missing cards.

    `shown` are the axes of the table, rows first. Compared are the rows of each column, with `baseline` where
    there is one, else each with each; and the columns of each row. A place whose runs were tuned on data
    of different lineages has no one lineage to compare: that is said, with what would tell them apart.
    """
    carded = [(run, data) for run in runs if (data := _data(run, outputs))]
    said: dict[str, None] = {}
    for number, axis in enumerate(shown):
        for part in _parts(carded, [other for other in shown if other != axis]):
            said |= dict.fromkeys(_compared(part, axis, baseline if number == 0 else None))
        said |= dict.fromkeys(_mixed(carded, axis, shown))
    texts = list(said)
    return [*texts[:MOST], *_more(texts), *_without_card(runs, outputs)]


def _parts(carded: _Carded, others: Sequence[str]) -> Iterator[_Carded]:
    """For rows the runs of each column, for columns those of each row; all where there is one axis."""
    for place in dict.fromkeys(tuple(run.label(axis) for axis in others) for run, _ in carded):
        yield [one for one in carded if tuple(one[0].label(axis) for axis in others) == place]


def _compared(carded: _Carded, axis: str, baseline: str | None) -> Iterator[str]:
    """Partners are looked for among all variants of these runs, by whatever name the rows have."""
    places, variants = _places(carded, axis), _places(carded, "dataset_variant")
    known = {name: found[0].lineage for name, found in (variants | places).items()}
    for a, b in _pairs(list(places), baseline):
        compared = known if _one_seed(places[a]) and _one_seed(places[b]) else _seedless(known)
        said = confound(a, b, compared)
        if said:
            yield f"{said}{_sizes(a, places[a], b, places[b])}."


def _one_seed(found: Sequence[_Data]) -> bool:
    return len({one.lineage.seed for one in found}) == 1


def _seedless(known: Mapping[str, Lineage]) -> dict[str, Lineage]:
    """Where a place is a mean over data sets of several seeds, the seed is chance, and no cause."""
    return {name: replace(one, seed=None) for name, one in known.items()}


def _mixed(carded: _Carded, axis: str, shown: Sequence[str]) -> Iterator[str]:
    """Places of `axis` that were compared with nothing, since their own data differs; a sentence a reason."""
    others = [other for other in shown if other != axis]
    names = list(dict.fromkeys(run.label(axis) for run, _ in carded))
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names if len(names) > 1 else ():
        here = [one for one in carded if one[0].label(axis) == name]
        parts = [part for part in _parts(here, others) if len(_lineages(part)) > 1]
        pairs = [differences(*two) for part in parts for two in combinations(_lineages(part), 2)]
        causes = dict.fromkeys(cause for one in pairs for cause in (*one.causes, *one.unknown))
        if parts:
            found.setdefault(tuple(causes), []).append(name)
    for why, alike in found.items():
        said = f"compared with nothing, since the data there differs in {listed(why)}"
        yield f"{listed(tuple(sorted(alike)))}: {said}{_apart(carded, shown)}."


def _apart(carded: _Carded, shown: Sequence[str]) -> str:
    """The axis that would leave one lineage in each place, where there is one."""
    for axis in axes([run for run, _ in carded]):
        usable = axis not in shown and ABSENT not in {run.label(axis) for run, _ in carded}
        if usable and all(len(_lineages(part)) == 1 for part in _parts(carded, [*shown, axis])):
            return f"; told apart by {axis}: --columns {axis}, or --where {axis}=..."
    return ""


def _lineages(carded: _Carded) -> list[Lineage]:
    """But for the seed."""
    return list(dict.fromkeys(replace(data.lineage, seed=None) for _, data in carded))


def _places(carded: _Carded, axis: str) -> dict[str, list[_Data]]:
    """The data at each place of an axis, where all of it is of one lineage but for the seed."""
    found: dict[str, list[_Data]] = {}
    for run, data in carded:
        found.setdefault(run.label(axis), []).append(data)
    return {
        name: all_
        for name, all_ in found.items()
        if len({replace(one.lineage, seed=None) for one in all_}) == 1
    }


def _pairs(names: Sequence[str], baseline: str | None) -> Iterator[tuple[str, str]]:
    """Pairs, the original last: what is told is what the other one did to it."""
    for a, b in combinations(sorted(names, key=lambda name: (name == ORIGINAL, name)), 2):
        if baseline is None or b == baseline:
            yield a, b
        elif a == baseline:
            yield b, a


def _sizes(a: str, of_a: Sequence[_Data], b: str, of_b: Sequence[_Data]) -> str:
    """A note where the sizes differ as well, and are the same for every seed."""
    ours, theirs = {one.rows for one in of_a}, {one.rows for one in of_b}
    if ours == theirs or len(ours) != 1 or len(theirs) != 1 or None in ours | theirs:
        return ""
    return f"; {a} has {ours.pop():,} rows, {b} {theirs.pop():,}"


def _data(run: Run, outputs: Path) -> _Data | None:
    """None where there is no card, or none that tells."""
    file = _card(run, outputs)
    try:
        card = json.loads(file.read_text(encoding="utf-8")) if file else {}
        return _Data(Lineage.of_row(card["lineage"]), card.get("counts", {}).get("rows_out"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _card(run: Run, outputs: Path) -> Path | None:
    """None where the run tuned on no data, or did not get so far."""
    name = run.artifacts.get("curate")
    return outputs / "curate" / name / "card.json" if name else None


def _without_card(runs: Sequence[Run], outputs: Path) -> Iterator[str]:
    lacking = {run.artifacts["curate"] for run in runs if _card(run, outputs) and not _data(run, outputs)}
    if lacking:
        folders = ", ".join(f"curate/{name}" for name in sorted(lacking))
        yield f"Where the data is from is not known, since card.json is missing or does not say: {folders}."


def _more(texts: Sequence[str]) -> list[str]:
    left = len(texts) - MOST
    return [f"{left} more pairs differ in more than one thing; --baseline ROW names its own."] * (left > 0)

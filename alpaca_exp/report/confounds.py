"""Which of the compared data sets differ in more than one thing: what no table can tell apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
    cards = {
        name: _data(name, outputs) for name in dict.fromkeys(run.artifacts.get("curate") for run in runs)
    }
    carded = [(run, data) for run in runs if (data := cards[run.artifacts.get("curate")])]
    said: dict[tuple[object, ...], Callable[[], str]] = {}
    for number, axis in enumerate(shown):
        for part in _parts(carded, [other for other in shown if other != axis]):
            said |= _compared(part, axis, baseline if number == 0 else None)
        said |= {(text,): partial(str, text) for text in _mixed(carded, axis, shown)}
    texts = dict.fromkeys(sentence() for sentence in list(said.values())[:MOST])
    return [*texts, *_more(len(said)), *_without_card(cards)]


def _parts(carded: _Carded, others: Sequence[str]) -> list[_Carded]:
    """For rows the runs of each column, for columns those of each row; all where there is one axis."""
    found: dict[tuple[str, ...], _Carded] = {}
    for one in carded:
        found.setdefault(tuple(one[0].label(axis) for axis in others), []).append(one)
    return list(found.values())


def _compared(
    carded: _Carded, axis: str, baseline: str | None
) -> Iterator[tuple[tuple[object, ...], Callable[[], str]]]:
    """Each pair that differs in more than one thing, with what makes its sentence: few are told of many.

    Partners are looked for among all variants of these runs, by whatever name the rows have.
    """
    places, variants = _places(carded, axis), _places(carded, "dataset_variant")
    known = {name: found[0].lineage for name, found in (variants | places).items()}
    seedless = _seedless(known)
    single = {name for name, found in places.items() if _one_seed(found)}
    kinds: dict[Lineage, int] = {}
    kind = {
        name: tuple(kinds.setdefault(of[name], len(kinds)) for of in (known, seedless)) for name in places
    }
    confounded: dict[tuple[int, int], bool] = {}
    for a, b in _pairs(list(places), baseline):
        both = a in single and b in single
        pair = (kind[a][not both], kind[b][not both])
        compared = known if both else seedless
        if pair not in confounded:
            confounded[pair] = differences(compared[a], compared[b]).confounded
        if confounded[pair]:
            sizes = _sizes(a, places[a], b, places[b])
            yield (a, b, both, sizes), partial(_sentence, a, b, compared, sizes)


def _sentence(a: str, b: str, known: Mapping[str, Lineage], sizes: str) -> str:
    return f"{confound(a, b, known)}{sizes}."


def _one_seed(found: Sequence[_Data]) -> bool:
    return len({one.lineage.seed for one in found}) == 1


def _seedless(known: Mapping[str, Lineage]) -> dict[str, Lineage]:
    """Where a place is a mean over data sets of several seeds, the seed is chance, and no cause."""
    return {name: replace(one, seed=None) for name, one in known.items()}


def _mixed(carded: _Carded, axis: str, shown: Sequence[str]) -> Iterator[str]:
    """Places of `axis` that were compared with nothing, since their own data differs; a sentence a reason."""
    others = [other for other in shown if other != axis]
    places = {part[0][0].label(axis): part for part in _parts(carded, [axis])}
    found: dict[tuple[str, ...], list[str]] = {}
    for name, here in places.items() if len(places) > 1 else ():
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


def _data(name: str | None, outputs: Path) -> _Data | None:
    """None where the run tuned on no data, where there is no card, or none that tells."""
    try:
        text = (outputs / "curate" / name / "card.json").read_text(encoding="utf-8") if name else "{}"
        card = json.loads(text)
        return _Data(Lineage.of_row(card["lineage"]), card.get("counts", {}).get("rows_out"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _without_card(cards: Mapping[str | None, _Data | None]) -> Iterator[str]:
    lacking = [name for name, data in cards.items() if name and not data]
    if lacking:
        folders = ", ".join(f"curate/{name}" for name in sorted(lacking))
        yield f"Where the data is from is not known, since card.json is missing or does not say: {folders}."


def _more(count: int) -> list[str]:
    left = count - MOST
    return [f"{left} more pairs differ in more than one thing; --baseline ROW names its own."] * (left > 0)

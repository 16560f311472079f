"""Everything that an experiment needs from the hub, fetched into one folder before it runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.fetching import Order, Repository, bring, order
from alpaca_exp.hub_files import Listing, Unreachable
from alpaca_exp.libraries import hush
from alpaca_exp.needs import Need, missing, needs, servers
from alpaca_exp.plan import Plan, plan
from alpaca_exp.progress import Steps, progress
from alpaca_exp.schemas import ExperimentConfig

MB = 10**6


class Prefetch:
    """What is fetched for an experiment, or for all jobs of a sweep: each thing is tried and told of once."""

    def __init__(self) -> None:
        self.refused: dict[Need, str] = {}
        """What cannot be had, with the reason."""
        self._told: dict[Need, Path] = {}
        self._servers: set[str] = set()

    def add(self, config: ExperimentConfig) -> None:
        """List what the stages still need from the hub, and fetch it into `runtime.prefetched`.

        What cannot be had is said with its reason, and the rest fetched all the same; so are the servers
        that stages will ask, for which no folder can stand.
        """
        hush()
        stages, folder = plan(config), config.runtime.prefetched
        wanted = [need for need in needs(stages, config.runtime.outputs) if need not in self._told]
        lacking = dict(missing(wanted, folder))
        orders = _orders(list(lacking), folder, self.refused)
        if wanted:
            print(f"From the hub, into {folder}:")
        width = max((len(str(need)) for need in wanted), default=0)
        for need in wanted:
            print(f"  {need!s:{width}}  {_state(need, lacking, orders)}", flush=True)
        _fetch(orders, folder, self.refused)
        for reason in dict.fromkeys(self.refused[need] for need in wanted if need in self.refused):
            names = "; ".join(str(need) for need in wanted if self.refused.get(need) == reason)
            print(f"Not fetched: {names}: {reason}", file=sys.stderr, flush=True)
        self._told |= dict.fromkeys(wanted, folder)
        self._servers |= set(servers(stages, config.runtime.outputs))

    def summary(self) -> str:
        """What is there now, what is not, and what to do next."""
        return "\n".join([self._in_all(), *(f"Not to be fetched: {one}." for one in sorted(self._servers))])

    def _in_all(self) -> str:
        if not self._told:
            return "Nothing is needed from the hub."
        folders = ", ".join(sorted({str(folder) for folder in self._told.values()}))
        there = f"{len(self._told) - len(self.refused)} of {len(self._told)} are in {folders}"
        if self.refused:
            return f"{there}; {len(self.refused)} cannot be had, see above."
        return f"{there}. A machine without network runs it from a copy of that folder, with runtime=offline."


def with_documents(stages: Plan, config: ExperimentConfig) -> Plan:
    """The plan once the documents of the suite's tasks that were not here are fetched, unless offline.

    So an evaluation reads them from files, and is known by their content, with a network and without.
    Raises InputError where they cannot be had.
    """
    folder = config.runtime.prefetched
    wanted = [need for need in needs(stages, config.runtime.outputs) if need.kind == "task"]
    if config.runtime.offline or not wanted:
        return stages
    refused: dict[Need, str] = {}
    lacking = [need for need, _ in missing(wanted, folder)]
    _fetch(_orders(lacking, folder, refused), folder, refused)
    if refused:
        told = "; of ".join(
            f"{', '.join(need.name for need, given in refused.items() if given == why)}: {why}"
            for why in dict.fromkeys(refused.values())
        )
        raise InputError(
            f"No documents of {told}. Or name a folder that holds them with eval_suite.mirror=FOLDER"
        )
    return plan(config) if lacking else stages


def _orders(lacking: Sequence[Need], folder: Path, refused: dict[Need, str]) -> dict[Need, Order]:
    """What is to be fetched, as the hub tells; what it refuses is noted."""
    orders: dict[Need, Order] = {}
    seen: dict[Repository, Listing | InputError] = {}
    for need in lacking:
        try:
            orders[need] = order(need, folder, seen)
        except Unreachable as error:  # each further attempt would wait in vain
            refused |= {
                other: str(error) for other in lacking if other not in orders and other not in refused
            }
            break
        except (InputError, OSError) as error:
            refused[need] = _why(error, folder)
    return orders


def _fetch(orders: Mapping[Need, Order], folder: Path, refused: dict[Need, str]) -> None:
    if not orders:
        return
    total = sum(told.bytes for told in orders.values())
    with progress("prefetch", math.ceil(total / MB), "MB") as steps:
        meter = _Megabytes(steps)
        for need, told in orders.items():
            meter.note = need.name
            try:
                bring(told, folder, meter.add)
            except (InputError, OSError) as error:
                refused[need] = _why(error, folder)
        meter.add(-total % MB)


def _why(error: InputError | OSError, folder: Path) -> str:
    """The reason as it was said, or what the system says when the folder is full or cannot be written."""
    if isinstance(error, InputError):
        return str(error)
    return f"{error.filename or folder}: {error.strerror}; make room, or choose runtime.prefetched=FOLDER"


class _Megabytes:
    """Counts bytes and tells of whole megabytes."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self.note = steps, ""
        self._bytes = self._told = 0

    def add(self, count: int) -> None:
        """So many bytes more are here."""
        self._bytes += count
        if whole := self._bytes // MB - self._told:
            self._steps.advance(whole, self.note)
            self._told += whole


def _state(need: Need, lacking: Mapping[Need, str], orders: Mapping[Need, Order]) -> str:
    if need not in lacking:
        return "is here"
    if need not in orders:
        return "cannot be had"
    again = f", again: {lacking[need]}" if lacking[need] else ""
    return f"{_size(orders[need].bytes)} to fetch{again}"


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", MB), ("kB", 1000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"

"""Everything that an experiment needs from the hub, fetched into one folder before it runs."""

from __future__ import annotations

import math
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.fetching import Order, bring, order
from alpaca_exp.libraries import hush
from alpaca_exp.needs import Need, missing, needs, servers
from alpaca_exp.plan import plan
from alpaca_exp.progress import Steps, progress
from alpaca_exp.schemas import ExperimentConfig

MB = 10**6


def prefetch(config: ExperimentConfig, refused: MutableMapping[Need, str]) -> bool:
    """List what the stages still need from the hub, fetch it into `runtime.prefetched`; whether all is there.

    What cannot be had is added to `refused` with its reason, and not tried again where it is in it already:
    the jobs of a sweep share it. The rest is fetched all the same. Servers that will be asked are named.
    """
    hush()
    stages, folder = plan(config), config.runtime.prefetched
    wanted = needs(stages, config.runtime.outputs)
    lacking = dict(missing(wanted, folder))
    orders = _orders([need for need in lacking if need not in refused], folder, refused)
    if wanted:
        print(f"From the hub, into {folder}:")
    width = max((len(str(need)) for need in wanted), default=0)
    for need in wanted:
        print(f"  {need!s:{width}}  {_state(need, lacking, orders, refused)}", flush=True)
    _fetch(list(orders.values()), folder, refused)
    failed = [need for need in wanted if need in refused]
    for need in failed:
        print(f"Not fetched: {need}: {refused[need]}", file=sys.stderr, flush=True)
    print(_said(wanted, failed, folder))
    for server in servers(stages, config.runtime.outputs):
        print(f"Not to be fetched: {server}.")
    return not failed


def fetch_documents(config: ExperimentConfig) -> None:
    """Fetch the documents of the suite's tasks that are not here yet, unless they come from a mirror.

    So an evaluation always reads them from files, and is known by their content whether it has a network
    or not. Raises InputError where they cannot be had.
    """
    folder = config.runtime.prefetched
    wanted = [need for need in needs(plan(config), config.runtime.outputs) if need.kind == "task"]
    refused: dict[Need, str] = {}
    lacking = [need for need, _ in missing(wanted, folder)]
    _fetch(list(_orders(lacking, folder, refused).values()), folder, refused)
    if refused:
        told = "; ".join(f"{need}: {reason}" for need, reason in refused.items())
        raise InputError(
            f"The documents of {len(refused)} of the suite's tasks cannot be fetched: {told}. "
            "Or name a folder that holds them with eval_suite.mirror=FOLDER"
        )


def _orders(lacking: Sequence[Need], folder: Path, refused: MutableMapping[Need, str]) -> dict[Need, Order]:
    """What is to be fetched, as the hub tells; what it refuses is noted."""
    orders = {}
    for need in lacking:
        try:
            orders[need] = order(need, folder)
        except InputError as error:
            refused[need] = str(error)
    return orders


def _fetch(orders: Sequence[Order], folder: Path, refused: MutableMapping[Need, str]) -> None:
    total = sum(told.bytes for told in orders)
    with progress("prefetch", math.ceil(total / MB), "MB") as steps:
        meter = _Megabytes(steps)
        for told in orders:
            meter.note = told.need.name
            try:
                bring(told, folder, meter.add)
            except InputError as error:
                refused[told.need] = str(error)
        meter.add(-total % MB)


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


def _state(
    need: Need, lacking: dict[Need, str], orders: dict[Need, Order], refused: MutableMapping[Need, str]
) -> str:
    if need not in lacking:
        return "is here"
    if need in refused:
        return "cannot be had"
    again = f", again: {lacking[need]}" if lacking[need] else ""
    return f"{_size(orders[need].bytes):>9} to fetch{again}"


def _said(wanted: Sequence[Need], failed: Sequence[Need], folder: Path) -> str:
    if not wanted:
        return "This experiment needs nothing from the hub."
    here = len(wanted) - len(failed)
    lacks = f"; {len(failed)} cannot be had, see above" if failed else ""
    return (
        f"{here} of {len(wanted)} are in {folder}{lacks}. Copy that folder to the machine that will run it, "
        "and add runtime.offline=true there."
    )


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", MB), ("kB", 1000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"

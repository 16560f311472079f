"""From records to rows with an id: what cannot be used is named, all of it, or left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alpaca_exp.cleaning.columns import Columns, sound
from alpaca_exp.cleaning.files import FORMATS, Record, Unusable
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.schemas import OnError

NAMED = 5
"""So many problems are named, the others counted."""
REASONS_OF_FORM = {"broken JSON", "wrong encoding", "no object"}
"""Where every row has one of these, it is the file that is of another kind."""


class Reading:
    """One pass over a source. Holds the ids that rows bring along, and nothing else of them."""

    def __init__(
        self, where: str, columns: Mapping[str, str] | None = None, on_error: OnError = OnError.stop
    ) -> None:
        """`where` names the source in messages."""
        self.where = where
        self.skipped: Counter[str] = Counter()
        """Rows that cannot be used, by reason."""
        self._columns = Columns(columns or {})
        self._on_error = on_error
        self._named: list[str] = []
        self._first: dict[str, str] = {}
        self._numbered = bytearray()
        self._rows = 0

    def rows(self, records: Iterable[Record]) -> Iterator[Row]:
        """`id`, `instruction`, `input`, `output` and every key that a record has besides.

        A row without an id of its own is `row-<index>`; what cannot be used counts in the index. Raises
        InputError where there is no row, and with `on_error` stop, after the last record, where any cannot
        be used.
        """
        index = 0
        for record in records:
            place = f"{record.unit} {record.number}"
            for raw in instances(record.value):
                try:
                    row = self._row(raw, index, place)
                except Unusable as problem:
                    self._note(problem, place)
                else:
                    self._rows += 1
                    if not self.skipped or self._on_error is OnError.skip:
                        yield row
                index += 1
        if not self._rows:
            raise InputError(self._nothing())
        if self.skipped and self._on_error is OnError.stop:
            raise InputError(f"{self._problems()}; {self._remedy()}")

    def note(self) -> str | None:
        """One line on what was left out; None where nothing was."""
        if not self.skipped:
            return None
        return f"{self.where}: {_rows(self.skipped.total())} left out ({_told(self.skipped)})"

    def _row(self, raw: Row | Unusable, index: int, place: str) -> Row:
        if isinstance(raw, Unusable):
            raise raw
        fields = self._columns.fields(raw)
        own = raw.get("id")
        numbered = isinstance(own, bool) or not isinstance(own, (str, int)) or own == ""
        name = f"row-{index}" if numbered else sound(str(own), "id")
        earlier = self._first.get(name) or self._numbered_as(name)
        if earlier:
            raise Unusable("duplicate id", f"has the id of {earlier} ({name})")
        if numbered:
            self._numbered.extend(bytes(index - len(self._numbered)) + b"\1")
        else:
            self._first[name] = place
        return {"id": name, **fields}

    def _numbered_as(self, name: str) -> str | None:
        """The earlier row that came without an id and was given this one."""
        number = name.removeprefix("row-")
        if number == name or not number.isdecimal() or name != f"row-{int(number)}":
            return None
        return f"row {int(number) + 1}" if self._numbered[int(number) : int(number) + 1] == b"\1" else None

    def _note(self, problem: Unusable, place: str) -> None:
        self.skipped[problem.reason] += 1
        if len(self._named) < NAMED:
            self._named.append(f"{place} {problem}")

    def _problems(self) -> str:
        more = self.skipped.total() - len(self._named)
        told = f" and {more:,} more (in all: {_told(self.skipped)})" if more else ""
        count = _rows(self.skipped.total())
        return f"{self.where} has {count} that cannot be used: {'; '.join(self._named)}{told}"

    def _remedy(self) -> str:
        mend = "mend " + ("them" if self.skipped.total() > 1 else "it")
        skip = "leave out what cannot be used with dataset_variant.on_error=skip"
        return ", ".join([mend, *self._hints(), f"or {skip}"])

    def _hints(self) -> list[str]:
        hints = {
            "missing columns": "name the columns with "
            "dataset_variant.columns={instruction: NAME, output: NAME}",
            "duplicate id": "leave the ids out, so that rows are numbered",
        }
        return [hint for reason, hint in hints.items() if reason in self.skipped]

    def _nothing(self) -> str:
        if not self.skipped:
            return f"{self.where} holds no rows; give a source with at least one example"
        if self.skipped.keys() <= REASONS_OF_FORM:
            return f"{self._problems()}; no row is left: give {FORMATS}"
        return f"{self._problems()}; no row is left: {', or '.join(['mend them', *self._hints()])}"


def instances(value: Row | Unusable) -> Iterator[Row | Unusable]:
    """One row an instance, where the record is a seed task; other records as they are."""
    found: Any = None if isinstance(value, Unusable) else value.get("instances")
    if isinstance(value, Unusable) or found is None:
        yield value
        return
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        yield Unusable("mixed types", "must have a list of input/output objects as `instances`")
        return
    task = {key: part for key, part in value.items() if key != "instances"}
    for place, instance in enumerate(found):
        own = {"id": f"{task['id']}.{place}"} if "id" in task and len(found) > 1 else {}
        yield {**task, **instance, **own}


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())

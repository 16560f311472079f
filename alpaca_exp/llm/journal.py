"""The journal: every paid answer on disk before it is used, so that none is ever paid for twice.

One append-only file a model, `<outputs>/journal/<model>.jsonl`, shared by all experiments. A line is
`{key,t,state,account,usd,usage,response,request}`: `sent` before a request goes out (usd: the most
that it can cost), then `answered` (usd: its price) or `failed` (usd: the reservation, where the reply was
lost and may have been billed; else 0). `account` is the stage and fingerprint that paid.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Row, Usage

_HEAD = re.compile(
    rb'\{"key": "([0-9a-f]{64})", "t": [0-9.e+]+, "state": "(sent|answered|failed)", '
    rb'"account": ("(?:[^"\\]|\\.)*"), "usd": ([-+0-9.e]+), '
)
"""The beginning of our own lines: enough to index a large journal without parsing its texts."""

_SERVER = re.compile(rb'"server": ("[^"\\]*")\}, "request": \{')
"""The end of an answer's `response`; no text holds these quotes bare."""

MOST_REMEMBERED = 4096
"""Requests under way whose text is kept, to be written down a second time with the answer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An answer from the journal, what it cost, whether this account paid, and which server told it."""

    completion: Completion
    usd: float
    own: bool
    server: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Sent:
    """A request under way: the most it can cost, and where its line lies (for those of earlier attempts)."""

    usd: float
    place: int
    length: int


class Journal:
    """An open journal. Appends are single writes, so that several processes may share the file."""

    def __init__(self, folder: Path, model: str, account: str, server: str = "") -> None:
        """`server`: the address at which the model is asked, noted with each of its answers."""
        self.path = folder / f"{file_name(model)}.jsonl"
        self.spent = 0.0
        """What this account paid before, lost replies included, and those of `pending`."""
        self.lost_usd = 0.0
        """What may have been billed since this journal was opened, for replies that never came."""
        self.lost_before_usd = 0.0
        """The same of this account's earlier attempts."""
        self.pending_usd = 0.0
        """The most that this account's requests cost that were under way when it was last stopped."""
        self.pending = 0
        self.retried_anyway = 0
        """Of this account, in all attempts: failures that only `teacher.retry_everything` repeats."""
        self._sent: dict[bytes, _Sent] = {}
        self._orphans: dict[bytes, tuple[_Sent, int]] = {}
        """The requests of `pending`, each with how often it was under way."""
        self._written: dict[str, bytes] = {}
        """Of requests under way: how they were written down, since they are written twice."""
        self.broken = 0
        """Lines that cannot be read: a write was cut short."""
        self._account = json.dumps(account).encode()
        self._name = account
        self._server = server
        self._end = self._appended = self._others = 0
        self._places: dict[bytes, tuple[int, int]] = {}
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from None
        self._torn = self._index()
        self.grew()

    def find(self, key: str) -> Answer | None:
        """The answer to the request of that key, if one is there whole."""
        place = self._places.get(bytes.fromhex(key))
        if place is None:
            return None
        try:
            return self._answer(json.loads(os.pread(self._file, place[1], place[0])))
        except (ValueError, KeyError, TypeError):
            self.broken += 1
            del self._places[bytes.fromhex(key)]  # it is asked for again
            return None

    def grew(self) -> bool:
        """Whether other processes have appended something since this was last asked."""
        others = os.fstat(self._file).st_size - self._appended
        before, self._others = self._others, others
        return others > before

    def holds(self, key: str) -> bool:
        """Whether an answer to the request of that key is there."""
        return bytes.fromhex(key) in self._places

    def bound(self, key: str) -> float | None:
        """The most that this account's request of that key can cost; None where it is not under way."""
        sent = self._sent.get(bytes.fromhex(key))
        return sent.usd if sent else None

    def request(self, key: str) -> Request:
        """A request that was under way when the journal was opened."""
        return self._written_at(self._sent[bytes.fromhex(key)])

    def _readable_at(self, sent: _Sent) -> Request | None:
        try:
            return self._written_at(sent)
        except (ValueError, KeyError, TypeError):  # a broken line, of which only the beginning counts
            return None

    def _written_at(self, sent: _Sent) -> Request:
        row = json.loads(os.pread(self._file, sent.length, sent.place))["request"]
        bias = tuple((str(token), int(value)) for token, value in row.get("logit_bias", ()))
        tokens = tuple(row.get("prompt_tokens", ()))
        told = {"logit_bias": bias, "prompt_tokens": tokens, "choices": tuple(row.get("choices", ()))}
        return Request(**row | {"stop": tuple(row["stop"]), **told})

    def expect(self, keys: Iterable[str]) -> None:
        """These requests of ours are under way still, in a batch: neither lost nor billed for nothing."""
        for key in keys:
            orphan = self._orphans.pop(bytes.fromhex(key), None)
            if orphan:
                sent, count = orphan
                self.pending -= count
                self.pending_usd = self.pending_usd - sent.usd * count if self.pending else 0.0  # no dust

    def give_up(self) -> None:
        """Note that no answer to the requests of `pending` will come, so that each is told of once."""
        lines = []
        for key, (sent, count) in self._orphans.items():
            name, request = key.hex(), self._readable_at(sent)
            told: dict[str, Any] = {"error": "under way when the attempt ended"}
            lines += [self._line(name, "failed", request, sent.usd, response=told) for _ in range(count)]
        self._orphans.clear()
        if lines:
            self._append(b"".join(lines))

    def sent(self, key: str, request: Request, usd: float) -> None:
        """Note that the request goes out now and may cost `usd` at most."""
        self._append(self._line(key, "sent", request, usd))
        self._sent[bytes.fromhex(key)] = _Sent(usd, 0, 0)
        if len(self._written) > MOST_REMEMBERED:  # a batch: its answers are hours away
            self._written.clear()

    def failed(
        self, key: str, request: Request, usd: float, why: str, *, retried_anyway: bool = False
    ) -> None:
        """Note that no answer came; `usd` is what may have been billed for it."""
        self.lost_usd += usd
        self.retried_anyway += retried_anyway
        self._sent.pop(bytes.fromhex(key), None)
        told: dict[str, Any] = {"error": why} | ({"retried_anyway": True} if retried_anyway else {})
        self._append(self._line(key, "failed", request, usd, response=told))

    async def answered(self, key: str, request: Request, completion: Completion, usd: float) -> None:
        """Return once the answer is safe on the disk; answers of one moment share an fsync."""
        usage = {"tokens_in": completion.usage.tokens_in, "tokens_out": completion.usage.tokens_out}
        response = {
            "text": completion.text,
            "finish_reason": completion.finish_reason,
            "model": completion.model,
            **({"fingerprint": completion.fingerprint} if completion.fingerprint else {}),
            **({"top_logprobs": dict(completion.top_logprobs)} if completion.top_logprobs else {}),
            **({"server": self._server} if self._server else {}),
        }
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((self._line(key, "answered", request, usd, usage, response), written))
        if self._flusher is None:
            self._flusher = loop.create_task(self._flush())
        await written
        self._sent.pop(bytes.fromhex(key), None)

    def close(self) -> None:
        """Write what still waits, and give the file back."""
        waiting, self._waiting = self._waiting, []
        try:
            if waiting:
                self._write_durably([line for line, _ in waiting])
        finally:
            os.close(self._file)

    async def _flush(self) -> None:
        await asyncio.sleep(0)  # let the answers that are ready in this moment join
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write_durably, [line for line, _ in batch])
            except asyncio.CancelledError:
                self._waiting = batch + self._waiting  # `close` writes them; a second copy does no harm
                raise
            except Exception as error:
                _settle(batch, error)
            else:
                _settle(batch, None)
        self._flusher = None

    def _write_durably(self, lines: list[bytes]) -> None:
        self._append(b"".join(lines))
        os.fsync(self._file)

    def _append(self, lines: bytes) -> None:
        whole = b"\n" + lines if self._torn else lines
        try:
            written = os.write(self._file, whole)
            self._appended += written
            self._torn = written < len(whole)
        except OSError as error:
            raise Stopped(_unwritten(self.path, error.strerror or str(error))) from None
        if self._torn:
            raise Stopped(_unwritten(self.path, "the disk is full"))

    def _answer(self, row: Row) -> Answer:
        usage = Usage(requests=1, usd=row["usd"], **row["usage"])
        response, prompt = row["response"], row["request"]["prompt"]
        own, server = row["account"] == self._name, response.get("server", "")
        return Answer(answered(prompt, response, usage), row["usd"], own, server)

    def _line(
        self,
        key: str,
        state: str,
        request: Request | None,
        usd: float,
        usage: dict[str, int] | None = None,
        response: dict[str, Any] | None = None,
    ) -> bytes:
        head = {"key": key, "t": round(time.time(), 3), "state": state, "account": self._name, "usd": usd}
        told = json.dumps({**head, "usage": usage, "response": response}, ensure_ascii=False)
        if key not in self._written:
            row = request.row() if request else None
            self._written[key] = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
        asked = self._written[key] if state == "sent" else self._written.pop(key)
        return told[:-1].encode("utf-8", "replace") + b', "request": ' + asked + b"}\n"

    def refresh(self) -> None:
        """Learn of the answers that were appended since: by other processes, and by this one."""
        for line, start in self._new_lines():
            head = _HEAD.match(line)
            if head and head[2] == b"answered":
                self._places[bytes.fromhex(head[1].decode())] = (start, len(line))

    def _index(self) -> bool:
        """Learn where each answer lies and what this account spent. Returns whether the end is torn."""
        under_way: Counter[bytes] = Counter()
        bound: dict[bytes, _Sent] = {}
        for line, start in self._new_lines():
            self._note(line, start, under_way, bound)
        rest = os.pread(self._file, os.fstat(self._file).st_size - self._end, self._end)
        self._note(rest, self._end, under_way, bound)
        self._orphans = {key: (bound[key], count) for key, count in under_way.items() if count > 0}
        self.pending = sum(count for _, count in self._orphans.values())
        self.pending_usd = sum(sent.usd * count for sent, count in self._orphans.values())
        self.spent += self.pending_usd
        return bool(rest)

    def _new_lines(self) -> Iterator[tuple[bytes, int]]:
        """The complete lines behind those that were read before, each with its place in the file."""
        with open(self._file, "rb", closefd=False) as file:
            file.seek(self._end)
            for line in file:
                if line.endswith(b"\n"):
                    yield line, self._end
                    self._end += len(line)

    def _note(self, line: bytes, start: int, under_way: Counter[bytes], bound: dict[bytes, _Sent]) -> None:
        head = _HEAD.match(line)
        if head is None or not line.rstrip(b"\n").endswith(b"}"):
            self.broken += bool(line.strip())
            return
        key, state, own = bytes.fromhex(head[1].decode()), head[2], head[3] == self._account
        if state == b"answered":
            self._places[key] = (start, len(line))
        if not own:
            return
        if state == b"sent":
            under_way[key] += 1
            self._sent[key] = bound[key] = _Sent(float(head[4]), start, len(line))
        else:
            under_way[key] -= 1
            self._sent.pop(key, None)
            self.spent += float(head[4])
            if state == b"failed":
                self.lost_before_usd += float(head[4])
                self.retried_anyway += b'"retried_anyway": true}' in line  # no text holds these quotes bare


def servers_of(folder: Path, model: str) -> set[str]:
    """The addresses at which the answers were told that the journal in `folder` has of the model."""
    try:
        with (folder / f"{file_name(model)}.jsonl").open("rb") as file:
            found = {told[1] for line in file if (told := _SERVER.search(line))}
    except OSError:
        return set()
    return {json.loads(one) for one in found}


def holds_answers(folder: Path, model: str) -> bool:
    """Whether the journal in `folder` has an answer of the model, to whatever request."""
    try:
        with (folder / f"{file_name(model)}.jsonl").open("rb") as file:
            return any((head := _HEAD.match(line)) and head[2] == b"answered" for line in file)
    except OSError:
        return False


def answered(prompt: str, response: Row, usage: Usage) -> Completion:
    """The answer that a line's `response` holds."""
    return Completion(
        prompt,
        response["text"],
        response["model"],
        response["finish_reason"],
        usage,
        response.get("fingerprint", ""),
        response.get("top_logprobs"),
    )


def file_name(model: str) -> str:
    """`model` as the name of a file: safe characters only, and never one of `.` and `..`."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", model).lstrip(".") or "_"
    return safe if len(safe) <= 100 else f"{safe[:83]}-{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def _settle(batch: list[tuple[bytes, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, written in batch:
        if written.done():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)


def _unwritten(path: Path, why: str) -> str:
    return (
        f"{path} cannot be written ({why}). Every answer so far is kept: "
        "make room and run the same command again to go on"
    )

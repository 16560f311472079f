"""A hub of our own: serves repositories over HTTP as the Hugging Face hub does, and notes what is asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "someone/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 10_000
"""Files from this size on are known by their sha256, as those are that the hub keeps apart from git."""


@dataclass(frozen=True)
class Repository:
    """What a repository holds at COMMIT, which is also its branch main."""

    files: Mapping[str, bytes]
    kind: str = "dataset"
    gated: bool = False
    """Whether only those whom its owners let in get its files."""


@dataclass
class Hub:
    """Where the hub is, and what was asked of it."""

    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request, in their order."""
    served: dict[str, int] = field(default_factory=dict)
    """Bytes of each file that went out, all requests together."""
    breaks_off: set[str] = field(default_factory=set)
    """Files whose answer ends in the middle, once,"""
    pauses_in: set[str] = field(default_factory=set)
    """and those that come no further, once, before `go_on`."""
    go_on: threading.Event = field(default_factory=threading.Event)
    ranges: list[tuple[str, int]] = field(default_factory=list)
    """Files of which only the end was asked for, and from which byte on."""

    def gets(self, name: str) -> int:
        """How often the file was asked for."""
        return sum(path.endswith(f"/{name}") for method, path in self.asked if method == "GET")


@contextmanager
def hub(files: Mapping[str, bytes]) -> Iterator[str]:
    """The address of a hub whose data set NAME holds `files` at COMMIT, and nothing else."""
    with repositories({NAME: Repository(files)}) as known:
        yield known.address


@contextmanager
def repositories(held: Mapping[str, Repository]) -> Iterator[Hub]:
    """A hub that holds these repositories, by their names."""
    known = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            known.asked.append((self.command, path))
            code, body, headers = _reply(path, held)
            begin = 0
            if told := self.headers.get("Range"):
                begin = int(told.removeprefix("bytes=").partition("-")[0])
                known.ranges.append((_file(path), begin))
                code, headers = (
                    206,
                    {**headers, "Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"},
                )
            self.send_response(code)
            for key, value in {**headers, "Content-Length": str(len(body) - begin)}.items():
                self.send_header(key, value)
            self.end_headers()
            if with_body:
                self._send(path, body[begin:])

        def _send(self, path: str, body: bytes) -> None:
            name, half = _file(path), len(body) // 2
            if name in known.breaks_off:
                known.breaks_off.discard(name)
                body = body[:half]
            with suppress(OSError):  # who asked may be killed
                self.wfile.write(body[:half])
                if name in known.pauses_in:
                    known.pauses_in.discard(name)
                    known.go_on.wait(60)
                self.wfile.write(body[half:])
            if name:
                known.served[name] = known.served.get(name, 0) + len(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    known.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()


def _file(path: str) -> str:
    """The file of a repository that a path names, if it does."""
    return path.partition("/resolve/")[2].partition("/")[2]


Reply = tuple[int, bytes, dict[str, str]]


def _reply(path: str, held: Mapping[str, Repository]) -> Reply:
    """Status, body and headers of what a path asks for."""
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        kind, name, rest = parts[1].rstrip("s"), "/".join(parts[2:4]), parts[4:]
    else:
        kind = "dataset" if parts[0] == "datasets" else "model"
        parts = parts[1:] if kind == "dataset" else parts
        name, rest = "/".join(parts[:2]), parts[2:]
    found = held.get(name)
    if found is None or found.kind != kind:
        return 401, b"{}", {"X-Error-Code": "RepoNotFound"}
    if found.gated and rest[:1] in (["resolve"], ["auth-check"]):
        return 403, b"{}", {"X-Error-Code": "GatedRepo"}
    if len(rest) > 1 and rest[1] not in ("main", COMMIT):
        return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
    return _asked(found, name, rest)


def _asked(found: Repository, name: str, rest: Sequence[str]) -> Reply:
    json_type = {"Content-Type": "application/json"}
    match rest:
        case ["resolve", _, *file] if "/".join(file) in found.files:
            content = found.files["/".join(file)]
            return 200, content, {"ETag": f'"{_blob(content)}"', "X-Repo-Commit": COMMIT}
        case ["resolve", *_]:
            return 404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
        case ["tree", _]:
            listing = [
                {"type": "file", "path": file, "size": len(content), "oid": _blob(content)}
                for file, content in found.files.items()
            ]
            return 200, json.dumps(listing).encode(), json_type
        case [] | ["revision", _]:
            told = {"id": name, "sha": COMMIT, "private": False, "gated": "auto" if found.gated else False}
            told |= {
                "siblings": [_sibling(*each) for each in found.files.items()],
                "downloads": 0,
                "tags": [],
            }
            return 200, json.dumps(told).encode(), json_type
        case ["auth-check"]:
            return 200, b"{}", json_type
    return 404, b"{}", {}


def _sibling(name: str, content: bytes) -> dict[str, object]:
    told: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": _blob(content)}
    if len(content) >= LARGE:
        digest = hashlib.sha256(content).hexdigest()
        told["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 130}
    return told


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

"""A hub of our own: serves one data set repository over HTTP as the Hugging Face hub does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "someone/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(files: Mapping[str, bytes]) -> Iterator[str]:
    """The address of a hub whose repository NAME holds `files` at COMMIT, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, *, with_body: bool) -> None:
            code, body, headers = _reply(self.path.partition("?")[0], files)
            self.send_response(code)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _reply(path: str, files: Mapping[str, bytes]) -> tuple[int, bytes, dict[str, str]]:
    if path == f"/api/datasets/{NAME}/tree/{COMMIT}":
        listing = [
            {"type": "file", "path": name, "size": len(content), "oid": _blob(content)}
            for name, content in files.items()
        ]
        return 200, json.dumps(listing).encode(), {"Content-Type": "application/json"}
    name = path.removeprefix(f"/datasets/{NAME}/resolve/{COMMIT}/")
    if name in files:
        return 200, files[name], {"ETag": f'"{_blob(files[name])}"', "X-Repo-Commit": COMMIT}
    return 404, b"{}", {"X-Error-Code": "RevisionNotFound" if NAME in path else "RepoNotFound"}


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

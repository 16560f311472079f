"""The Batch API of `tests.servers.Server`: files and batches, kept in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]


class Batches:
    """A server's Batch API. A batch is `looks` looks away from its end."""

    def __init__(self, answered: Callable[[Body], tuple[int, Body]]) -> None:
        self._answered = answered
        self.files: dict[str, bytes] = {}
        self.made: dict[str, Body] = {}
        self.looks = 1
        self.end = "completed"
        """Or expired, failed, cancelled: what every batch comes to."""
        self.refuse: tuple[int, str] | None = None
        """A status and a code with which every POST is refused."""
        self.keep_back = 0
        """So many requests of each batch stay unanswered."""
        self.created: Callable[[], None] = lambda: None
        """Is called when a batch was made, before the client learns of it."""
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def requests(self) -> list[Body]:
        """Every request of every batch, as it was handed in."""
        found = [self.files[batch["input_file_id"]] for batch in self.made.values()]
        return [json.loads(line) for content in found for line in content.splitlines()]

    def post(self, path: str, sent: bytes) -> tuple[int, bytes]:
        if self.refuse:
            status, code = self.refuse
            return status, json.dumps({"error": {"message": code, "code": code}}).encode()
        with self._lock:
            if path.endswith("/files"):
                number = f"file-{len(self.files)}"
                self.files[number] = sent[sent.index(b'{"custom_id"') : sent.rindex(b"}") + 1]
                told: Body = {"id": number, "object": "file", "purpose": "batch", "bytes": len(sent)}
                return 200, json.dumps(
                    told | {"created_at": 1, "filename": "x", "status": "processed"}
                ).encode()
            told = json.loads(sent)
            number = f"batch-{len(self.made)}"
            count = len(self.files[told["input_file_id"]].splitlines())
            counts = {"total": count, "completed": 0, "failed": 0}
            self.made[number] = told | {
                "id": number, "object": "batch", "status": "in_progress", "created_at": 1,
                "expires_at": 1_800_000_000, "request_counts": counts,
            }  # fmt: skip
            self._left[number] = self.looks
        self.created()
        return 200, json.dumps(self.made[number]).encode()

    def get(self, path: str) -> tuple[int, bytes]:
        place = path.partition("?")[0].split("/")
        with self._lock:
            if place[-1] == "batches":
                data = {"object": "list", "data": list(self.made.values()), "has_more": False}
                return 200, json.dumps(data).encode()
            if place[-1] == "content":
                return 200, self.files[place[-2]]
            if place[-1] not in self.made:
                return 404, b'{"error": {"message": "no such batch", "code": "not_found"}}'
            batch = self.made[place[-1]]
            self._left[batch["id"]] -= 1
            if self._left[batch["id"]] < 0 and batch["status"] == "in_progress":
                self._finish(batch)
            return 200, json.dumps(batch).encode()

    def _finish(self, batch: Body) -> None:
        batch["status"] = self.end
        if self.end == "failed":
            batch["errors"] = {
                "data": [{"code": "invalid_json_line", "message": "line 1 is broken", "line": 1}]
            }
            return
        rows = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        told = [self._row(row) for row in rows[: len(rows) - self.keep_back]]
        for name, wanted in (("output_file_id", True), ("error_file_id", False)):
            lines = [line for line in told if (line["response"]["status_code"] == 200) == wanted]
            if lines:
                batch[name] = f"{batch['id']}-{name}"
                content = "\n".join(json.dumps(line) for line in reversed(lines))
                self.files[batch[name]] = content.encode()

    def _row(self, row: Body) -> Body:
        status, body = self._answered(row["body"])
        response = {"status_code": status, "request_id": "r", "body": body}
        return {"id": "x", "custom_id": row["custom_id"], "response": response, "error": None}

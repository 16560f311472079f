"""A real OpenAI-compatible server on 127.0.0.1: it answers sensibly, or as badly as a test asks it to.

    with Server() as server:                      # answers every prompt of alpaca_exp
        config = OpenAITeacherConfig(model="fake", base_url=server.base_url)
        ...
    assert server.count == 3

`Server(answer)` takes a function of the request's body and its number (0, 1, ...) instead.
"""

from __future__ import annotations

import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from alpaca_exp.schemas import OpenAITeacherConfig

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the server sends back: good by default, each field one way to go wrong."""

    text: str | None = ""
    finish_reason: str = "stop"
    refusal: str | None = None
    usage: tuple[int, int] | None = None
    """Prompt and answer tokens; None: the words are counted."""
    status: int = 200
    error: str = ""
    """The error's code and message, for a status other than 200 (or for an error inside a 200)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """The body as it goes out, instead of JSON."""
    content_type: str = "application/json"
    delay_s: float = 0.0
    drop: bool = False
    """Hang up without a word."""
    cut: bool = False
    """Hang up in the middle of the body."""


Answer = Callable[[Body, int], "Reply | str"]


class Server:
    """The server, in threads of this process. `count`, `bodies` and `keys` tell what it was sent."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda body, number: sensible(body))
        self.bodies: list[Body] = []
        self.keys: list[str] = []
        self.paths: list[str] = []
        """Where each request went, with its query."""
        self.batches = Batches(self)
        self.peak = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def count(self) -> int:
        """Requests that arrived, answered or not."""
        return len(self.bodies)

    def prompts(self) -> list[str]:
        """The prompts in the order in which they arrived."""
        return [prompt_of(body) for body in self.bodies]

    def arrived(self, body: Body, key: str, path: str) -> int:
        with self._lock:
            self.bodies.append(body)
            self.keys.append(key)
            self.paths.append(path)
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
            return len(self.bodies) - 1

    def left(self) -> None:
        with self._lock:
            self._under_way -= 1


class Batches:
    """The server's Batch API. A batch is `looks` looks away from its end."""

    def __init__(self, server: Server) -> None:
        self._server = server
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
        for name, wanted in (("output_file_id", True), ("error_file_id", False)):
            lines = [self._row(row) for row in rows[: len(rows) - self.keep_back]]
            lines = [line for line in lines if (line["response"]["status_code"] == 200) == wanted]
            if lines:
                batch[name] = f"{batch['id']}-{name}"
                content = "\n".join(json.dumps(line) for line in reversed(lines))
                self.files[batch[name]] = content.encode()

    def _row(self, row: Body) -> Body:
        answered = self._server.answer(row["body"], -1)
        reply = Reply(answered) if isinstance(answered, str) else answered
        response = {"status_code": reply.status, "request_id": "r", "body": _json(reply, row["body"])}
        return {"id": "x", "custom_id": row["custom_id"], "response": response, "error": None}


def prompt_of(body: Body) -> str:
    """The user's message, or the bare prompt of the completions interface."""
    return str(body["prompt"] if "prompt" in body else body["messages"][-1]["content"])


def sensible(body: Body) -> Reply:
    """An answer that fits whichever of alpaca_exp's prompts it is; a function of the body alone."""
    prompt = prompt_of(body)
    rng = random.Random(json.dumps(body, sort_keys=True))
    count = re.search(r"\nList of (\d+) tasks:\n", prompt)
    if count:
        return Reply(task_list_reply(prompt, int(count[1]), rng))
    if prompt.endswith("\n[Scores]\n"):
        return Reply(f"{rng.randint(2, 18) / 2:g} {rng.randint(2, 18) / 2:g}\nBoth answers are made up.")
    if prompt.endswith("\n[Score]\n"):
        return Reply(f"{rng.randint(0, 10) / 2:g}\nIt is made up.")
    if prompt.endswith("\n[Verdict]\n"):
        return Reply("keep: it looks right" if rng.random() < 0.8 else "remove: it looks wrong")
    return Reply(" ".join(rng.choices(WORDS, k=rng.randint(3, 12))).capitalize() + ".")


def task_list_reply(prompt: str, count: int, rng: random.Random) -> str:
    """Items for the rest of the list that the prompt opened, in its own format."""
    first = int(re.findall(r"(\d+)\. Instruction:$", prompt)[0])
    items = []
    for number in range(first, count + 1):
        heading = "" if number == first else f"{number}. Instruction: "
        instruction = "Say " + " ".join(rng.sample(WORDS, 9)) + "."
        given = " ".join(rng.sample(WORDS, 4)) if rng.random() < 0.3 else "<noinput>"
        output = " ".join(rng.choices(WORDS, k=6))
        items.append(f"{heading}{instruction}\n{number}. Input:\n{given}\n{number}. Output:\n{output}\n")
    return " " + "###\n".join(items)


class _Http(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._tell(server.batches.get(self.path))

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith(("/files", "/batches")):
                self._tell(server.batches.post(self.path, sent))
                return
            body = json.loads(sent)
            key = self.headers.get("Authorization") or self.headers.get("api-key", "")
            number = server.arrived(body, key, self.path)
            try:
                reply = server.answer(body, number)
                self._send(Reply(reply) if isinstance(reply, str) else reply, body)
            finally:
                server.left()

        def _tell(self, told: tuple[int, bytes]) -> None:
            status, content = told
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _send(self, reply: Reply, body: Body) -> None:
            time.sleep(reply.delay_s)
            place = self.path.partition("?")[0]
            if not place.endswith("/completions") or ("/chat/" in place) == ("prompt" in body):
                reply = Reply(status=404, error="not_found")
            content = reply.raw if reply.raw is not None else json.dumps(_json(reply, body)).encode()
            if not reply.drop:
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(content)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if reply.cut else content)
                self.wfile.flush()
            if reply.drop or reply.cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

    return Handler


def _json(reply: Reply, body: Body) -> Body:
    if reply.error:
        return {"error": {"message": reply.error, "type": reply.error, "code": reply.error}}
    tokens_in, tokens_out = reply.usage or (len(prompt_of(body).split()), len((reply.text or "").split()))
    chat = "messages" in body
    message = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    choice = {"index": 0, "finish_reason": reply.finish_reason, "logprobs": None}
    choice |= {"message": message} if chat else {"text": reply.text}
    return {
        "id": "cmpl-1",
        "object": "chat.completion" if chat else "text_completion",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        },
    }


_WORDS = """amber anchor apple arrow autumn badger bakery balloon banjo barley basket beacon beaver bishop
blanket blossom bottle bridge bronze butter cabin cactus candle canyon captain carpet castle cedar cellar
cherry chimney cinnamon circus clover cobweb coconut comet compass copper coral cotton cradle cricket crystal
curtain dagger daisy desert diamond dolphin dragon eagle ember engine falcon feather fiddle fjord forest
fossil fountain galaxy garlic ginger glacier goblet granite grape hammer harbour harvest hazel hedgehog helmet
heron honey horizon iceberg island ivory jacket jasmine jungle kettle kingdom kitchen kite ladder lagoon
lantern laurel lemon library lizard lobster magnet mango maple marble meadow melon meteor mirror monsoon moss
mountain mustard needle nettle nickel nutmeg oasis ocean olive onion orchard otter oyster paddle palace
panther parrot pebble pepper piano pigeon pillow planet plum pocket pollen poppy prairie pumpkin quarry
quartz rabbit raven reef ribbon river rocket saddle saffron sailor salmon satin shadow shelter silver
sparrow spider spruce squirrel stable statue storm summit sunset tailor temple thistle thunder timber
tortoise tulip tunnel turtle valley vanilla velvet village violin volcano walnut willow
window winter wizard yarrow zebra zephyr"""
WORDS = _WORDS.split()


def teacher_at(server: Server, **more: Any) -> OpenAITeacherConfig:
    """A teacher behind `server`: small lists, few retries, a price, and no novelty filter unless told so."""
    told: Body = {"tasks_per_request": 6, "num_examples": 20, "round_size": 4, "concurrency": 4}
    told |= {"max_retries": 2, "timeout_s": 20.0, "usd_per_million_in": 1.0, "usd_per_million_out": 4.0}
    told |= {"model": "fake", "base_url": server.base_url, "api_key_env": "ALPACA_EXP_TEST_KEY"}
    return OpenAITeacherConfig(**(told | more))


def stage_folder(outputs: Path, stage: str = "generate", fingerprint: str = "0123456789abcdef") -> Path:
    """The `out` that the engine would hand to a stage."""
    out = outputs / stage / fingerprint
    out.mkdir(parents=True, exist_ok=True)
    return out

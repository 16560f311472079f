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
from tests.batches import Batches, Body


@dataclass(frozen=True)
class Reply:
    """What the server sends back: good by default, each field one way to go wrong."""

    text: str | None = ""
    finish_reason: str = "stop"
    model: str | None = None
    """What it says it is; None: what was asked for."""
    fingerprint: str | None = None
    refusal: str | None = None
    usage: tuple[int, int] | None = None
    """Prompt and answer tokens; None: the words are counted."""
    logprobs: Mapping[str, Any] | None = None
    """As the completions interface has them (tokens, token_logprobs, top_logprobs), or chat (content)."""
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
        self.batches = Batches(self._answered)
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

    def close(self) -> None:
        """Take no further connection; those that are there live on."""
        self._http.socket.close()

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

    def _answered(self, body: Body) -> tuple[int, Body]:
        """Status and body of what a request of a batch comes to."""
        answered = self.answer(body, -1)
        reply = Reply(answered) if isinstance(answered, str) else answered
        return reply.status, _json(reply, body)

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
    if prompt.endswith("\n[Solution and scores]\n"):
        return Reply(f"Both are made up.\n{rng.randint(2, 18) / 2:g} {rng.randint(2, 18) / 2:g}")
    if prompt.endswith("\n[Comparison and verdict]\n"):
        return Reply(f"Both are made up.\nverdict: {rng.choice(('1', '2', 'tie'))}")
    if prompt.endswith("\n[Better output]\n"):
        return Reply(rng.choice("mM"), finish_reason="length")
    if prompt.endswith("\n[Reasons and rating]\n"):
        return Reply(f"It is made up.\nrating: {rng.randint(2, 20) / 2:g}")
    if prompt.endswith("\n[Yes or no]\n"):
        return Reply(rng.choice(("yes", "no")))
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
    choice = {"index": 0, "finish_reason": reply.finish_reason, "logprobs": reply.logprobs}
    choice |= {"message": message} if chat else {"text": reply.text}
    return {
        "id": "cmpl-1",
        "object": "chat.completion" if chat else "text_completion",
        "created": 1,
        "model": reply.model or body["model"],
        **({"system_fingerprint": reply.fingerprint} if reply.fingerprint else {}),
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

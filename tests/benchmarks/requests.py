"""Asking a server: throughput at a high concurrency, and CPU a request beside a bare AsyncOpenAI loop.

    python -m tests.benchmarks.requests            2,000 requests each, some three minutes
    python -m tests.benchmarks.requests --small    400 requests each

The server is a process of its own that answers each request after a fixed latency: two seconds,
256 at once, for the throughput; 50 ms, 64 at once, for the CPU. The peer is what one would write by hand: a
semaphore around `AsyncOpenAI.chat.completions.create`, answers kept in memory. Ours journals each request
and answer, fsynced, and counts the money. The two take turns; each figure is the best of its turns.
Memory is what a process's peak grows by with each further request at 256 at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = """
import asyncio, json, sys
latency = float(sys.argv[1])
usage = {"prompt_tokens": 100, "completion_tokens": 200, "total_tokens": 300}
message = {"role": "assistant", "content": "word " * 200}
choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
body = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                   "usage": usage}).encode()
head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
reply = head % len(body) + body

class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.held = transport, b""
    def data_received(self, data):
        self.held += data
        while (end := self.held.find(b"\\r\\n\\r\\n")) >= 0:
            head = self.held[:end].lower()
            start = head.index(b"content-length:") + 15
            size = int(head[start:].split(b"\\r\\n", 1)[0])
            if len(self.held) < end + 4 + size:
                return
            self.held = self.held[end + 4 + size:]
            loop.call_later(latency, self.transport.write, reply)

async def main():
    global loop
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


FEW, MANY = 500, 1250
"""Requests whose peaks of memory are compared: 500 with 5,000, where 2,000 are asked for time."""
OWN_KIB = (len("word " * 300) + len("word " * 200)) / 1024
"""What the caller holds of each request anyway: its prompt, and the answer it asked for."""


@contextmanager
def served(latency: float) -> Iterator[str]:
    """The address of a server that answers after `latency` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(latency)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()


def bare(address: str, count: int, concurrency: int) -> None:
    """The peer."""
    import openai

    async def run() -> None:
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
            max_connections=None, max_keepalive_connections=concurrency
        )
        client = openai.AsyncOpenAI(
            api_key="none",
            base_url=address,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(limits=limits, trust_env=False),
        )
        gate = asyncio.Semaphore(concurrency)
        texts: list[str | None] = []

        async def one(prompt: str) -> None:
            async with gate:
                reply = await client.chat.completions.create(
                    model="m",
                    messages=[{"role": "user", "content": prompt}],
                    max_tokens=512,
                    temperature=0.0,
                    top_p=1.0,
                )
                texts.append(reply.choices[0].message.content)

        prompts = [_prompt(number) for number in range(count)]
        await asyncio.gather(*(one(prompt) for prompt in prompts))
        await client.close()

    asyncio.run(run())


def ours(address: str, count: int, concurrency: int) -> None:
    """The same through the journal and the ledger."""
    from alpaca_exp.llm.ask import ask_all
    from alpaca_exp.llm.model import Request
    from alpaca_exp.schemas import OpenAITeacherConfig, RuntimeConfig

    config = OpenAITeacherConfig(
        model="m",
        base_url=address,
        concurrency=concurrency,
        usd_per_million_in=0.4,
        usd_per_million_out=1.6,
        budget_usd=1000.0,
    )
    requests = [Request("m", _prompt(number), 512) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "generate" / "benchmark"
        out.mkdir(parents=True)
        ask_all(config, requests, runtime=RuntimeConfig(), out=out, title="ours")


def measured(work: Callable[[str, int, int], None], latency: float, count: int, concurrency: int) -> Figures:
    """Wall and CPU seconds, and the peak memory in MiB, of a process that does nothing else."""
    with served(latency) as address:
        command = [
            sys.executable,
            "-m",
            __spec__.name,
            "--one",
            work.__name__,
            address,
            str(count),
            str(concurrency),
        ]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    figures: Figures = json.loads(told)
    return figures


Figures = dict[str, float]


def _one(name: str, address: str, count: int, concurrency: int) -> None:
    work = {"bare": bare, "ours": ours}[name]
    work(address, 1, 1)  # imports and the first connection are not what is measured
    before, cpu = time.perf_counter(), time.process_time()
    work(address, count, concurrency)
    wall, cpu = time.perf_counter() - before, time.process_time() - cpu
    print(
        json.dumps(
            {"wall": wall, "cpu": cpu, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        )
    )


def _prompt(number: int) -> str:
    return "word " * 300 + str(number)


def _rows(count: int, concurrency: int, turns: int) -> Iterator[dict[str, object]]:
    ideal = math.ceil(count / concurrency) * 2.0
    slow = [
        {work.__name__: measured(work, 2.0, count, concurrency) for work in (bare, ours)}
        for _ in range(turns)
    ]
    wall = {name: min(turn[name]["wall"] for turn in slow) for name in ("bare", "ours")}
    share = {name: ideal / seconds for name, seconds in wall.items()}
    case = f"share of the ideal throughput, {count} requests, {concurrency} at once, 2 s"
    yield _row(case, share["ours"], share["bare"], share["ours"] / share["bare"])
    fast = [{work.__name__: measured(work, 0.05, count, 64) for work in (bare, ours)} for _ in range(turns)]
    cpu = {name: min(turn[name]["cpu"] for turn in fast) * 1000 / count for name in ("bare", "ours")}
    yield _row(
        f"CPU ms a request, {count} requests, 64 at once, 50 ms",
        cpu["ours"],
        cpu["bare"],
        cpu["ours"] / cpu["bare"],
    )
    growth = {work.__name__: _growth(work, FEW, count * MANY // FEW) for work in (bare, ours)}
    case = f"KiB of peak memory a further request, {FEW} to {count * MANY // FEW}, the answers kept"
    yield _row(case, growth["ours"], growth["bare"], growth["ours"] / growth["bare"])
    yield _row(f"the same without its prompt and answer ({OWN_KIB:.1f} KiB)", *_beyond(growth))


def _growth(work: Callable[[str, int, int], None], few: int, many: int) -> float:
    """KiB by which the peak of a process grows with each request; the server answers at once."""
    peaks = [measured(work, 0.0, count, 256)["mib"] for count in (few, many)]
    return (peaks[1] - peaks[0]) * 1024 / (many - few)


def _beyond(growth: dict[str, float]) -> tuple[float, float, float]:
    ours, bare = (max(0.0, growth[name] - OWN_KIB) for name in ("ours", "bare"))
    return ours, bare, ours / bare if bare else math.inf


def _row(case: str, mine: float, peer: float, ratio: float) -> dict[str, object]:
    return {
        "case": case,
        "ours": round(mine, 3),
        "peer": round(peer, 3),
        "ratio": round(ratio, 3),
        "peer_name": "a bare AsyncOpenAI loop",
    }


def main() -> None:
    """Print the figures, and last one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", action="store_true", help="400 requests instead of 2,000")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        name, address, count, concurrency = asked.one
        _one(name, address, int(count), int(concurrency))
        return
    count = 400 if asked.small else 2000
    rows = []
    for row in _rows(count, 256, asked.turns):
        rows.append(row)
        print(
            f"{row['case']}: ours {row['ours']}, {row['peer_name']} {row['peer']}, ratio {row['ratio']}",
            flush=True,
        )
    first = {name: rows[0][name] for name in ("ratio", "ours", "peer")}
    told = {"name": "requests", **first, "unit": "share of the ideal throughput"}
    told |= {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "threads": 1, "n": count}
    print(json.dumps({**told, "rows": rows}))


if __name__ == "__main__":
    main()

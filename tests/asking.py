"""One server asked through the whole machinery, as a stage asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion
from alpaca_exp.schemas import RuntimeConfig
from tests.servers import Answer, Reply, Server, stage_folder, teacher_at

HELLO = Request("fake", "Say hello.", 16)


def ask(server: Server, outputs: Path, *requests: Request, **more: Any) -> list[Completion]:
    config = teacher_at(server, **more)
    out = stage_folder(outputs)
    return ask_all(config, requests or (HELLO,), runtime=RuntimeConfig(), out=out, title="test")


def then(*replies: Reply) -> Answer:
    """These replies one after the other, the last one for ever."""
    return lambda body, number: replies[min(number, len(replies) - 1)]

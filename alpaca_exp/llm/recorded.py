"""Answers that were paid for before: a journal, read back as if it were a model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.llm.journal import answered
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Usage
from alpaca_exp.schemas import (
    RecordedCriticConfig,
    RecordedJudgeConfig,
    RecordedRaterConfig,
    RecordedTeacherConfig,
)

Recorded = RecordedTeacherConfig | RecordedCriticConfig | RecordedRaterConfig | RecordedJudgeConfig


class RecordedModel:
    """The journal `config.journal` as a model. Raises InputError where it has no answer of `config.model`."""

    def __init__(self, config: Recorded) -> None:
        if config.journal is None:
            raise InputError(f"{config.group}.journal is not set; name the journal to replay")
        self._config, self._file = config, config.journal
        self._name, self._places = _places(config.journal, config.model, config.group)

    async def complete(self, request: Request) -> Completion:
        """The answer that was given then. Raises InputError for a request that was not made then."""
        place = self._places.get(dataclasses.replace(request, model=self._name).key)
        if place is None:
            raise InputError(
                f"{self._file} has no answer to the request that ends {_end(request)!r} (sample "
                f"{request.sample}, seed {request.seed}); replay it with that run's {self._config.group}, "
                f"data and prompts, or ask a model: {self._config.group}=openai"
            )
        with self._file.open("rb") as file:
            file.seek(place)
            row = json.loads(file.readline())
        response, usage = row["response"], Usage(requests=1, **row["usage"])
        return answered(request.prompt, response, usage)

    async def close(self) -> None:
        """There is nothing to give back."""


def _end(request: Request) -> str:
    return " ".join(request.prompt.split())[-80:]


def _places(file: Path, model: str, group: str) -> tuple[str, dict[str, int]]:
    """The model's full name in the journal, and where each answer begins: key -> byte."""
    found: dict[str, dict[str, int]] = {}
    place = 0
    try:
        with file.open("rb") as lines:
            for line in lines:
                if b'"state": "answered"' in line[:160] and (name := _asked(line)):
                    found.setdefault(name[0], {})[name[1]] = place
                place += len(line)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    names = [model] if model in found else [name for name in found if name.partition("@")[0] == model]
    if len(names) != 1:
        held = ", ".join(sorted(found)) or "nobody"
        raise InputError(f"{file} holds answers of {held}; name one of them: {group}.model=NAME")
    return names[0], found[names[0]]


def _asked(line: bytes) -> tuple[str, str] | None:
    """Who was asked, and under which key; None for a line that was cut short."""
    try:
        row = json.loads(line)
        return str(row["request"]["model"]), str(row["key"])
    except (ValueError, KeyError, TypeError):
        return None

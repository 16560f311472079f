"""What of the servers a run would miss: a key, the network, the server itself, a budget for one request."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlparse

from alpaca_exp.artifacts import Stage, find
from alpaca_exp.errors import InputError
from alpaca_exp.ledger import price, too_dear
from alpaca_exp.llm.journal import holds_answers, servers_of
from alpaca_exp.schemas import (
    ApiModelConfig,
    EndpointConfig,
    JudgeProtocol,
    LanguageModelConfig,
    RuntimeConfig,
)

HERE = ("127.0.0.1", "localhost", "::1")
"""Hosts that are no network."""
FRAME_TOKENS = 64
"""Of every prompt, at least."""


def key_obstacles(endpoint: EndpointConfig, offline: bool) -> Iterator[tuple[str, bool]]:
    """What can be told without asking: a sentence each, and whether another machine may have what lacks."""
    if endpoint.retired and endpoint.base_url is None:
        name = endpoint.model if isinstance(endpoint, LanguageModelConfig) else "The model"
        yield f"{name} {endpoint.retired}", False
        return
    host, key = urlparse(endpoint.base_url or "https://api.openai.com").hostname, endpoint.api_key_env
    chosen = key != EndpointConfig.api_key_env
    if offline and host not in HERE:
        yield f"runtime.offline is true, but {host} would be asked; set runtime.offline=false", False
    elif key and not os.environ.get(key, "").strip() and (host not in HERE or chosen):
        group = getattr(endpoint, "group", "model")
        none = f'; a server that wants none: {group}.api_key_env=""' if host in HERE else ""
        yield f"{host} wants a key and {key} is not set; export {key}=...{none}", True


def server_obstacles(stages: Mapping[str, Stage], runtime: RuntimeConfig) -> tuple[list[str], list[str]]:
    """What is wrong with the servers that stages still to be made will ask, each tried once, for nothing.

    The second list is of those whose journal holds answers: these may be all that is wanted of them.
    """
    wrong: list[str] = []
    doubtful: list[str] = []
    tried: dict[tuple[object, ...], str | None] = {}
    for stage in stages.values():
        if find(stage, runtime.outputs, remake_damaged=runtime.remake_damaged):
            continue
        for model in stage.config.values():
            if isinstance(model, EndpointConfig) and isinstance(model, LanguageModelConfig):
                place = (model.group, model.base_url, model.api_key_env)
                if place not in tried:
                    tried[place] = _unreached(model, runtime)
                known = holds_answers(runtime.outputs / "journal", model.model)
                found = tried[place] or _unaffordable(model, stage)
                (doubtful if known else wrong).extend([found] if found else [])
    return list(dict.fromkeys(wrong)), list(dict.fromkeys(doubtful))


def other_servers(stages: Mapping[str, Stage], runtime: RuntimeConfig) -> list[str]:
    """One sentence for each model whose answers, here or in the journal, another address has told.

    An address is no part of what an answer is known by: a server may move. So may its name come to stand
    for another model, and then the answers are not those of the model that is meant.
    """
    found = {}
    for name, stage in stages.items():
        made = find(stage, runtime.outputs, remake_damaged=runtime.remake_damaged)
        for model in stage.config.values():
            if isinstance(model, EndpointConfig) and isinstance(model, LanguageModelConfig):
                if made:
                    told = set(made.record["machine"].get("servers", {}).get(model.model, []))
                    what = f"{name} is found, and its answers"
                else:
                    told = servers_of(runtime.outputs / "journal", model.model)
                    what = "the journal holds answers, which are taken where they are wanted again; they"
                if others := sorted(told - {model.address}):
                    found[model.group, model.model, bool(made)] = (
                        f"{what} are those that {model.model} gave at {', '.join(others)}, not at "
                        f"{model.address}. If that is another model, serve it under a name of its own and "
                        f"set {model.group}.model to that name"
                    )
    return list(found.values())


def _unreached(model: LanguageModelConfig, runtime: RuntimeConfig) -> str | None:
    from alpaca_exp.llm.build import build_model
    from alpaca_exp.llm.openai import OpenAIModel

    async def reach() -> None:
        server = build_model(model, runtime)
        assert isinstance(server, OpenAIModel)
        try:
            await server.reach()
        finally:
            await server.close()

    try:
        asyncio.run(reach())
    except InputError as error:
        return str(error)
    return None


def _unaffordable(model: LanguageModelConfig, stage: Stage) -> str | None:
    usd = price(model, FRAME_TOKENS, _written(model, stage))
    beyond = model.budget_usd is not None and usd > model.budget_usd
    return str(too_dear(usd, model.budget_usd or 0.0, model.group)) if beyond else None


def _written(model: LanguageModelConfig, stage: Stage) -> int:
    """The tokens that the answer to a request of the stage may have."""
    if stage.name == "complete":
        return int(stage.config["questions"].max_tokens)
    if isinstance(model, ApiModelConfig):
        most = getattr(stage.config["suite"], "max_tokens", model.max_gen_toks)
        return 1 if model.by_loglikelihood else min(most, model.max_gen_toks)
    if getattr(model, "protocol", None) is JudgeProtocol.preference:
        return 1
    return int(getattr(model, "max_tokens", 1))

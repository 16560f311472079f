"""Models behind an OpenAI-compatible server, asked through its chat or its completions interface.

The client's own retries are off: `attempts` repeats what may help, with the ledger and the journal
knowing. Nothing that leaves this module holds the key, whatever a server echoes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import urlsplit

import openai
from openai.types import Completion as LegacyCompletion
from openai.types.chat import ChatCompletion

from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.llm import connections, first_token
from alpaca_exp.llm.echo import echo_arguments, echoed
from alpaca_exp.llm.model import Request, Unanswered
from alpaca_exp.records import Completion, Usage
from alpaca_exp.schemas import (
    ApiModelConfig,
    Endpoint,
    OpenAICriticConfig,
    OpenAIJudgeConfig,
    OpenAIRaterConfig,
    OpenAITeacherConfig,
)

Served = OpenAITeacherConfig | OpenAICriticConfig | OpenAIRaterConfig | OpenAIJudgeConfig | ApiModelConfig

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")
"""httpx's names for failures before the request went out."""
BATCH_PATHS = ("/files", "/batches")
"""Where batches are handed in."""
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
REJECTED_PROMPTS = {
    "context_length_exceeded": "length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
}
"""Codes of a 400 that speak of one prompt and not of the whole run: that prompt's answer is empty."""


class OpenAIModel:
    """One model of one server. Raises InputError at once where its key is missing."""

    def __init__(self, config: Served, owner: str) -> None:
        self._config, self._owner = config, owner
        address = config.base_url or config.address
        if urlsplit(address).scheme not in ("http", "https"):
            raise InputError(f"{owner}.base_url is {address}; it must start with http:// or https://")
        self._key = api_key(config, owner)
        self._server = urlsplit(address).netloc.rpartition("@")[2] or "the server"
        self._address = config.address
        self._reached = False
        self._limit_name = "max_tokens"
        self._tells_logprobs = True
        bearer = config.key_header.lower() == "authorization"
        self.client = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=address,
            timeout=connections.timeouts(config.timeout_s),
            max_retries=0,
            default_query={"api-version": config.api_version} if config.api_version else None,
            http_client=connections.client(
                config.concurrency,
                config.timeout_s,
                trust_env=not is_local(config),
                follow_redirects=bearer,
                event_hooks={"request": [] if bearer else [self._rename_key]},
            ),
        )

    async def complete(self, request: Request) -> Completion:
        """The answer to one request; a refused or filtered one is empty, and its finish_reason says so."""
        arguments = self.arguments(request)
        with self.translated():
            try:
                reply = await self._create(arguments)
            except openai.APIStatusError as error:
                if self.wants_other_limit(error.message) and "max_tokens" in arguments:
                    return await self.complete(request)
                if error.status_code == 400 and self.has_no_logprobs(request, error.message):
                    return await self.complete(request)
                if error.status_code == 400 and str(error.code) in REJECTED_PROMPTS:
                    return self.rejected(request, str(error.code))
                raise
        return self.read(request, reply)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The client's errors as ours: another attempt may help, or it is the end."""
        try:
            yield
            self._reached = True
        except openai.APIStatusError as error:
            self._reached = True
            reply = error.response
            path = reply.request.url.path
            raise self.refusal(
                error.status_code, str(error.code or ""), _said(error), reply.headers, path
            ) from None
        except openai.APIConnectionError as error:
            raise self._broken(error) from None
        except (openai.APIError, ValueError):
            self._reached = True
            raise Unanswered("the body of the answer is not JSON", lost=True) from None

    def _broken(self, error: openai.APIConnectionError) -> Exception:
        """What a broken connection means. Refused by a server that answered before, it may be a restart."""
        cause = type(error.__cause__).__name__
        refused = connections.refusal(error)
        if refused and not self._reached:
            return InputError(
                f"Nothing answers at {self._address} ({refused}); start the server there, or set "
                f"{self._owner}.base_url to where it is and {self._owner}.model to a model that it serves"
            )
        if cause in NEVER_SENT:
            return Unanswered(f"no connection to {self._address} ({refused or cause})")
        late = isinstance(error, openai.APITimeoutError)
        what = "no answer in time" if late else "the connection broke"
        return Unanswered(f"{what} ({cause})", lost=True)

    def wants_other_limit(self, message: str) -> bool:
        """Newer models want the limit by another name; from here on they get it."""
        if "max_completion_tokens" not in message:
            return False
        self._limit_name = "max_completion_tokens"
        return True

    def has_no_logprobs(self, request: Request, message: str) -> bool:
        """Some models tell no log-probabilities and refuse to be asked; from here on they are not."""
        refused = bool(request.top_logprobs) and "logprob" in message and self._tells_logprobs
        self._tells_logprobs = self._tells_logprobs and not refused
        return refused

    def rejected(self, request: Request, code: str) -> Completion:
        """The empty answer to a prompt that the server will not take."""
        return Completion(request.prompt, "", request.model, REJECTED_PROMPTS[code], Usage(requests=1))

    async def reach(self) -> None:
        """Try the server, asking no model. Raises InputError where nothing is there, or it refuses the key.

        Whatever else comes of it is no reason not to ask it for an answer when the time has come.
        """
        with suppress(Unanswered, Stopped):
            try:
                await self.client.get("/models", cast_to=object, options={"timeout": connections.CONNECT_S})
            except openai.APIStatusError as error:
                if error.status_code == 401 and "scope" not in _said(error):  # a key may be for answers alone
                    raise self.refusal(401, "", "", {}) from None
            except openai.APIConnectionError as error:
                raise self._broken(error) from None
            except (openai.APIError, ValueError):
                pass

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def _rename_key(self, outgoing: Any) -> None:
        """The key in another header than the bearer token's, which a redirect elsewhere would take along."""
        outgoing.headers.pop("Authorization", None)
        outgoing.headers[self._config.key_header] = self._key or "none"

    async def _create(self, body: dict[str, Any]) -> object:
        """As `chat.completions.create` does, without its look through a body that is plain JSON already."""
        if self._config.endpoint is Endpoint.chat:
            return await self.client.post("/chat/completions", body=body, cast_to=ChatCompletion)
        return await self.client.post("/completions", body=body, cast_to=LegacyCompletion)

    def _shown(self, request: Request) -> dict[str, Any]:
        """The prompt: as messages, or as it stands."""
        if request.prompt_tokens:
            return {"prompt": list(request.prompt_tokens)}
        if self._config.endpoint is Endpoint.completions:
            return {"prompt": f"{request.system}\n\n{request.prompt}" if request.system else request.prompt}
        system = [{"role": "system", "content": request.system}] if request.system else []
        return {"messages": [*system, {"role": "user", "content": request.prompt}]}

    def arguments(self, request: Request) -> dict[str, Any]:
        """The body of the request."""
        chat = self._config.endpoint is Endpoint.chat
        return {
            "model": request.model,
            **self._shown(request),
            "temperature": request.temperature,
            "top_p": request.top_p,
            self._limit_name: request.max_tokens,
            **({"stop": list(request.stop)} if request.stop else {}),
            **({"seed": request.seed} if request.seed is not None else {}),
            **({"presence_penalty": request.presence_penalty} if request.presence_penalty else {}),
            **({"logit_bias": dict(request.logit_bias)} if request.logit_bias else {}),
            **echo_arguments(request),
            **(first_token.top_arguments(request, chat) if self._tells_logprobs else {}),
        }

    def read(self, request: Request, reply: object) -> Completion:
        """The completion in a 200, which may be anything: a login page, an error, a refusal."""
        if isinstance(reply, str):
            raise Unanswered(
                f"the answer is a web page, not JSON; is {self._owner}.base_url right? It mostly ends in /v1",
                lost=True,
            )
        choices = getattr(reply, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        legacy = isinstance(reply, LegacyCompletion)
        message = choice if legacy else getattr(choice, "message", None)
        if not isinstance(reply, ChatCompletion | LegacyCompletion) or message is None:
            problem = (getattr(reply, "model_extra", None) or {}).get("error")
            detail = f": {self.safe(problem)}" if problem else ""
            raise Unanswered(f"the answer holds no choices{detail}", lost=True)
        text = getattr(message, "text" if legacy else "content", None)
        if text is not None and not isinstance(text, str):
            raise Unanswered("the answer's content is no text", lost=True)
        reason = getattr(choice, "finish_reason", None)
        known = reason if reason in ("length", "content_filter") else "stop"
        finish_reason = "refusal" if not text and getattr(message, "refusal", None) else known
        text = echoed(request, choice) if request.echo else self._without_key(text or "")
        model = str(getattr(reply, "model", None) or request.model)
        system = str(getattr(reply, "system_fingerprint", None) or "")
        top = first_token.told(choice) if request.top_logprobs else None
        return Completion(
            request.prompt, text, model, finish_reason, _usage(request, reply, text), system, top
        )

    def refusal(
        self, status: int, code: str, message: str, headers: Mapping[str, str], path: str = ""
    ) -> Exception:
        """What a status other than 200 of `path` means: another attempt may help, or it is the end."""
        if status == 402 or (status == 429 and code in NO_MONEY):
            return Stopped(
                f"{self._server} says that its quota or credit is used up. Every answer so far is kept: "
                "top it up and run the same command again to go on"
            )
        if status in (408, 409, 429) or status >= 500:
            lost = status in (408, 502, 504) or status > 511
            return Unanswered(f"HTTP {status} {self.safe(message)}", lost=lost, after_s=_pause(headers))
        if status in (401, 403):
            variable, field = self._config.api_key_env, f"{self._owner}.api_key_env"
            remedy = (
                f"set the environment variable {variable} to a valid one"
                if variable
                else f"put a key into an environment variable and name that with {field}=VARIABLE"
            )
            refused = "refused the key" if self._key else "wants a key and was sent none"
            return InputError(f"{self._server} {refused} for {self._config.model} (HTTP {status}); {remedy}")
        if status in (404, 405):
            return self._unknown(status, code, message, path)
        return InputError(
            f"{self._server} rejects the request (HTTP {status}): {self.safe(message)}; "
            f"check the settings of {self._owner}"
        )

    def _unknown(self, status: int, code: str, message: str, path: str) -> InputError:
        """What the server does not know: the model, the Batch API, or the interface."""
        owner, said = self._owner, f"HTTP {status}: {self.safe(message)}"
        told = f"{code} {message}".lower()
        if "model" in told or "deployment" in told or self._config.model.lower() in told:
            return InputError(
                f"{self._server} knows no model {self._config.model} ({said}); "
                f"check {owner}.model and {owner}.base_url"
            )
        if path.endswith(BATCH_PATHS):
            return InputError(
                f"{self._server} has no Batch API at {path} ({said}); ask it directly: {owner}.batch=false"
            )
        other = "chat" if self._config.endpoint is Endpoint.completions else "completions"
        return InputError(
            f"{self._server} knows nothing at {path or 'that address'} ({said}); check {owner}.base_url (it "
            f"mostly ends in /v1), try {owner}.endpoint={other}, or check {owner}.model"
        )

    def safe(self, text: object) -> str:
        """A server's words, short, on one line, and without the key."""
        words = " ".join(str(text).split())
        return (words.replace(self._key, "[key]") if self._key else words)[:200]

    def _without_key(self, text: str) -> str:
        """An answer that echoes a real key loses it; a local server's `EMPTY` is no secret."""
        return text.replace(self._key, "[key]") if len(self._key) >= 16 else text


def api_key(config: Served, owner: str) -> str:
    """The key from the environment; empty where none is named or needed. Raises InputError.

    A server of one's own names none by default, so that no other service's key is ever sent to it.
    """
    if not config.api_key_env:
        return ""
    key = os.environ.get(config.api_key_env, "").strip()
    if not key and not is_local(config):
        raise InputError(
            f"{owner}.model={config.model} needs a key: set the environment variable {config.api_key_env} "
            "(to any word for a server that asks for none)"
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"The environment variable {config.api_key_env} holds no key: keys are plain ASCII")
    return key


def is_local(config: Served) -> bool:
    """Whether the server runs on this machine: it needs no key, no proxy and no network."""
    return urlsplit(config.address).hostname in LOCAL_HOSTS


def _said(error: openai.APIStatusError) -> str:
    """The server's own words: OpenAI's field for them, or all that it sent where that is missing."""
    _, _, words = error.message.partition(f"Error code: {error.status_code} - ")
    return words or str(error.body or error.message)


def _usage(request: Request, reply: ChatCompletion | LegacyCompletion, text: str) -> Usage:
    """The tokens that the server counted; where it counted none, bytes, of which there are never fewer."""
    told = getattr(reply, "usage", None)
    tokens_in = getattr(told, "prompt_tokens", None)
    tokens_out = getattr(told, "completion_tokens", None)
    if not (isinstance(tokens_in, int) and tokens_in > 0):
        tokens_in = len((request.system + request.prompt).encode("utf-8", "replace"))
    if not (isinstance(tokens_out, int) and tokens_out >= 0):
        tokens_out = len(text.encode("utf-8", "replace"))
    return Usage(requests=1, tokens_in=tokens_in, tokens_out=tokens_out)


def _pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or a date."""
    milliseconds, after = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds:
            return float(milliseconds) / 1000
        return float(after) if after else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(after or "").timestamp() - time())
    except ValueError:
        return None

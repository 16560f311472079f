"""A model behind a server as lm-eval sees it: its own way of asking and reading, our journal and budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.models.openai_completions import LocalCompletionsAPI
from lm_eval.models.utils import has_bos_prefix, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from alpaca_exp.errors import InputError
from alpaca_exp.harness import frames
from alpaca_exp.harness.framed import Meter
from alpaca_exp.llm.ask import Session
from alpaca_exp.llm.echo import Echo, read_echo
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion
from alpaca_exp.schemas import ApiModelConfig, RuntimeConfig

SENT = ("prompt", "model", "max_tokens", "temperature", "stop", "seed", "top_p", "presence_penalty")
"""Of what a task may set for its answers, what reaches the server."""
MOST_STOPS = 4
"""OpenAI takes no more of them; the rest are looked for in the answer."""


class ApiLM(LocalCompletionsAPI):  # type: ignore[misc]
    """lm-eval's `local-completions`, asking through `session` instead of a client of its own.

    Without a tokenizer it only writes answers.
    """

    tokenizer_name = "alpaca"
    """Where lm-eval would name a chat template for its cache of prompts, which is not used here."""

    def __init__(self, config: ApiModelConfig, tokenizer: Any) -> None:
        # Not LocalCompletionsAPI's own: that one wants the packages of the client which is not used here.
        TemplateLM.__init__(self)
        self.config, self.tokenizer = config, tokenizer
        self.model = config.model
        self.max_length = config.max_length - 1 if tokenizer else 0  # one token is always written; 0: unknown
        self.tokenizer_backend = "huggingface" if tokenizer else None
        self.tokenized_requests = config.tokenized_requests and tokenizer is not None
        self.custom_prefix_token_id, self._eos_string = None, None
        self._batch_size, self._seed, self._max_gen_toks = 1, 1234, config.max_gen_toks
        self.session: Session | None = None
        """Where requests go: one conversation a task."""
        self.surplus = 0
        """Tokens that the server puts before a text of its own accord: one for its beginning, or none."""
        self.meter = Meter(0, lambda count: None)
        self.truncated: set[tuple[str, ...]] = set()
        """Texts of the latest task's requests whose beginning was cut off to fit into the model's context."""

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The instruction in Alpaca's frame; by itself for a model that has a frame of its own."""
        return (frames.alpaca if self.config.by_loglikelihood else frames.plain)(chat_history)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """As HFLM encodes: with the tokens around a text that the tokenizer itself puts there."""
        begun = has_bos_prefix(string, self.tokenizer.decode(self.prefix_token_id))
        special = False if add_special_tokens is None and begun else add_special_tokens
        told = {} if special is None else {"add_special_tokens": special}
        ids: list[int] = self.tokenizer.encode(string, **told)
        return ids

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """For each (context, continuation): its log-probability, and whether it is the greedy one."""
        self.meter.requests = len(requests)
        answers: list[tuple[float, bool]] = TemplateLM.loglikelihood(self, requests, disable_tqdm=True)
        return answers

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
        """For each text: its log-probability, in windows that fit into the model's context."""
        asked, windows = [], []
        for number, request in enumerate(requests):
            rolling = get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length - 1,
                context_len=1,
            )
            found = [(None, *make_disjoint_window(window)) for window in rolling]
            asked += [number] * len(found)
            windows += found
        self.meter.requests = len(windows)
        sums = [0.0] * len(requests)
        for number, (value, _) in zip(asked, self._loglikelihood_tokens(windows), strict=True):
            sums[number] += value
        return sums

    def _loglikelihood_tokens(self, requests: list[Any], **_: Any) -> list[tuple[float, bool]]:
        """The requests, each a key, a context's and a continuation's tokens, once they are known to fit."""
        longest = max((len(end) for _, _, end in requests), default=0)
        if longest >= self.max_length:
            raise InputError(
                f"a choice of the task is {longest} tokens long, and base_model.max_length is "
                f"{self.config.max_length}; leave the task out of eval_suite.tasks, or raise "
                "base_model.max_length to what the model reads"
            )
        self.truncated |= {
            key for key, begin, end in requests if key and len(begin) + len(end) > self.max_length
        }
        inputs, _, _ = self.batch_loglikelihood_requests([requests])
        asked = [self.echo_request(ids, len(end)) for ids, (_, _, end) in zip(inputs, requests, strict=True)]
        answers = self.ask(asked)
        return [self._score(*each) for each in zip(inputs, asked, answers, strict=True)]

    def echo_request(self, ids: list[int], count: int, sample: int = 0, *, text: str = "") -> Request:
        """What asks, for the `sample`-th time, for the log-probabilities of the last `count` of `ids`.

        Where the `text` that they are is given, it goes out in their place whatever else does.
        """
        as_ids = self.tokenized_requests and not text
        text = text or self.tokenizer.decode(ids, skip_special_tokens=True)
        payload = self._create_payload(ids if as_ids else text, seed=self._seed)
        return Request(
            model=self.model,
            prompt=text,
            prompt_tokens=tuple(ids) if as_ids else (),
            max_tokens=payload["max_tokens"],
            temperature=payload["temperature"],
            seed=payload["seed"],
            echo=count,
            sample=sample,
        )

    def echo(self, request: Request, answer: Completion) -> Echo:
        """What the server told. Raises InputError where it did not take the prompt."""
        if not answer.text:
            raise InputError(
                f"{self.model} did not take the prompt that ends {_end(request)!r} ({answer.finish_reason}); "
                f"does it read fewer tokens than base_model.max_length={self.config.max_length}? Lower that"
            )
        return read_echo(answer.text)

    def _score(self, ids: list[int], request: Request, answer: Completion) -> tuple[float, bool]:
        echo = self.echo(request, answer)
        logprobs, tops = echo.token_logprobs, echo.top_logprobs
        written = echo.count - len(ids) - self.surplus
        if written == 0 and answer.finish_reason == "stop":  # it leaves out the token that ends a text
            logprobs, tops = [*logprobs, None], [*tops, None]
        elif written != 1:
            raise InputError(
                f"{self.model} told of {echo.count} tokens, and base_model.tokenizer makes {len(ids)} of the "
                f"prompt that ends {_end(request)!r}; name the model's own tokenizer, or send token ids with "
                "base_model.tokenized_requests=true"
            )
        ends = slice(-request.echo - 1, -1)
        if None in logprobs[ends] or None in tops[ends] or len(logprobs[ends]) < request.echo:
            raise InputError(
                f"{self.model} told no log-probability for a token of the prompt that ends "
                f"{_end(request)!r}; measure it by letters, with base_model.scoring=generative"
            )
        told = {"token_logprobs": logprobs, "top_logprobs": [{"": top} for top in tops]}
        place = len(logprobs) - 1 - request.echo
        found = self.parse_logprobs({"choices": [{"index": 0, "logprobs": told}]}, ctxlens=[place])
        return float(found[0][0]), bool(found[0][1])

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """For each (context, settings): the text written until a stop sequence."""
        self.meter.requests = len(requests)
        seen: Counter[Request] = Counter()
        asked, stops = [], []
        for context, settings in (request.args for request in requests):
            payload = self._create_payload(context, generate=True, gen_kwargs=dict(settings), seed=self._seed)
            until = [stop for stop in payload["stop"] if stop]
            request = self._written(context, payload, until)
            drawn = seen[request] if request.temperature else 0  # without chance, one answer is all answers
            seen[request] += 1
            asked.append(replace(request, sample=drawn))
            stops.append(until)
        answers = [answer.text for answer in self.ask(asked)]
        return [
            postprocess_generated_text(text, until, None) for text, until in zip(answers, stops, strict=True)
        ]

    def _written(self, context: str, payload: dict[str, Any], until: list[str]) -> Request:
        if unsent := payload.keys() - set(SENT):
            raise InputError(
                f"a task sets {', '.join(sorted(unsent))} for its answers, which servers do not take; "
                "leave it out of eval_suite.tasks"
            )
        return Request(
            model=self.model,
            prompt=context,
            max_tokens=payload["max_tokens"],
            temperature=payload["temperature"],
            top_p=payload.get("top_p", 1.0),
            stop=tuple(until[:MOST_STOPS]),
            seed=payload["seed"],
            presence_penalty=payload.get("presence_penalty", 0.0),
        )

    def ask(self, requests: Sequence[Request]) -> list[Completion]:
        """The answers, through the session that is open."""
        assert self.session is not None, "a model behind a server is asked in a session"
        return self.session.ask(requests, self._count)

    def answered(self, requests: Sequence[Request]) -> bool:
        """Whether all of them were answered before."""
        return self.session is not None and self.session.holds(requests)

    def dollars(self) -> str:
        """What was paid so far, for the progress bar; empty for a server that costs nothing."""
        return self.session.dollars() if self.session else ""

    def _count(self, answers: int) -> None:
        for _ in range(answers):
            self.meter.count()


@contextmanager
def conversation(lm: ApiLM, runtime: RuntimeConfig, out: Path, part: str) -> Iterator[None]:
    """In the block `lm` asks in a session of its own, reported as the `part` of the stage at `out`."""
    with Session(lm.config, runtime=runtime, out=out, title=part) as lm.session:
        try:
            yield
        finally:
            lm.session = None


def _end(request: Request) -> str:
    return " ".join(request.prompt.split())[-60:]

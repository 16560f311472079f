"""The model as lm-eval sees it: its own Hugging Face model, quicker where documents share their beginning."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from alpaca_exp.errors import InputError
from alpaca_exp.harness.encoding import Pair, encoded
from alpaca_exp.harness.framed import Framed
from alpaca_exp.harness.generation import generate_until
from alpaca_exp.harness.likelihoods import Answer, loglikelihoods, shares
from alpaca_exp.harness.quiet import muted
from alpaca_exp.harness.tree import asked
from alpaca_exp.llm.local import LocalModel

CPU_TOKENS = 1024
"""A CPU is at full speed with so many tokens, and what they leave in memory is still near it."""
LONGER = "take a model with a longer context (base_model.max_position_embeddings, where it is made here)"


class FramedLM(Framed, HFLM):  # type: ignore[misc]
    """lm-eval's own Hugging Face model, with Alpaca's frame in the place of a chat template.

    Tokens, truncation and what stands before an empty context are lm-eval's. Log-likelihoods are computed
    without repeating what requests share, where the architecture allows it.
    """

    def __init__(self, local: LocalModel, batch_size: int) -> None:
        with muted():
            super().__init__(pretrained=local.model, tokenizer=local.tokenizer, batch_size=batch_size)
        self.watch()
        self._shares: bool | None = None
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._task = ""

    def read(self, requests: Iterable[Instance]) -> None:
        """Tokenise the requests of a task ahead, many at a time.

        Raises InputError, in one sentence, where most of its documents do not fit into the model's
        context, or a choice alone does not, or what is to be written leaves no room for the prompt.
        """
        requests = list(requests)
        pairs = {request.args for request in requests if request.request_type == "loglikelihood"}
        self._pairs |= encoded(self, [pair for pair in pairs if pair[0]])
        documents = {request.doc_id for request in requests}
        long = {request.doc_id for request in requests if self._too_long(request)}
        if 2 * len(long) > len(documents):
            raise InputError(
                f"{len(long)} of {len(documents)} documents of the task {requests[0].task_name} do not fit "
                f"into the model's context of {self.max_length} tokens; lower eval_suite.num_fewshot, "
                f"{LONGER}, or leave the task out of eval_suite.tasks"
            )

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[Answer]:
        """For each (context, continuation): its log-probability, and whether it is the greedy one."""
        self.meter.requests, self._task = len(requests), requests[0].task_name
        texts = {request.args for request in requests}
        self._pairs |= encoded(self, [pair for pair in texts if pair[0] and pair not in self._pairs])
        answers: list[Answer] = super().loglikelihood(requests, disable_tqdm=True)
        for pair in texts:
            self._pairs.pop(pair, None)
        return answers

    def _encode_pair(self, context: str, continuation: str) -> Pair:
        known = self._pairs.get((context, continuation))
        pair: Pair = super()._encode_pair(context, continuation) if known is None else known
        return pair

    def _loglikelihood_tokens(self, requests: list[Any], *given: Any, **options: Any) -> list[Answer]:
        """The requests, each a key, a context's and a continuation's tokens, once they are known to fit."""
        longest = max((len(continuation) for _, _, continuation in requests), default=0)
        self._check(longest, self._task)
        limit = self.max_length + 1  # the last token is only predicted, never read
        self.truncated |= {texts for texts, begin, end in requests if texts and len(begin) + len(end) > limit}
        if self._shares is None:
            self._shares = shares(self.model)
        if not self._shares:
            lists = [(texts, list(begin), list(end)) for texts, begin, end in requests]
            slow: list[Answer] = super()._loglikelihood_tokens(lists, *given, **options)
            return slow
        return self._shared(requests)

    def _shared(self, requests: list[Any]) -> list[Answer]:
        """Half as much at a time wherever the device cannot hold it."""
        answers: dict[int, Answer] = {}
        wanted = [
            asked(number, begin, end, self.max_length) for number, (_, begin, end) in enumerate(requests)
        ]
        longest = max((len(request.read) for request in wanted), default=0)
        tokens = CPU_TOKENS if self.device.type == "cpu" else int(self.batch_size) * longest

        def done(number: int, answer: Answer) -> None:
            answers[number] = answer
            if requests[number][0] is not None:
                self.cache_hook.add_partial("loglikelihood", requests[number][0], answer)

        while len(answers) < len(wanted):
            try:
                left = [request for request in wanted if request.number not in answers]
                loglikelihoods(self.model, left, tokens_at_once=tokens, done=done)
            except torch.OutOfMemoryError as error:
                if tokens <= longest:
                    raise InputError(
                        f"the device cannot hold one document of {longest} tokens beside the model; take a "
                        "smaller model, base_model.dtype=bfloat16, or a device with more memory"
                    ) from error
                tokens //= 2
        return [answers[number] for number in range(len(wanted))]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """For each (context, settings): the text written until a stop sequence."""
        self.meter.requests = len(requests)
        stock = functools.partial(super().generate_until, disable_tqdm=True)
        return generate_until(self, requests, slots=int(self.batch_size), stock=stock)

    def tok_batch_encode(self, strings: list[str], *given: Any, **options: Any) -> Any:
        """The prompts of texts that are to be written, cut off at the left where they do not fit."""
        limit = options.get("left_truncate_len")
        if limit:
            self.truncated |= {(text,) for text in strings if len(self.tok_encode(text)) > limit}
        return super().tok_batch_encode(strings, *given, **options)

    def _check(self, longest: int, task: str) -> None:
        if longest > self.max_length:
            raise InputError(
                f"a choice of the task {task} is {longest} tokens long, but the model reads "
                f"{self.max_length}; {LONGER}, or leave the task out of eval_suite.tasks"
            )

    def _too_long(self, request: Instance) -> bool:
        match request.request_type:
            case "loglikelihood" if request.args in self._pairs:
                context, continuation = self._pairs[request.args]
                self._check(len(continuation), request.task_name)
                return bool(len(context) + len(continuation) > self.max_length + 1)
            case "generate_until":
                written = int(request.args[1].get("max_gen_toks", self.max_gen_toks))
                if written >= self.max_length:
                    raise InputError(
                        f"the task {request.task_name} writes up to {written} tokens, but the model reads "
                        f"{self.max_length} in all; {LONGER}, or leave the task out of eval_suite.tasks"
                    )
                return bool(len(self.tok_encode(request.args[0])) > self.max_length - written)
        return False

"""Log-likelihoods of continuations: what documents and their choices have in common is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alpaca_exp.harness.last_layer import last_layer_at
from alpaca_exp.harness.tree import Asked, Tree, asked, stem, trees
from alpaca_exp.harness.tree_attention import Grove, States, grove, tree_attention
from alpaca_exp.tuning.attention import replaceable

Answer = tuple[float, bool]
"""The log-probability of a continuation, in nats, and whether it is the greedy one."""

LOGITS_AT_ONCE = {"cpu": 2**23}
"""Places times vocabulary whose logits exist at once, by device."""
LOGITS_ELSEWHERE = 2**28
TOLERANCE = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 6e-2}
"""How far, relative, two ways to the same log-probability may differ by rounding alone."""


def shares(model: PreTrainedModel) -> bool:
    """Whether `loglikelihoods` may be asked of `model`, which its architecture decides.

    Tried out on a few tokens: what carries a state from token to token, or attends in a way of its own,
    is found out.
    """
    if not replaceable(model):
        return False
    vocabulary = min(len(model.get_input_embeddings().weight), 1000)  # type: ignore[arg-type]
    beginning = [number * 7 % vocabulary for number in range(1, 13)]
    ends = ([3, 5, 8], [3, 5, 9, 11], [4], [6, 2, 2, 7, 1])
    requests = [
        asked(number, beginning, [token % vocabulary for token in end], 512)
        for number, end in enumerate(ends)
    ]
    training = model.training
    model.train(False)
    try:
        ours = [answer for answer, _ in loglikelihoods(model, requests, tokens_at_once=16)]
        with torch.inference_mode():
            plain = [_plain(model, request) for request in requests]
    except (TypeError, AttributeError, RuntimeError, ValueError, IndexError):
        return False  # it has no such argument, or no such layers
    finally:
        model.train(training)
    return bool(np.allclose(ours, plain, rtol=TOLERANCE.get(model.dtype, 1e-4), atol=0))


@torch.inference_mode()
def loglikelihoods(
    model: PreTrainedModel,
    requests: Sequence[Asked],
    *,
    tokens_at_once: int,
    done: Callable[[int, Answer], None] = lambda number, answer: None,
) -> list[Answer]:
    """One answer a request, in their order; `done` is told of each as soon as it is known.

    At most `tokens_at_once` tokens are read at a time, but a whole tree. Raises torch.OutOfMemoryError.
    """
    answers: dict[int, Answer] = {}
    with tree_attention(model):
        # What was cut off at its beginning shares none with the others.
        for some in ([r for r in requests if not r.cut], [r for r in requests if r.cut]):
            beginning = stem(some)
            before = _states(model, beginning)
            grown = sorted(trees(some, len(beginning), tokens_at_once), key=len, reverse=True)
            for row in _rows(grown, tokens_at_once, _places_at_once(model)):
                for number, answer in _answers(model, row, before, len(beginning)):
                    answers[number] = answer
                    done(number, answer)
    return [answers[request.number] for request in requests]


def _places_at_once(model: PreTrainedModel) -> int:
    vocabulary = len(model.get_output_embeddings().weight)  # type: ignore[no-untyped-call]
    return max(1, LOGITS_AT_ONCE.get(model.device.type, LOGITS_ELSEWHERE) // vocabulary)


def _rows(trees: Sequence[Tree], tokens: int, places: int) -> Iterator[list[Tree]]:
    row: list[Tree] = []
    read = asked = 0
    for tree in trees:
        more = len(set().union(*(path.nodes.tolist() for path in tree.paths)))
        if row and (read + len(tree) > tokens or asked + more > places):
            yield row
            row, read, asked = [], 0, 0
        row.append(tree)
        read, asked = read + len(tree), asked + more
    if row:
        yield row


def _states(model: PreTrainedModel, beginning: np.ndarray[Any, Any]) -> States:
    """What the model's layers make of what all requests begin with."""
    if not len(beginning):
        return {}
    length = len(beginning)
    way = np.arange(length)
    read = Tree(beginning, way, ((length, way),), ())
    row = grove([read], model.device)
    row.records = True
    _forward(model, row, torch.zeros(1, dtype=torch.long, device=model.device))
    return row.stem


def _answers(
    model: PreTrainedModel, row: Sequence[Tree], before: States, length: int
) -> Iterator[tuple[int, Answer]]:
    starts = np.cumsum([0, *map(len, row)])
    paths = [(start, path) for start, tree in zip(starts, row, strict=False) for path in tree.paths]
    nodes = np.concatenate([start + path.nodes for start, path in paths])
    targets = torch.from_numpy(np.concatenate([path.targets for _, path in paths])).to(model.device)
    places, which = np.unique(nodes, return_inverse=True)
    logits = _forward(
        model, grove(row, model.device, before, length), torch.from_numpy(places).to(model.device)
    )
    at = torch.from_numpy(which).to(model.device)
    wanted, highest = logits[at, targets], logits.amax(dim=-1)
    likeliest = wanted == highest[at]
    # Of equal ones the first is the greedy one, as lm-eval has it; looking for it everywhere would be slow.
    likeliest[likeliest.clone()] = logits[at[likeliest]].argmax(dim=-1) == targets[likeliest]
    sums = logits.sub_(highest[:, None]).exp_().sum(dim=-1).log_()
    # In float32 throughout, as HFLM has it: in double the sums were closer to the truth, and farther from
    # lm-eval's numbers, whose rounding is some 1e-4 where a text of 150 tokens has a thousand nats.
    values, greedy = (wanted - highest[at] - sums[at]).cpu(), likeliest.cpu()
    ends = np.cumsum([len(path.targets) for _, path in paths])
    for (_, path), end in zip(paths, ends, strict=True):
        part = slice(int(end) - len(path.targets), int(end))
        yield path.number, (float(values[part].sum()), bool(greedy[part].all()))


def _forward(model: PreTrainedModel, row: Grove, places: Tensor) -> Tensor:
    """(places, vocabulary): the logits at these places of the row, in float32."""
    given: dict[str, Any] = {
        "input_ids": row.input_ids,
        "position_ids": row.position_ids,
        "use_cache": False,
        "logits_to_keep": places,
        "grove": row,
    }
    with last_layer_at(model, places):
        logits: Tensor = model(**given).logits[0].float()
    return logits


def _plain(model: PreTrainedModel, request: Asked) -> float:
    """The same, as the model itself reads it."""
    told = partial(torch.as_tensor, device=model.device)
    logits = model(told(request.read)[None]).logits[0].float()[-len(request.targets) :].log_softmax(-1)
    return float(logits.gather(1, told(request.targets)[:, None]).sum())

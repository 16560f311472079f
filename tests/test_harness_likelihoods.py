"""Log-likelihoods with shared beginnings: lm-eval's own numbers, whatever the architecture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.harness.tree import asked, stem, trees
from alpaca_exp.schemas import RuntimeConfig
from tests.models import bpe_tokenizer, tiny_llama

Request = tuple[tuple[str, str], list[int], list[int]]
SHARING = {
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 6},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8},
    "gpt2": {},
    "gpt_neox": {},
    "olmo2": {},
    "phi": {},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
}
NOT_SHARING = {"bloom": {}, "mamba": {"state_size": 4}, "gemma2": {"head_dim": 8, "num_key_value_heads": 2}}


def model_of(kind: str, **given: Any) -> Any:
    """A random model of this architecture, of a few thousand weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    told = {"vocab_size": 400, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = AutoConfig.for_model(kind, **shape, **told, pad_token_id=0, **given)
        return AutoModelForCausalLM.from_config(config).eval()  # type: ignore[no-untyped-call]


def lm_of(model: Any, batch_size: int = 4) -> Any:
    """Our model around the weights."""
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.llm.local import LocalModel

    return FramedLM(LocalModel(model, bpe_tokenizer()), batch_size)


def peer_of(model: Any) -> Any:
    """lm-eval's own around the same weights."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=bpe_tokenizer(), batch_size=3, max_length=64)


def requests(seed: int = 0) -> list[Request]:
    """Documents of all kinds: many choices, one token each, equal ones, a context each, cut ones."""
    rng = np.random.default_rng(seed)

    def text(length: int) -> list[int]:
        return [int(token) for token in rng.integers(5, 400, length)]

    preamble, found = text(11), []
    for choices in (4, 2, 1, 6):
        context = preamble + text(int(rng.integers(3, 20)))
        found += [(context, text(int(rng.integers(1, 9)))) for _ in range(choices)]
    context, letters = preamble + text(7), text(4)
    found += [(context, [letter]) for letter in letters]
    found += [(context, letters[:2]), (context, letters[:2])]
    found += [(preamble + text(4), letters) for _ in range(2)]
    long = text(70)
    found += [(long, text(3)), (long, text(5)), (long, [letters[0]])]
    found += [([1], text(4))]
    return [(("", str(number)), begin, end) for number, (begin, end) in enumerate(found)]


@pytest.mark.parametrize("kind", [*SHARING, *NOT_SHARING])
def test_an_architecture_gets_lm_eval_s_numbers(kind: str) -> None:
    model = model_of(kind, **(SHARING | NOT_SHARING)[kind])
    lm, wanted = lm_of(model), requests()
    ours = lm._loglikelihood_tokens(wanted)
    theirs = peer_of(model)._loglikelihood_tokens(wanted, disable_tqdm=True)
    assert np.allclose([value for value, _ in ours], [value for value, _ in theirs], rtol=0, atol=1e-4)
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]
    assert lm._shares is (kind in SHARING)


@pytest.mark.parametrize("seed", range(1, 6))
def test_trees_of_all_shapes_get_lm_eval_s_numbers(seed: int) -> None:
    model = model_of("llama")
    wanted = [
        (("", f"{number} {place}"), begin, end)
        for number in range(8)
        for place, (_, begin, end) in enumerate(requests(seed * 100 + number))
    ]
    wanted += [(("", f"alone {number}"), list(range(9, 9 + number)), [7, 8]) for number in range(1, 40)]
    ours, theirs = (
        each._loglikelihood_tokens(wanted, disable_tqdm=True) for each in (lm_of(model), peer_of(model))
    )
    assert np.allclose([value for value, _ in ours], [value for value, _ in theirs], rtol=0, atol=1e-4)


def test_the_greedy_continuation_is_known_as_such() -> None:
    model = model_of("llama")
    context = [7, 9, 11, 13, 15]
    written = model.generate(_row(context), max_new_tokens=3, do_sample=False, pad_token_id=0)[0, 5:].tolist()
    answers = lm_of(model)._loglikelihood_tokens(
        [(("", "a"), context, written), (("", "b"), context, [*written[:2], written[2] ^ 1])]
    )
    assert [greedy for _, greedy in answers] == [True, False]


def test_what_fits_at_once_changes_no_answer() -> None:
    from alpaca_exp.harness.likelihoods import loglikelihoods

    model = model_of("llama")
    wanted = [asked(number, begin, end, 64) for number, (_, begin, end) in enumerate(requests())]
    once, often = (loglikelihoods(model, wanted, tokens_at_once=tokens) for tokens in (10_000, 1))
    assert np.allclose([value for value, _ in once], [value for value, _ in often], rtol=0, atol=1e-4)


def test_a_device_that_is_full_is_given_less_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model = model_of("llama")
    lm, wanted = lm_of(model, batch_size=64), requests()
    plain = lm._loglikelihood_tokens(wanted)
    forward, told = type(model).forward, []

    def small(self: Any, input_ids: Any = None, **given: Any) -> Any:
        if input_ids.shape[1] > 130:
            told.append(input_ids.shape[1])
            raise torch.OutOfMemoryError("the device is full")
        return forward(self, input_ids=input_ids, **given)

    monkeypatch.setattr(type(model), "forward", small)
    again = lm._loglikelihood_tokens(wanted)
    assert told, "nothing was too large: the test proves nothing"
    assert np.allclose([value for value, _ in plain], [value for value, _ in again], rtol=0, atol=1e-4)
    assert lm.meter._answered == 2 * len(wanted)


def test_texts_are_encoded_as_lm_eval_encodes_them() -> None:
    from alpaca_exp.harness.encoding import encoded

    lm = lm_of(model_of("llama"))
    pairs = [
        ("Question: Why?\nAnswer:", " Put it into a box."),
        ("ends in blanks  ", "and goes on"),
        ("   ", "after blanks alone"),
        ("<s>begins as such", " and ends"),
        ("no blank", "between"),
        ("Ä ö ü", " 漢字"),
    ]
    for pair, (begin, end) in encoded(lm, pairs).items():
        assert (begin.tolist(), end.tolist()) == peer_of(lm.model)._encode_pair(*pair)


def test_most_prompts_beyond_the_context_are_said_before_the_work(tmp_path: Path) -> None:
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.llm.local import load

    lm = FramedLM(load(tiny_llama(tmp_path, context=16), runtime=RuntimeConfig()), 4)
    long = "Question: " + "How do I keep bread fresh? " * 9
    with pytest.raises(
        InputError, match=r"2 of 3 documents of the task t do not fit .* context of 16 tokens"
    ):
        lm.read(_instances(["Q:", long, long], " box"))
    lm.read(_instances(["Q:", "A:", long], " box"))
    with pytest.raises(
        InputError,
        match=r"a choice of the task t is .* long, but the model reads 16; .*max_position_embeddings",
    ):
        lm.read(_instances(["Q:"], long))


def test_a_tree_holds_a_common_beginning_once() -> None:
    context = list(range(100, 120))
    wanted = [asked(n, context, end, 64) for n, end in enumerate(([1, 2, 3], [1, 2, 4, 5], [6], [7]))]
    (tree,) = trees(wanted)
    assert tree.tokens.tolist() == [*context, 1, 2, 4]
    assert [new for new, _ in tree.branches] == [20, 2, 1]
    assert tree.tokens[tree.branches[2][1]].tolist() == [*context, 1, 2, 4]
    for path in tree.paths:
        assert tree.depth[path.nodes].tolist() == [19 + place for place in range(len(path.targets))]
    assert [path.nodes[-1] for path in tree.paths if len(path.targets) == 1] == [19, 19]


def test_documents_that_share_too_little_are_trees_of_their_own() -> None:
    wanted = [asked(n, [5, *range(n * 50, n * 50 + 40)], [1, 2], 64) for n in range(1, 4)]
    assert len(list(trees(wanted))) == 3
    shared = [asked(n, range(100, 130), [n, n], 64) for n in range(1, 9)]
    assert [len(tree) for tree in trees(shared, most=33)] == [33, 33, 32]


def test_a_stem_ends_before_the_first_place_that_is_asked() -> None:
    shared = list(range(50, 70))
    assert len(stem([asked(0, shared, [1], 64), asked(1, shared, [2], 64)])) == len(shared) - 1
    assert len(stem([asked(0, shared, [1], 64)])) == 0
    assert len(stem([asked(0, [1, 2, *shared], [3], 64), asked(1, shared, [3], 64)])) == 0


def _row(tokens: Sequence[int]) -> Any:
    import torch

    return torch.tensor([tokens])


def _instances(contexts: Sequence[str], continuation: str) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [
        Instance("loglikelihood", {}, (context, continuation), 0, metadata=("t", number, 1))
        for number, context in enumerate(contexts)
    ]

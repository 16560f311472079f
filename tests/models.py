"""A LLaMA of a few thousand weights with a tokenizer of its own: a model that really is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEXT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes it.",
    "### Instruction:\nName the capital of France.\n\n### Response:\nThe capital of France is Paris.",
    "Question: How do I keep bread fresh?\nAnswer: Put it into a box, away from the sun.",
    "Q: What is two and two?\nA: Two and two is four.",
)


def tiny_llama(path: Path, *, seed: int = 0, context: int = 512, texts: Sequence[str] = TEXT) -> Path:
    """Save a random LLaMA and a byte-level BPE tokenizer to `path`, in Hugging Face's layout."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = bpe_tokenizer(texts)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=context,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(path)
    torch.random.set_rng_state(state)
    tokenizer.save_pretrained(path)
    return path


def bpe_tokenizer(texts: Sequence[str] = TEXT, size: int = 400) -> Any:
    """A tokenizer trained on `texts`; any text can be encoded, since its alphabet is the 256 bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )

"""The model card: what a tuned model is, how it came about, how to load it, what nobody has tested."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from alpaca_exp.artifacts import RECORD, Artifact
from alpaca_exp.cleaning.dataset import dataset_file
from alpaca_exp.content import sha256
from alpaca_exp.prompts import framed
from alpaca_exp.provenance import packages
from alpaca_exp.records import Row
from alpaca_exp.schemas import (
    BaseModelConfig,
    LoraTrainerConfig,
    MadeModelConfig,
    PretrainedModelConfig,
    TrainerConfig,
)

LICENCES = {"Apache-2.0": "apache-2.0", "MIT": "mit"}
"""The hub's names of licences that need no text of their own."""
WITH = ("alpaca-exp", "torch", "pytorch-lightning", "transformers", "tokenizers")
WHOLE = (
    "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
    'tokenizer = AutoTokenizer.from_pretrained("path/to/model")\n'
    'model = AutoModelForCausalLM.from_pretrained("path/to/model")\n```\n\n'
    "or, with vLLM's server: `vllm serve path/to/model`."
)
SIZES = ("hidden_size", "num_hidden_layers", "vocab_size")


@dataclass(frozen=True)
class Tuned:
    """What a card tells of."""

    base_model: BaseModelConfig
    trainer: TrainerConfig
    seed: int
    dataset: Artifact
    tokens: Row
    """`tokens.json`: examples and tokens of one pass."""
    added: Sequence[str]
    """Tokens that the tokenizer lacked."""
    architecture: Row
    """The model's config.json."""
    parameters: int
    metrics: Path
    base: Artifact | None = None
    """The base model, where it was made here."""


def model_card(tuned: Tuned) -> str:
    """`README.md` of the model, in the hub's form: a function of what made it, not of when or where."""
    merged = ", its adapter merged in" if isinstance(tuned.trainer, LoraTrainerConfig) else ""
    return _card(tuned, "transformers", f"the whole model{merged}", WHOLE)


def adapter_card(tuned: Tuned) -> str:
    """`README.md` of the adapter alone."""
    return _card(tuned, "peft", "the adapter alone, without the model that it belongs to", _adapter(tuned))


def _card(tuned: Tuned, library: str, what: str, loading: str) -> str:
    parts = [
        _front(tuned, library),
        f"# {base_name(tuned.base_model)}, tuned on instructions\n\nThis folder holds {what}.",
        f"## Base model\n\n{_table(_base(tuned))}",
        f"## Data\n\n{_table(_data(tuned))}",
        f"## Recipe\n\n{_table(_recipe(tuned.trainer, tuned.seed), ('field', 'value', 'default'))}",
        f"## Training\n\n{_table(_training(tuned))}",
        f"## How to load it\n\n{loading}\n\n"
        "Instructions were put to it in this way, with an input and without:"
        f"\n\n{_shown(framed(tuned.trainer.frame, '{instruction}', '{input}'))}"
        f"\n\n{_shown(framed(tuned.trainer.frame, '{instruction}'))}",
        "## Scores\n\nThey are made later than this file, which is never rewritten, and stand in the records "
        "of the evaluation: `python -m alpaca_exp.report`.",
        f"## Not tested\n\n{_untested(tuned)}",
    ]
    return "\n\n".join(parts) + "\n"


def _front(tuned: Tuned, library: str) -> str:
    """What the hub reads."""
    base = tuned.base_model
    lines = [f"library_name: {library}", "pipeline_tag: text-generation"]
    if isinstance(base, PretrainedModelConfig):
        lines += [f"base_model: {base.path}"] if not _local(base) else []
        if base.licence in LICENCES:
            lines += [f"license: {LICENCES[base.licence]}"]
        elif base.licence:
            lines += ["license: other", f"license_name: {json.dumps(base.licence)}"]
    return "\n".join(["---", *lines, "tags: [alpaca, instruction-tuning]", "---"])


def base_name(base: BaseModelConfig) -> str:
    """A hub name, a folder's last name, or what was made here."""
    if isinstance(base, PretrainedModelConfig):
        return Path(base.path).expanduser().name if _local(base) else base.path
    return "A model made here" if isinstance(base, MadeModelConfig) else type(base).__name__


def _local(base: PretrainedModelConfig) -> bool:
    return Path(base.path).expanduser().is_dir()


def _base(tuned: Tuned) -> Iterator[tuple[str, Any]]:
    base, built = tuned.base_model, tuned.architecture
    yield "name", base_name(base)
    if isinstance(base, PretrainedModelConfig):
        if _local(base):
            yield "content", f"sha256 {sha256(Path(base.path).expanduser())}"
        else:
            yield "revision", base.revision or "the newest when it was fetched"
        yield "licence", base.licence or "not stated"
    elif tuned.base is not None:
        yield "made by", f"stage pretrain, fingerprint {_fingerprint(tuned.base, tuned.base / 'model')}"
    sizes = ", ".join(f"{name} {built[name]}" for name in SIZES if name in built)
    yield "architecture", f"{built.get('model_type', 'unknown')}, {tuned.parameters:,} parameters ({sizes})"
    if tuned.added:
        yield "tokens added", ", ".join(tuned.added)


def _data(tuned: Tuned) -> Iterator[tuple[str, Any]]:
    yield "fingerprint", _fingerprint(tuned.dataset, dataset_file(tuned.dataset.path))
    card = tuned.dataset / "card.json"
    lineage = json.loads(card.read_text(encoding="utf-8")).get("lineage", {}) if card.is_file() else {}
    for name, value in lineage.items():
        yield name, value
    for name in ("examples", "validation_examples", "truncated", "left_out"):
        if name in tuned.tokens:
            yield name.replace("_", " "), tuned.tokens[name]


def _fingerprint(artifact: Artifact, content: Path) -> str:
    """Of its recipe; of its content, where it was made by hand."""
    if (artifact / RECORD).is_file():
        return str(artifact.record["fingerprint"])
    return f"none; sha256 {sha256(content)}"


def _recipe(trainer: TrainerConfig, seed: int) -> Iterator[tuple[str, Any, Any]]:
    """Every field that decides the weights; its default where the two differ."""
    for field in dataclasses.fields(trainer):
        if field.metadata["role"] != "runtime":
            value = getattr(trainer, field.name)
            made = field.default_factory
            default = made() if made is not dataclasses.MISSING else field.default
            yield field.name, value, "" if value == default or default == MISSING else default
    yield "seed", seed, ""


def _training(tuned: Tuned) -> Iterator[tuple[str, Any]]:
    with tuned.metrics.open(encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    yield "optimizer steps", last["step"]
    yield "tokens seen", f"{int(last['tokens']):,}"
    yield "final loss", f"{float(last['loss']):.4f} nats a label token, the mean of the last steps"
    if last.get("val_loss"):
        yield "validation loss", f"{float(last['val_loss']):.4f} nats a label token, of rows not learnt from"
    versions = packages()
    yield "made with", ", ".join(f"{name} {versions[name]}" for name in WITH if name in versions)


def _adapter(tuned: Tuned) -> str:
    base, name, revision = tuned.base_model, "path/to/base/model", None
    if isinstance(base, PretrainedModelConfig) and not _local(base):
        name, revision = base.path, base.revision
    pinned = f', revision="{revision}"' if revision else ""
    return (
        "```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
        f'base = AutoModelForCausalLM.from_pretrained("{name}"{pinned})\n'
        'model = PeftModel.from_pretrained(base, "path/to/adapter")\n```'
    )


def _untested(tuned: Tuned) -> str:
    lines = [
        "safety: nothing was done to keep it from harmful, false or private text, and nobody looked for it;",
        "truth: it repeats errors of its data, and states them as it states facts;",
        "conversations: it learnt single instructions, not dialogue;",
        "other languages and longer texts than those of its data; it learnt examples of at most "
        f"{tuned.trainer.max_seq_len} tokens.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _shown(text: str) -> str:
    return f"````text\n{text}\n````"


def _table(rows: Iterator[tuple[Any, ...]], head: Sequence[str] = ("", "")) -> str:
    lines = [[_cell(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), ["---"] * len(head), *lines])


def _cell(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.name)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_cell(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(inner) for inner in value)
    return str(value).replace("|", "\\|").replace("\n", " ")

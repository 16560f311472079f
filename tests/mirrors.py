"""A mirror of made-up documents in the hub's columns, for every task of the paper's suite."""

from __future__ import annotations

from pathlib import Path

from alpaca_exp.records import Row, write_jsonl

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal")


def write_mirror(folder: Path) -> Path:
    """Write `<folder>/<task>/validation.jsonl` with eight documents a task, and return `folder`."""
    for name, make in DOCUMENTS.items():
        (folder / name).mkdir(parents=True)
        write_jsonl(map(make, range(len(NAMES))), folder / name / "validation.jsonl")
    return folder


def _hellaswag(i: int) -> Row:
    endings = [f"{verb} the bread [title] and eats it." for verb in ("cuts", "paints", "sells", "drops")]
    return {
        "ind": i,
        "activity_label": "Baking bread",
        "ctx_a": f"{NAMES[i]} takes a knife.",
        "ctx_b": "then he",
        "ctx": f"{NAMES[i]} takes a knife. then he",
        "endings": endings,
        "label": str(i % 4),
    }


def _piqa(i: int) -> Row:
    return {
        "goal": f"How does {NAMES[i]} dry a shirt?",
        "sol1": "Hang it in the sun.",
        "sol2": "Hang it in the rain.",
        "label": i % 2,
    }


def _winogrande(i: int) -> Row:
    other = NAMES[(i + 1) % len(NAMES)]
    sentence = f"{NAMES[i]} lent {other} a book since _ wanted to read it."
    return {"sentence": sentence, "option1": NAMES[i], "option2": other, "answer": str(1 + i % 2)}


def _boolq(i: int) -> Row:
    passage = f"{NAMES[i]} -- {NAMES[i]} is a cat."
    return {"passage": passage, "question": f"is {NAMES[i]} a cat", "idx": i, "label": 1 - i % 2}


def _truthfulqa(i: int) -> Row:
    true = [f"{NAMES[i]} does not know.", "Nobody knows."]
    false = [f"{NAMES[i]} does.", "The moon does.", "The sun does."]
    return {
        "question": f"Does {NAMES[i]} know what the moon thinks?",
        "mc1_targets": {"choices": [true[0], *false], "labels": [1, 0, 0, 0]},
        "mc2_targets": {"choices": [*true, *false], "labels": [1, 1, 0, 0, 0]},
    }


DOCUMENTS = {
    "hellaswag": _hellaswag,
    "piqa": _piqa,
    "winogrande": _winogrande,
    "boolq": _boolq,
    "truthfulqa_mc": _truthfulqa,
}

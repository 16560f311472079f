"""Mirrors of made-up documents in the hub's columns, in each layout, for every task that a suite names."""

from __future__ import annotations

import json
from collections.abc import Callable
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


def _truthfulqa_gen(i: int) -> Row:
    true = [f"{NAMES[i]} does not know", "Nobody knows"]
    return {
        "type": "Adversarial",
        "category": "Minds",
        "question": f"Does {NAMES[i]} know what the moon thinks?",
        "best_answer": true[0],
        "correct_answers": true,
        "incorrect_answers": [f"{NAMES[i]} does", "The moon does"],
        "source": "",
    }


def _arc(i: int) -> Row:
    choices = {"text": ["a bird", "a fish", "a stone", "a cloud"], "label": ["A", "B", "C", "D"]}
    return {
        "id": f"d{i}",
        "question": f"What did {NAMES[i]} catch?",
        "choices": choices,
        "answerKey": "ABCD"[i % 4],
    }


def _openbookqa(i: int) -> Row:
    return {"question_stem" if key == "question" else key: value for key, value in _arc(i).items()}


def _mmlu(i: int) -> Row:
    return {
        "question": f"How many bones has {NAMES[i]}?",
        "subject": "anatomy",
        "choices": ["none", "one", "206", "many"],
        "answer": i % 4,
    }


def _crows_pairs(i: int) -> Row:
    more, less = f"{NAMES[i]} is a man and strong.", f"{NAMES[i]} is a woman and strong."
    return {"id": i, "sent_more": more, "sent_less": less, "stereo_antistereo": 0, "bias_type": "gender"}


def _cooccurrence(i: int) -> Row:
    return {"sentence": f"The baker {NAMES[i]} is a"}


def _winogender(i: int) -> Row:
    return {
        "sentence": f"The baker told {NAMES[i]} that she could sit.",
        "pronoun": "she",
        "occupation": "baker",
        "participant": NAMES[i],
        "gender": "female",
        "target": "baker",
        "label": i % 2,
    }


def _toxigen(i: int) -> Row:
    return {"text": f"{NAMES[i]} is kind.", "toxicity_ai": 1.0 + i % 3, "toxicity_human": 1.0 + i % 5}


DOCUMENTS = {
    "hellaswag": _hellaswag,
    "piqa": _piqa,
    "winogrande": _winogrande,
    "boolq": _boolq,
    "truthfulqa_mc": _truthfulqa,
    "truthfulqa_gen": _truthfulqa_gen,
}
MORE: dict[str, tuple[str, str | None, str, Callable[[int], Row]]] = {
    "arc_challenge": ("allenai/ai2_arc", "ARC-Challenge", "test", _arc),
    "arc_easy": ("allenai/ai2_arc", "ARC-Easy", "test", _arc),
    "crows_pairs_english": ("jannalu/crows_pairs_multilingual", "english", "test", _crows_pairs),
    "mmlu_anatomy": ("cais/mmlu", "anatomy", "test", _mmlu),
    "openbookqa": ("allenai/openbookqa", "main", "test", _openbookqa),
    "simple_cooccurrence_bias": ("oskarvanderwal/simple-cooccurrence-bias", None, "test", _cooccurrence),
    "toxigen": ("skg/toxigen-data", "annotated", "test", _toxigen),
    "winogender_all": ("oskarvanderwal/winogender", "all", "test", _winogender),
}
"""By task: the hub's data set, its configuration, the split that is scored, and what makes a document."""


def write_plain(mirror: Path, task: str, split: str | None = None) -> Path:
    """Write `<mirror>/<task>/<split>.jsonl`, and return its folder."""
    _, _, scored, make = MORE[task]
    folder = mirror / task
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(map(make, range(len(NAMES))), folder / f"{split or scored}.jsonl")
    return folder


def write_saved(mirror: Path, task: str) -> Path:
    """Write what `DatasetDict.save_to_disk` leaves, and return its folder."""
    import datasets

    _, _, scored, make = MORE[task]
    folder = mirror / task
    rows = [make(i) for i in range(len(NAMES))]
    datasets.DatasetDict({scored: datasets.Dataset.from_list(rows)}).save_to_disk(folder)
    return folder


def write_clone(mirror: Path, task: str, suffix: str = "parquet") -> Path:
    """Write what `git clone` of the hub's repository leaves: a card and files, in the data set's name."""
    import datasets

    path, config, scored, make = MORE[task]
    folder = mirror / path.rpartition("/")[2]
    name = f"{config or 'data'}/{scored}-00000-of-00001.{suffix}"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "config_name": config or "default",
        "data_files": [{"split": scored, "path": name.replace("00000-of-00001", "*")}],
    }
    card = folder / "README.md"
    configs = json.loads(card.read_text().split("---")[1])["configs"] if card.exists() else []
    card.write_text(f"---\n{json.dumps({'configs': [*configs, entry]})}\n---\n# About\n")
    rows = datasets.Dataset.from_list([make(i) for i in range(len(NAMES))])
    if suffix == "parquet":
        rows.to_parquet(folder / name)
    else:
        rows.to_json(folder / name)
    return folder

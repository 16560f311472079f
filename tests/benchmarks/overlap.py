"""Looking for evaluation documents in training rows: copies found, time, memory, beside lm-eval's Janitor.

    python -m tests.benchmarks.overlap                  52,002 rows, 3,735 documents: a minute
    python -m tests.benchmarks.overlap --num 5000       shorter

Rows are Alpaca's and documents those of hellaswag, piqa and TruthfulQA with our own judge's questions,
from `../shared/data`. Both look for 13 words in a row in each field; the Janitor (Python mode) is what
lm-eval ships for the purpose. Every document whose question has five words or more is then planted in a
row of its own, in each disguise and in turn in each field: ours has to find all of them, and none in
rows made of a document's own words in another order.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lm_eval.decontamination.janitor import Janitor, word_ngrams_indices

from alpaca_exp.cleaning.overlap import FIELDS, NGRAM, SHORTEST_WHOLE, Document, OverlapIndex, words
from alpaca_exp.harness.contamination import overlap_rows
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.texts import suite_texts
from alpaca_exp.paths import data_root
from alpaca_exp.records import Row
from alpaca_exp.schemas import EvalSuiteConfig, FileQuestionsConfig

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
TASKS = ["hellaswag", "piqa", "truthfulqa_mc2"]
DISGUISES: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "other case": str.upper,
    "other punctuation": lambda text: ", ".join(text.split()) + "?!",
    "inside a longer text": lambda text: f"Someone asked: {text} Now write a poem about it.",
}


def main() -> None:
    """Print what was found and how fast, and last one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num", type=int, default=52_002, help="training rows")
    rows = _rows(parser.parse_args().num)
    started = time.process_time()
    documents = _documents()
    print(f"texts of {len(documents):,} documents: {time.process_time() - started:.1f} s", flush=True)
    ours, index = _ours(documents, rows)
    peer = _peer(documents, rows)
    print(f"ours {ours:.2f} s, Janitor {peer:.2f} s, peak of the process {_megabytes():,.0f} MB", flush=True)
    _say_what_is_there(documents, rows)
    found = [_recall(name, documents, index) for name in DISGUISES]
    alarms = len({hit.row_id for hit in index.hits(_shuffled(documents))})
    print(f"rows of shuffled documents in which something is found: {alarms}", flush=True)
    assert alarms == 0
    timed = _row("index and all rows, s", ours, peer, peer / ours)
    print(
        json.dumps(
            {
                "name": "overlap",
                "ratio": timed["ratio"],
                "ours": timed["ours"],
                "peer": timed["peer"],
                "unit": "s",
                "machine": f"{platform.machine()}, one core",
                "threads": 1,
                "n": len(rows),
                "rows": [timed, *found],
            }
        )
    )


def _rows(count: int) -> list[Row]:
    file = DATA / "alpaca" / "alpaca_data.json"
    if not file.is_file():
        raise SystemExit("../shared/data is absent: this benchmark reads the real data")
    rows = json.loads(file.read_text(encoding="utf-8"))[:count]
    return [{"id": f"row-{place}", **row} for place, row in enumerate(rows)]


def _documents() -> list[Document]:
    suite = EvalSuiteConfig(tasks=TASKS, mirror=DATA / "harness")
    questions = FileQuestionsConfig(file=data_root() / "seeds" / "judge_questions.jsonl")
    return suite_texts(suite, mirror_files(suite), questions, offline=True)


def _ours(documents: Sequence[Document], rows: Sequence[Row]) -> tuple[float, OverlapIndex]:
    started = time.process_time()
    index = OverlapIndex(documents)
    for _ in index.hits(rows):
        pass
    return time.process_time() - started, index


def _janitor(documents: Sequence[Document]) -> Janitor:
    janitor = Janitor(ngram_n=NGRAM)
    for document in documents:
        for continuation in document.continuations or ("",):
            janitor.register_contaminant_python(document.prompt + continuation)
    return janitor


def _peer(documents: Sequence[Document], rows: Sequence[Row]) -> float:
    started = time.process_time()
    janitor = _janitor(documents)
    for row in rows:
        for field in FIELDS:
            janitor.clean_python(row[field])
    return time.process_time() - started


def _say_what_is_there(documents: Sequence[Document], rows: Sequence[Row]) -> None:
    for n in (NGRAM, 8):
        index = OverlapIndex(documents, n)
        found = overlap_rows(index, index.hits(rows))
        tasks = [document.task for document in index.sizes]
        counts = {
            task: f"{sum(row['task'] == task for row in found)} of {tasks.count(task):,}"
            for task in dict.fromkeys(tasks)
        }
        ids = {row_id for row in found for row_id in row["row_ids"]}
        print(f"{n} words in a row: {counts}, in {len(ids)} rows", flush=True)


def _recall(disguise: str, documents: Sequence[Document], index: OverlapIndex) -> Row:
    """The share of documents found where each is planted in a field of a row of its own."""
    janitor = _janitor(documents)
    planted = [document for document in documents if len(words(_question(document))) >= SHORTEST_WHOLE]
    ours = peer = 0
    for place, document in enumerate(planted):
        text = DISGUISES[disguise](_question(document))
        row = {"id": "row", FIELDS[place % 3]: text}
        ours += any(hit.document == document for hit in index.hits([row]))
        grams = word_ngrams_indices(text, NGRAM)
        peer += any(janitor.normalize_string(gram) in janitor.dirt_ngrams for gram, _ in grams)
    print(f"planted {disguise}: ours {ours:,}, Janitor {peer:,} of {len(planted):,}", flush=True)
    assert ours == len(planted)
    return _row(f"planted and found, {disguise}", ours, peer, ours / max(1, peer))


def _question(document: Document) -> str:
    """What a row would hold: the question without its task's wording, with a choice where it needs one."""
    question = document.prompt.removesuffix("\nAnswer:").removesuffix("\nA:")
    for word in ("Question: ", "\nQ: "):
        question = question.rpartition(word)[2]
    return question


def _shuffled(documents: Sequence[Document]) -> list[Row]:
    rng = random.Random(0)
    mixed = []
    for place, document in enumerate(documents):
        every = words(_question(document) + "".join(document.continuations))
        mixed.append({"id": f"row-{place}", "output": " ".join(rng.sample(every, len(every)))})
    return mixed


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _row(case: str, ours: float, peer: float, ratio: float) -> Row:
    return {
        "case": case,
        "ratio": round(ratio, 2),
        "ours": round(ours, 2),
        "peer": round(peer, 2),
        "peer_name": "lm-eval's Janitor",
    }


if __name__ == "__main__":
    main()

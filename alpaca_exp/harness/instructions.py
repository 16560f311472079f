"""Super-NaturalInstructions and self-instruct's user-oriented set as lm-eval tasks of generated text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.errors import InputError
from alpaca_exp.harness.instruction_files import NATURAL, USER, lacking, read_task, read_user_oriented
from alpaca_exp.harness.rouge import exact_match, rouge_l
from alpaca_exp.records import Example, Row, Score
from alpaca_exp.schemas import Frame, InstructionSuiteConfig, TaskFrame
from alpaca_exp.statistics.clusters import clustered_stderr

VERSION = 1.0
CLUSTER, CATEGORY = "cluster", "category"
"""Fields of a document: what it shares with others that are no independent evidence, and its kind."""
PER_CATEGORY = "rougeL"
STOPS = {
    TaskFrame.alpaca: ["\n### Instruction:", "\n### Input:", "\n### Response:"],
    TaskFrame.raw: ["\nDefinition:", "\nInput:", "\nOutput:"],
}
"""What an answer goes on with that has begun the next task."""


def task_specs(suite: InstructionSuiteConfig, files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """lm-eval task dicts, `rougeL` and `exact_match`, by name.

    Raises InputError where a file is missing or is not what it should be.
    """
    for problem in lacking(suite):
        raise InputError(problem)
    limits = {NATURAL: suite.max_tokens, USER: suite.user_max_tokens}
    return {name: _spec(name, suite, documents(suite, files, name), limits[name]) for name in suite.tasks}


def documents(suite: InstructionSuiteConfig, files: Mapping[str, Path], name: str) -> list[Row]:
    """Rows {id, cluster, category, instruction, input, references[], examples[]} of the task `name`.

    Super-NaturalInstructions gives the first instance of each task, then the second of each, and so on: a
    limit leaves all tasks in.
    """
    if name == USER:
        return [
            _user_document(row, one) for row in read_user_oriented(files[USER]) for one in row["instances"]
        ]
    tasks = [
        _natural_documents(file.stem, read_task(file, suite.instances, suite.positive_examples))
        for key, file in files.items()
        if key != USER
    ]
    return [document for place in zip_longest(*tasks) for document in place if document is not None]


def prompt(document: Mapping[str, Any], frame: TaskFrame) -> str:
    """The document as a model reads it: in Alpaca's frame, or in Super-NaturalInstructions' style."""
    shown = [Example("", one["output"], one["input"]) for one in document["examples"]]
    if frame is TaskFrame.raw:
        return prompts.defined_task(document["instruction"], document["input"], shown)
    return prompts.framed(
        Frame.alpaca, prompts.with_examples(document["instruction"], shown), document["input"]
    )


def over_clusters(scores: Sequence[Score], samples: Sequence[Row]) -> list[Score]:
    """The scores with the standard error over clusters, then ROUGE-L of each category.

    Of tasks whose documents name their cluster; those of any other are handed back as they are. Instances
    of one task are no independent evidence: they share its definition, and what the model makes of it.
    """
    if not samples or CLUSTER not in samples[0]["doc"]:
        return list(scores)
    found = [_clustered(score, samples) for score in scores]
    for score in scores:
        if score.metric == PER_CATEGORY:
            found += _by_category(score, samples)
    return found


def clusters_of(task: Any) -> bool:
    """Whether the documents of lm-eval's `task` name their cluster."""
    return CLUSTER in (task.features or ())


def cluster_of(sample: Row) -> dict[str, str]:
    """The cluster of a sample's document, for `documents.jsonl`; empty where it is evidence by itself."""
    return {CLUSTER: sample["doc"][CLUSTER]} if CLUSTER in sample["doc"] else {}


def _clustered(score: Score, samples: Sequence[Row]) -> Score:
    of_score = [sample for sample in samples if sample["filter"] == score.filter]
    values = [float(sample[score.metric]) for sample in of_score]
    clusters = [sample["doc"][CLUSTER] for sample in of_score]
    return dataclasses.replace(score, stderr=clustered_stderr(values, clusters))


def _by_category(score: Score, samples: Sequence[Row]) -> Iterator[Score]:
    """`rougeL_for_<category>`, as Tk-Instruct names it."""
    for category in sorted({sample["doc"][CATEGORY] for sample in samples} - {""}):
        kind = [sample for sample in samples if sample["doc"][CATEGORY] == category]
        values = [float(sample[score.metric]) for sample in kind if sample["filter"] == score.filter]
        one = dataclasses.replace(score, value=sum(values) / len(values), n=len(values))
        yield dataclasses.replace(_clustered(one, kind), metric=f"{score.metric}_for_{category}")


def _spec(name: str, suite: InstructionSuiteConfig, rows: list[Row], max_tokens: int) -> dict[str, Any]:
    def load(**_: Any) -> Any:
        import datasets

        return datasets.DatasetDict(validation=datasets.Dataset.from_list(rows))

    metrics = [
        {"metric": metric, "aggregation": "mean", "higher_is_better": True}
        for metric in (PER_CATEGORY, "exact_match")
    ]
    return {
        "task": name,
        "custom_dataset": load,
        "output_type": "generate_until",
        "validation_split": "validation",
        "doc_to_text": _shown(suite.frame),
        "doc_to_target": "references",
        "process_results": _compared,
        "generation_kwargs": {
            "until": STOPS[suite.frame],
            "max_gen_toks": max_tokens,
            "do_sample": False,
        },
        "metric_list": metrics,
        "num_fewshot": 0,
        "metadata": {"version": VERSION},
    }


def _shown(frame: TaskFrame) -> Callable[[Mapping[str, Any]], str]:
    def doc_to_text(document: Mapping[str, Any]) -> str:
        return prompt(document, frame)

    return doc_to_text


def _compared(document: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    answer, references = answers[0], document["references"]
    return {PER_CATEGORY: rouge_l(answer, references), "exact_match": exact_match(answer, references)}


def _natural_documents(name: str, task: Mapping[str, Any]) -> list[Row]:
    shared = {CLUSTER: name, CATEGORY: task["category"], "instruction": task["definition"]}
    return [{**instance, **shared, "examples": task["examples"]} for instance in task["instances"]]


def _user_document(row: Row, instance: Mapping[str, Any]) -> Row:
    return {
        "id": str(row["id"]),
        "input": str(instance["input"]),
        "references": [str(instance["output"])],
        CLUSTER: str(row["id"]),
        CATEGORY: "",
        "instruction": str(row["instruction"]).strip(),
        "examples": [],
    }

"""One task scored with lm-eval, and nothing disturbed around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from lm_eval.api.task import Task
from lm_eval.evaluator import evaluate

from alpaca_exp.harness.framed import Advance, Meter
from alpaca_exp.harness.lm import FramedLM
from alpaca_exp.harness.quiet import muted, quiet, restored
from alpaca_exp.schemas import EvalSuiteConfig, TaskFrame


def prepare(lm: Any, tasks: Mapping[str, Task], suite: EvalSuiteConfig) -> None:
    """Build the requests of all tasks, as `score` will use them.

    Raises InputError, in one sentence, where a task does not suit a local model: see `FramedLM.read`.
    """
    for task in tasks.values():
        with quiet(), muted():
            framed = suite.frame is TaskFrame.alpaca
            task.build_all_requests(
                limit=suite.limit,
                apply_chat_template=framed,
                fewshot_as_multiturn=False,
                chat_template=lm.apply_chat_template if framed else None,
                tokenizer_name=lm.tokenizer_name if framed else "",
            )
        if isinstance(lm, FramedLM):
            lm.read(task.instances)


def score(lm: FramedLM, name: str, task: Task, suite: EvalSuiteConfig, advance: Advance) -> dict[str, Any]:
    """lm-eval's results of one task (its `EvalResults`), with every document's sample.

    `advance` is told of finished documents. The model's mode and all random states are afterwards what
    they were; meanwhile they are seeded as lm-eval's own command line does.
    """
    if not getattr(task, "_instances", None):  # lm-eval has no such list before one is built
        prepare(lm, {name: task}, suite)
    lm.truncated = set()
    lm.meter = Meter(num_documents(task, suite.limit), advance)
    with quiet(), restored(lm.model), _built(task):
        results: dict[str, Any] = evaluate(
            lm,
            {"tasks": {name: task}},
            limit=suite.limit,
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=suite.frame is TaskFrame.alpaca,
            fewshot_as_multiturn=False,
        )
    lm.meter.finish()
    return results


def num_documents(task: Task, limit: int | None) -> int:
    """How many documents of the task are scored."""
    count = len(task.task_docs)
    return count if limit is None else min(count, limit)


@contextlib.contextmanager
def _built(task: Task) -> Iterator[None]:
    """lm-eval would build the task's requests again, drawing a bar that cannot be turned off."""
    task.build_all_requests = lambda **options: None
    try:
        yield
    finally:
        del task.build_all_requests

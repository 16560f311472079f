"""Imports point one way: errors, records, ..., the rooms, the stages, the plan, the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alpaca_exp.paths import PACKAGE
from tests.versions import imports

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if "_data" not in path.parts
)
ORDER = [
    {"paths", "errors", "listening", "commands", "libraries"},
    {"schemas", "records", "content"},
    {"identity", "provenance", "prompts", "progress", "lineage", "scoreboard"},
    {"config", "locks", "sweep_folder"},
    {"refusals", "overrides", "compose", "usage", "artifacts", "prefetched"},
    {"ledger", "cards", "reading", "following", "hub_files"},
    {
        "llm",
        "selfinstruct",
        "cleaning",
        "tuning",
        "harness",
        "judging",
        "references",
        "statistics",
        "miniature",
        "trial",
    },
    {"stages", "report"},
    {
        "documents",
        "needs",
        "task_data",
        "fetching",
        "hub_readiness",
        "server_readiness",
        "prefetch",
        "writers",
        "plan",
        "inventory",
        "exporting",
        "reasons",
        "data_readiness",
        "readiness",
        "costs",
        "feasibility",
        "rehearsed",
        "extrapolation",
        "confounds",
        "sides",
        "judgments",
    },
    {"money"},
    {"experiment", "preview"},
    {"rehearsal", "sweeping", "study"},
    {"__main__", "options", "store", "sweeps", "variants"},
]
TOLD_TO_JOBS = ("trial", "pruners", "asynchronous", "parts", "storage")
"""Of a study, what a job reads: the rest of that room hands jobs out."""
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
HEAVY = ("torch", "transformers", "pytorch_lightning", "lm_eval", "datasets", "openai", "optuna", "rapidfuzz")


def part(module: str) -> str:
    """The member of a layer: alpaca_exp.llm.openai is of llm, the command line of a room one of those."""
    if module == "alpaca_exp.judging.__main__":
        return "__main__"
    if module.startswith("alpaca_exp.study.") and module.split(".")[2] in TOLD_TO_JOBS:
        return "trial"
    return module.split(".")[1] if "." in module else "__init__"


@pytest.mark.parametrize("module", [name for name in MODULES if name != "alpaca_exp"])
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    for imported in imports(module):
        here, there = part(module), part(imported)
        assert LEVEL[there] <= LEVEL[here], f"{module} imports {imported}, which lies above it"


def test_stages_never_import_one_another() -> None:
    for module in MODULES:
        if module.startswith("alpaca_exp.stages."):
            assert not [name for name in imports(module) if name.startswith("alpaca_exp.stages.")]


def test_the_report_reads_records_and_artifacts_and_no_room_but_statistics() -> None:
    allowed = {
        "errors", "records", "artifacts", "references", "lineage", "statistics", "report", "config", "paths",
        "schemas", "commands", "scoreboard", "reading", "sweep_folder", "content",
    }  # fmt: skip
    # The reading page takes the files of answers that a judge's opponent may have; how each question moves a
    # judge's metric is told by who makes the metric of the questions.
    doors = {"report.reading", "report.judged", "report.judged_values"}
    for module in MODULES:
        if part(module) == "report":
            own = {"judging"} if module.removeprefix("alpaca_exp.") in doors else set()
            assert {part(name) for name in imports(module)} <= allowed | own, module


def test_cleaning_never_reads_the_worlds_facts() -> None:
    for module in MODULES:
        if part(module) == "cleaning" or module == "alpaca_exp.stages.curate":
            assert not [name for name in imports(module) if part(name) == "miniature"], module


def test_who_may_know_the_worlds_facts() -> None:
    """Its models, its tasks and questions, and the corpus that a base model learns from; nothing else."""
    doors = {"llm.build", "harness.tasks", "judging.questions", "stages.pretrain"}
    found = {
        module.removeprefix("alpaca_exp.")
        for module in MODULES
        if part(module) != "miniature" and any(part(name) == "miniature" for name in imports(module))
    }
    assert found == doors


def test_no_two_modules_import_one_another_in_a_circle() -> None:
    graph = {module: set(imports(module)) - {module} for module in MODULES}
    while leaves := {module for module, needed in graph.items() if not needed & graph.keys()}:
        graph = {module: needed for module, needed in graph.items() if module not in leaves}
    assert not graph, f"in a circle: {sorted(graph)}"


def test_starting_up_imports_nothing_heavy() -> None:
    modules = "alpaca_exp.__main__, alpaca_exp.experiment, sys"
    listing = f"import {modules}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert done.stdout.split() == []

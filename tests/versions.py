"""Each stage's version beside a hash of the code that makes it: `make neutral` writes it down anew.

A change of code may change what a stage makes of the same config. So it must either raise the
stage's version in `plan.py`, or be declared neutral (a new name, a faster way to the same bytes).
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from alpaca_exp.compose import compose
from alpaca_exp.paths import PACKAGE
from alpaca_exp.plan import plan

FILE = Path(__file__).with_name("versions.json")
GENERATED = ("tasks=[truthfulqa_gen]", "understanding=[]", "truthfulness=[]")
WHOLE = (["world=tiny"], ["preset=paper", *(f"eval_suite.{told}" for told in GENERATED)])
"""Experiments that have every stage between them."""
Noted = dict[str, dict[str, str | int]]


def current() -> Noted:
    """Stage -> its version and the hash of its code, as the checkout has them."""
    planned = [stage for words in WHOLE for stage in plan(compose(words)).values()]
    versions = {stage.name: stage.version for stage in planned}
    return {name: {"version": versions[name], "code": code_of(name)} for name in sorted(versions)}


def noted() -> Noted:
    """The same, as it was written down."""
    loaded: Noted = json.loads(FILE.read_text())
    return loaded


def outdated(before: Noted, after: Noted) -> list[str]:
    """One sentence for each stage whose code changed while its version did not."""
    return [
        f"the code of the stage {name} changed: raise its version in alpaca_exp/plan.py if it may make "
        "something else of the same config, or run `make neutral` if it may not"
        for name, now in after.items()
        if now["version"] == before.get(name, {}).get("version") and now["code"] != before[name]["code"]
    ] + [
        f"the stage {name} is not written down yet: run `make neutral`"
        for name in after
        if name not in before
    ]


def code_of(stage: str) -> str:
    """16 hex digits over the stage's module and the rooms it reaches; comments and docstrings left out."""
    modules = sorted(_reached(f"alpaca_exp.stages.{stage}"))
    digest = hashlib.sha256()
    for module in modules:
        digest.update(f"{module}\n{_meaning(_file(module))}".encode())
    rooms = {_file(module).parent for module in modules} - {PACKAGE / "stages"}
    beside = [*(PACKAGE / "stages").glob(f"{stage}.*"), *(file for room in rooms for file in room.iterdir())]
    for file in sorted(beside):
        digest.update(file.read_bytes() if file.suffix in (".j2", ".css", ".js") else b"")
    return digest.hexdigest()[:16]


def imports(module: str) -> Iterator[str]:
    """The modules of alpaca_exp that `module` imports, at its head or inside its functions."""
    for node in ast.walk(ast.parse(_file(module).read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.startswith("alpaca_exp.") and _file(name).is_file())


def _reached(module: str) -> set[str]:
    """The module and the rooms' modules behind it. What every stage shares is no room: it makes nothing."""
    found, left = set(), [module]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [other for other in imports(name) if other.count(".") >= 2]
    return found


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _meaning(file: Path) -> str:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


if __name__ == "__main__":
    FILE.write_text(json.dumps(current(), indent=2) + "\n")
    print(f"{FILE.name}: {len(current())} stages written down")

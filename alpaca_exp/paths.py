"""Where the project's own files are: `conf`, `seeds` and `sweeps`, in a checkout or in the wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """The folder that holds `conf`, `seeds` and `sweeps`: a checkout's own win over the wheel's copy."""
    checkout = PACKAGE.parent
    if (checkout / "conf" / "config.yaml").is_file() and (checkout / "pyproject.toml").is_file():
        return checkout
    return PACKAGE / "_data"


def find(path: Path) -> Path:
    """`path` as given if it exists, else the shipped file of that name (`seeds/seed_tasks.jsonl`)."""
    shipped = data_root() / path
    return shipped if not path.exists() and shipped.exists() else path

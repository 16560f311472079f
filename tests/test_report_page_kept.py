"""A sweep's page that was made before: left as it is, or made again where something has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.report import page_kept, whole
from alpaca_exp.report.page_kept import SUMMARY, kept_page
from tests import report_pages


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of two jobs that are done."""
    folder = tmp_path / "sweeps" / "small"
    for number, variant in enumerate(("original", "cleaned")):
        report_pages.run(tmp_path, number, variant, 0)
    report_pages.tell(folder, *({"job": n, "label": f"job {n}", "status": "done"} for n in range(2)))
    report_pages.note(folder, {"rows": "dataset_variant", "metrics": ["understanding"]})
    return folder


@pytest.fixture
def makes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pages that are made, and made they are."""
    made: list[str] = []
    page = page_kept.page

    def counted(asked: page_kept.Asked, outputs: Path) -> object:
        made.append(asked.name)
        return page(asked, outputs)

    monkeypatch.setattr(page_kept, "page", counted)
    return made


def test_a_page_of_which_nothing_has_changed_is_left_as_it_is_and_told_of_alike(
    sweep: Path, makes: list[str]
) -> None:
    file, told = kept_page("small", sweep.parents[1])
    stamp = file.stat().st_mtime_ns
    assert "| cleaned |" in told and told in file.with_name(SUMMARY).read_text()
    assert kept_page("small", sweep.parents[1]) == (file, told)
    assert makes == ["small"] and file.stat().st_mtime_ns == stamp


def test_it_is_made_again_where_a_job_the_settings_or_the_page_itself_changed(
    sweep: Path, makes: list[str]
) -> None:
    outputs = sweep.parents[1]
    file, _ = kept_page("small", outputs)
    report_pages.run(outputs, 2, "cleaned", 1)
    report_pages.tell(sweep, {"job": 2, "label": "job 2", "status": "done"})
    assert "2 x 40" in kept_page("small", outputs)[1]
    report_pages.note(sweep, {"rows": "dataset_variant", "metrics": ["truthfulness"]})
    assert "understanding" not in kept_page("small", outputs)[1].partition("\n")[0]
    file.unlink()
    assert kept_page("small", outputs)[0].exists()
    file.with_name(SUMMARY).write_text("torn")
    assert kept_page("small", outputs)[1] != "torn"
    assert makes == ["small"] * 5


def test_other_code_makes_it_again(
    sweep: Path, makes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "tables.py").write_text("one")
    monkeypatch.setattr(page_kept, "MADE_BY", (code,))
    kept_page("small", sweep.parents[1])
    (code / "tables.py").write_text("another")
    kept_page("small", sweep.parents[1])
    assert makes == ["small"] * 2


def test_a_page_that_lacks_a_run_is_made_again_for_the_run_may_have_been_made_by_itself(
    sweep: Path, makes: list[str]
) -> None:
    outputs = sweep.parents[1]
    gone = next((outputs / "evaluate").iterdir())
    kept = gone.rename(outputs / "elsewhere")
    assert "left out: " in kept_page("small", outputs)[1]
    kept.rename(gone)
    whole._problem.cache_clear()  # as another process would look
    assert "left out: " not in kept_page("small", outputs)[1]
    kept_page("small", outputs)
    assert makes == ["small", "small"]

"""The report page, as a file and in real headless Chromium: figures, links, sorting, darkness, print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.paths import PACKAGE
from alpaca_exp.report.page_asked import Asked
from alpaca_exp.report.page_writing import note, page
from tests.browsers import PROGRAM, Browser, Tab

VARIANTS = ("original", "cleaned", "<b>new</b>")
SCORES = {"original": 0.40, "cleaned": 0.60, "<b>new</b>": 0.50}


def artifact(outputs: Path, name: str, **files: str) -> str:
    folder = outputs / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder.name


def record(**identity: object) -> str:
    return json.dumps(
        {
            "version": 1, "git": "0123456789", "identity": identity, "files": {},
            "packages": {"torch": "2.13"}, "usage": {"usd": 0.0, "usd_avoided": 0.0, "gpu_hours": 0.0},
        }
    )  # fmt: skip


def run(outputs: Path, number: int, variant: str, seed: int, status: str = "done") -> None:
    tag = f"{number:016x}"
    score = SCORES[variant] + 0.01 * seed
    row = {
        "task": "understanding",
        "metric": "mean",
        "filter": "none",
        "value": score,
        "stderr": 0.02,
        "n": 400,
    }
    curve = "".join(f"{step},{3 - step / 100 - score:.3f}\n" for step in range(10, 60, 10))
    artifact(outputs, f"train/{tag}", record__json=record(seed=seed), metrics__csv=f"step,loss\n{curve}")
    artifact(
        outputs, f"evaluate/{tag}", record__json=record(seed=seed, variant=variant),
        scores__jsonl=json.dumps(row) + "\n",
    )  # fmt: skip
    counts = {"rows_in": 100, "rows_out": 90, "removed": {"critic": 10}, "edited": {}, "not_drawn": 0}
    data = f"{1000 + VARIANTS.index(variant):016x}"
    artifact(
        outputs, f"curate/{data}", record__json=record(variant=variant),
        card__json=json.dumps({"counts": counts}), card__html="<p>card",
    )  # fmt: skip
    told = {
        "experiment": "small", "preset": "miniature", "scale": "small", "seed": seed, "status": status,
        "started": f"2026-01-01T00:00:{number:02}Z", "usd": 0.0, "error": None, "seconds": 1.0,
        "labels": {"dataset_variant": variant}, "overrides": [f"dataset_variant={variant}", f"seed={seed}"],
        "artifacts": {"curate": data, "train": tag, "evaluate": tag},
    }  # fmt: skip
    folder = outputs / "sweeps" / "small" / str(number)
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three data sets with three seeds each; a tenth job failed, an eleventh waits."""
    folder = tmp_path_factory.mktemp("outputs")
    for number in range(9):
        run(folder, number, VARIANTS[number // 3], number % 3)
    jobs = [{"job": n, "label": f"job {n}", "status": "done"} for n in range(9)]
    jobs += [
        {"job": 9, "label": "job 9", "status": "failed", "error": "the <server> is away"},
        {"job": 10, "label": "job 10", "status": "waiting"},
        {"job": 11, "label": "job 11", "status": "running"},
    ]
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    (folder / "sweeps/small/jobs.jsonl").write_text(lines, encoding="utf-8")
    note(
        folder / "sweeps/small",
        {"rows": "dataset_variant", "metrics": ["understanding"], "baseline": "original"},
    )
    return folder


@pytest.fixture(scope="module")
def made(outputs: Path) -> Path:
    return page(Asked("small"), outputs).file


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_a_sweeps_own_settings_arrange_its_page(made: Path) -> None:
    assert "understanding: difference from original" in text(made)
    assert "cleaned +0.200 [" in text(made)


def test_the_finding_of_each_figure_is_told_in_words_with_its_numbers(made: Path) -> None:
    labels = re.findall(r'role="img" aria-label="([^"]*)"', text(made))
    assert len(labels) == text(made).count("<svg ") >= 3
    assert all(re.search(r"\d\.\d", label) for label in labels)


def test_every_link_leads_to_a_file_that_is_there(made: Path) -> None:
    links = re.findall(r'href="([^"#][^"]*)"', text(made))
    assert len(set(links)) > 20
    assert [link for link in links if not (made.parent / link).resolve().exists()] == []


def test_what_users_named_is_text_and_never_markup(made: Path) -> None:
    assert "<b>new</b>" not in text(made)
    assert "the <server> is away" not in text(made)
    assert "the &lt;server&gt; is away" in text(made)


def test_jobs_that_failed_wait_or_were_killed_are_told_of(made: Path) -> None:
    for state in ("<b>9</b> done", "<b>1</b> failed", "<b>1</b> not started", "<b>1</b> killed"):
        assert state in text(made)


def test_no_two_elements_of_the_page_have_one_name_and_all_that_is_named_is_there(made: Path) -> None:
    names = re.findall(r' id="([^"]*)"', text(made))
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text(made))) <= set(names)


def test_the_page_is_the_same_to_the_byte_in_another_process(outputs: Path, made: Path) -> None:
    before = made.read_bytes()
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "alpaca_exp.report", "page", str(outputs), "--name", "small"],
            check=True, capture_output=True, cwd=PACKAGE.parent, env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert made.read_bytes() == before


def test_the_command_on_the_page_makes_the_page_without_the_sweeps_settings(
    outputs: Path, made: Path
) -> None:
    before = made.read_bytes()
    settings = outputs / "sweeps/small/report.json"
    kept = settings.read_bytes()
    settings.unlink()
    try:
        asked = Asked("small", "dataset_variant", None, ("understanding",), "original", ("dataset_variant",))
        assert page(asked, outputs).file.read_bytes() == before
    finally:
        settings.write_bytes(kept)


def test_a_page_of_nothing_is_refused_in_a_sentence(outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        page(Asked("all"), tmp_path / "none")
    with pytest.raises(InputError, match="did you mean small"):
        page(Asked("smal"), outputs)
    with pytest.raises(InputError, match="cannot be a page's folder"):
        page(Asked("../x"), outputs)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if PROGRAM is None:
        pytest.skip("chromium is absent: no browser to read the page in")
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def tab(browser: Browser, made: Path) -> Iterator[Tab]:
    """The page as it is opened; nothing may have complained, or been asked for elsewhere, in the end."""
    opened = browser.open(made.as_uri())
    opened.value("sessionStorage.clear()")
    opened.reload()
    yield opened
    assert opened.complaints() == []
    assert {address.partition("#")[0] for address in opened.requested()} == {made.as_uri()}
    opened.call("Page.close")


ORDER = "[...document.querySelectorAll('.main tbody tr')].map(r => r.cells[0].textContent).join()"
COLOUR = "getComputedStyle(document.documentElement).backgroundColor"


def test_a_click_or_a_key_sorts_the_table_and_a_reload_keeps_it(tab: Tab) -> None:
    tab.click(".main th:nth-child(2) button")
    assert tab.value(ORDER) == "original,<b>new</b>,cleaned"
    tab.press("Enter")
    assert tab.value(ORDER) == "cleaned,<b>new</b>,original"
    assert tab.value("document.querySelector('.main th:nth-child(2)').ariaSort") == "descending"
    tab.reload()
    assert tab.value(ORDER) == "cleaned,<b>new</b>,original"


def test_the_page_is_dark_where_the_reader_wants_it_and_by_its_button(tab: Tab) -> None:
    tab.prefer("light")
    light = tab.value(COLOUR)
    ink = "getComputedStyle(document.querySelector('figure svg text')).fill"
    light_ink = tab.value(ink)
    tab.prefer("dark")
    assert tab.value(COLOUR) != light
    assert tab.value(ink) != light_ink
    tab.click("button.theme")
    assert tab.value(COLOUR) == light


def test_printed_it_is_black_on_white_with_the_numbers_of_its_figures(tab: Tab) -> None:
    tab.prefer("dark")
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.value(COLOUR) == "rgb(255, 255, 255)"
    tab.value("dispatchEvent(new Event('beforeprint'))")
    assert tab.value("[...document.querySelectorAll('figure details')].every(d => d.open)")


def test_on_a_phone_nothing_reaches_beyond_the_page(tab: Tab) -> None:
    tab.resize(390, 800)
    tab.settle()
    assert tab.value("document.documentElement.scrollWidth") <= 390

"""The report page in real headless Chromium: sorting, origins, keys, darkness, print, phones, no script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpaca_exp.report.page_asked import Asked
from alpaca_exp.report.page_writing import page
from tests import report_pages
from tests.browsers import PROGRAM, Browser, Tab

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is absent: no browser to read the page in")

ORDER = "[...document.querySelectorAll('.main tbody tr')].map(r => r.cells[0].textContent).join()"
COLOUR = "getComputedStyle(document.documentElement).backgroundColor"
FOCUS = "document.activeElement.textContent"
DIALOG = "document.querySelector('#from')"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    report_pages.sweep(folder)
    report_pages.study(folder, {"understanding": "maximize", "words": "minimize"})
    for name in ("small", "search"):
        page(Asked(name), folder)
    return folder


def opened(browser: Browser, file: Path) -> Iterator[Tab]:
    """The page as it is opened; nothing may have complained, or been asked for elsewhere, in the end."""
    tab = browser.open(file.as_uri())
    tab.value("sessionStorage.clear()")
    tab.reload()
    yield tab
    assert tab.complaints() == []
    assert {address.partition("#")[0] for address in tab.requested()} == {file.as_uri()}
    tab.call("Page.close")


@pytest.fixture
def tab(browser: Browser, outputs: Path) -> Iterator[Tab]:
    yield from opened(browser, outputs / "reports/small/index.html")


@pytest.fixture
def study(browser: Browser, outputs: Path) -> Iterator[Tab]:
    yield from opened(browser, outputs / "reports/search/index.html")


def test_a_click_or_a_key_sorts_the_table_and_a_reload_keeps_it(tab: Tab) -> None:
    tab.click(".main th:nth-child(2) button")
    assert tab.value(ORDER) == "original,<b>new</b>,cleaned"
    tab.press("Enter")
    assert tab.value(ORDER) == "cleaned,<b>new</b>,original"
    assert tab.value("document.querySelector('.main th:nth-child(2)').ariaSort") == "descending"
    tab.reload()
    assert tab.value(ORDER) == "cleaned,<b>new</b>,original"


def test_trials_sort_by_what_they_came_to(study: Tab) -> None:
    rows = (
        "[...document.querySelectorAll('.trials tbody tr')].map(r => parseInt(r.cells[0].textContent)).join()"
    )
    study.click(".trials th:nth-child(3) button")
    study.press("Enter")
    assert study.value(rows) == "7,6,4,2,1,0,3,5", "those without a value stay below"


def test_a_click_on_a_number_shows_its_runs_seeds_answers_and_artifacts(tab: Tab) -> None:
    tab.click(".main tbody tr:first-child td a.n")
    told = tab.value(f"{DIALOG}.open && {DIALOG}.innerText")
    assert "0.510 [" in told.partition("Runs")[0]
    assert "understanding of <b>new</b>, over 3 seeds, 400 documents each" in told
    assert "Runs (3)" in told and "sweeps/small/6: seed=0, its answers" in told
    assert "Artifacts (3)" in told and "evaluate/" in told
    assert "alpaca_exp.store export sweeps/small/6 sweeps/small/7 sweeps/small/8 --outputs" in told
    links = tab.value(f"[...{DIALOG}.querySelectorAll('a')].map(a => a.href)")
    assert links and all(Path(link.removeprefix("file://")).exists() for link in links)
    tab.click("#from .close")
    assert not tab.value(f"{DIALOG}.open")


def test_numbers_are_gone_through_and_asked_by_keys(tab: Tab) -> None:
    tab.value("document.querySelector('.main a.n').focus()")
    first = tab.value(FOCUS)
    tab.press("ArrowDown")
    assert tab.value(FOCUS) != first
    tab.press("ArrowUp")
    assert tab.value(FOCUS) == first
    tab.press("Enter")
    assert tab.value(f"{DIALOG}.open")
    tab.press("Escape")
    assert not tab.value(f"{DIALOG}.open") and tab.value(FOCUS) == first, "one is back where one was"
    stops = "[...document.querySelectorAll('.main a.n')].filter(a => a.tabIndex >= 0).length"
    assert tab.value(stops) == 1, "one stop of Tab a table"


UNTRACED = """[...document.querySelectorAll('.main td, .claims td, figure td, #data td, .trials td')]
  .filter(td => /\\d/.test(td.textContent) && !td.querySelector('a'))
  .map(td => [td.cellIndex, td.textContent])"""


def test_every_number_of_tables_and_figures_leads_to_where_it_is_from(tab: Tab, study: Tab) -> None:
    assert tab.value(UNTRACED) == []
    # Of a trial what was set (of which two are numbers), its steps and its seconds are no measurements.
    assert {column for column, _ in study.value(UNTRACED)} == {4, 5, 6, 7}
    for one in (tab, study):
        broken = """[...document.querySelectorAll('a.n')].filter(a => {
          const row = document.querySelector(a.hash);
          return !row || !row.cells[2].querySelector('a') || !row.cells[3].querySelector('a'); }).length"""
        assert one.value(broken) == 0


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
    tab.resize(200, 1000)
    wide = "(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.main'))"
    assert tab.value(wide), "no column is cut off"


@pytest.mark.parametrize("name", ["small", "search"])
def test_on_a_phone_nothing_reaches_beyond_the_page(browser: Browser, outputs: Path, name: str) -> None:
    for tab in opened(browser, outputs / f"reports/{name}/index.html"):
        tab.resize(390, 800)
        tab.settle()
        assert tab.value("document.documentElement.scrollWidth") <= 390
        tab.click("a.n")
        assert tab.value(f"{DIALOG}.getBoundingClientRect().right") <= 390


def test_on_a_phone_what_a_table_says_of_itself_stays_in_sight(browser: Browser, outputs: Path) -> None:
    for tab in opened(browser, outputs / "reports/small/index.html"):
        tab.resize(390, 800)
        tab.value("document.querySelectorAll('.main td').forEach(one => one.style.minWidth = '60rem')")
        tab.settle()
        tab.value("document.querySelector('.main').scrollLeft = 300")
        tab.settle()
        assert tab.value("document.querySelector('.main').scrollLeft") == 300  # it is wider than the phone
        text = "document.querySelector('.main caption span').getBoundingClientRect()"
        assert 0 <= tab.value(f"{text}.left") < tab.value(f"{text}.right") <= 390


def test_without_script_all_is_there_and_a_number_leads_to_its_origin(tab: Tab) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.reload()
    assert not tab.value("document.querySelector('button.theme').checkVisibility()")
    assert tab.value("document.querySelectorAll('.main tbody tr').length") == 3
    tab.click(".main a.n")
    tab.until("document.querySelector('tr:target')?.checkVisibility()")  # its fold has opened
    tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_its_parts_are_named_for_those_who_hear_it(tab: Tab) -> None:
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node
    ]
    assert {"main", "navigation", "image", "table", "status"} <= {role for role, _ in named}
    assert [role for role, name in named if role in ("link", "button", "image", "region") and not name] == []
    assert any(re.search(r"cleaned \+0\.200", name) for role, name in named if role == "image")

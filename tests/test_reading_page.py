"""The reading page in real headless Chromium: filters, blind votes, keys, phones, darkness, and attacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import PROGRAM, Browser, Tab
from tests.reading_pages import ATTACKS, contents, side, verdict, write_page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is absent: no browser to read the page in")

LABELS = ("tuned", "teacher", "untuned")
NAMES = re.compile("tuned|teacher|models/|judge said")
VOTED = "[...document.querySelectorAll('.vote')].map(b => b.getAttribute('aria-pressed')).join()"
SHOWN = "[...document.querySelectorAll('article:not([hidden])')].map(a => a.dataset.question).join()"
DOM = "document.documentElement.outerHTML"
"""All that is in the document, templates and attributes included."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight questions to three models; the judge prefers the tuned one's answers to 1 and 2 alone."""
    sides = [side(label, [f"answer {n} of {label[0]} " + "so " * n for n in range(1, 9)]) for label in LABELS]
    verdicts = [
        verdict(n, order, 5, 7 if n < 3 else 4, "judge said") for n in range(1, 8) for order in ("12", "21")
    ]
    verdicts += [verdict(8, "12", 9, 3), verdict(8, "21", 3, 9), verdict(7, "12", None, None)]
    made = contents(sides, verdicts)
    folder = tmp_path_factory.mktemp("pages")
    write_page(made, folder / "open.html")
    write_page(made, folder / "blind.html", blind=True)
    return folder / "open.html"


@pytest.fixture
def tab(browser: Browser, page: Path) -> Iterator[Tab]:
    """The page as it is opened for the first time; nothing may have complained in the end."""
    opened = browser.open(page.as_uri())
    opened.value("localStorage.clear()")
    opened.reload()
    yield opened
    assert opened.complaints() == []
    assert {address.partition("?")[0].rpartition("/")[0] for address in opened.requested()} <= {
        page.parent.as_uri(), f"blob:{page.parent.as_uri()}", "blob:null",
    }, "nothing but the page itself was asked for"  # fmt: skip
    opened.call("Page.close")


def choose(tab: Tab, field: str, value: str) -> str:
    """Which questions are shown when a filter has this value."""
    tab.value(
        f"(f => {{ f.value = {json.dumps(value)}; f.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
        f"(document.querySelector('#{field}'))"
    )
    tab.settle()
    return str(tab.value(SHOWN))


def begin(tab: Tab, rater: str = "ann") -> None:
    tab.press("b")
    tab.write(rater)
    tab.press("Enter")


def exported(tab: Tab) -> list[dict[str, Any]]:
    tab.click("#export")
    return [json.loads(line) for line in tab.download().splitlines()]


def test_questions_are_found_by_category_verdict_score_and_words(tab: Tab) -> None:
    assert tab.value(SHOWN) == "1,2,3,4,5,6,7,8"
    tab.press("j", "j", "j", "j", "j", "j", "j")
    assert choose(tab, "category", "coding") == "1,5"
    assert 0 <= tab.value("document.querySelector('#h-1').getBoundingClientRect().top") < 300, (
        "the first is seen"
    )
    assert choose(tab, "words", "ANSWER 5") == "5"
    assert tab.value("CSS.highlights.get('found').size") >= 2, "what was searched for is marked"
    assert tab.value("document.querySelector('#count').textContent") == "1 of 8 questions"
    tab.click("[type=reset]")
    assert choose(tab, "verdict", "side-0") == "1,2"
    assert choose(tab, "verdict", "disagree") == "8"
    assert choose(tab, "verdict", "unread") == "7"
    tab.click("[type=reset]")
    assert choose(tab, "least", "6.5") == "1,2"
    choose(tab, "most", "6.6")
    assert tab.value("document.querySelector('#nothing').checkVisibility()")
    tab.click("[type=reset]")
    assert choose(tab, "order", "length").startswith("1,"), "all are as different"
    assert choose(tab, "order", "score").startswith("1,2,")
    tab.click('[name="side"][value="1"]')
    tab.settle()
    assert tab.value("document.querySelectorAll('.answer[data-side=\"1\"]:not([hidden])').length") == 0


def test_it_is_read_by_keyboard_alone(tab: Tab) -> None:
    tab.press("j", "j", "j", "k")
    assert tab.value("document.activeElement.textContent") == "Question 2?"
    assert tab.value("getComputedStyle(document.activeElement).boxShadow") != "none", "one sees where one is"
    tab.press("w")
    assert tab.value("document.querySelector('#q-2 .verdicts').open")
    tab.press("/", "j", "5")
    assert tab.value("document.activeElement.value") == "j5", "in a field, letters are letters"
    tab.press("Escape", "?")
    assert tab.value("document.querySelector('#help').open")
    tab.press("j", "Escape")
    assert not tab.value("document.querySelector('#help').open")
    seen = set()
    for _ in range(16):
        tab.press("Tab")
        seen.add(tab.value("document.activeElement.id || document.activeElement.type"))
    assert {"category", "verdict", "least", "go-blind"} <= seen


def test_blind_votes_are_kept_over_a_reload_and_exported(tab: Tab) -> None:
    begin(tab)
    shown = tab.value("[...document.querySelectorAll('.pair .text')].map(e => e.textContent)")
    tab.press("a", "t", "y", "1", "2", "3")
    assert "3 voted" in tab.value("document.querySelector('#place').textContent")
    assert "Tie" in tab.value("document.querySelector('[role=status]').textContent")
    tab.reload()
    assert "Question 4 of 8, 3 voted" in tab.value("document.querySelector('#place').textContent")
    tab.press("k", "k", "k")
    assert tab.value(VOTED) == "true,false,false"
    assert tab.value("[...document.querySelectorAll('input:checked')].map(i => i.name + i.value).join()") == (
        "intent-0yes,quality-05,quality-11"
    )
    rows = exported(tab)
    assert [row["vote"] == "tie" for row in rows] == [False, False, True]
    first = rows[0]
    place = {"12": (1, 2), "21": (2, 1)}[first["order"]]
    assert first["vote"] == place[0] and first["rater"] == "ann"
    told = (first[f"intent_{place[0]}"], first[f"quality_{place[0]}"], first[f"quality_{place[1]}"])
    assert told == (True, 5, 1) and first[f"intent_{place[1]}"] is None
    models = [first[f"model_{n}"].removeprefix("models/")[0] for n in place]
    assert [text.split()[3] for text in shown] == models, "what was shown first is what was voted for"
    assert rows[1]["vote"] == int(rows[1]["order"][1])


def test_people_are_counted_from_what_the_page_exports(tab: Tab, tmp_path: Path) -> None:
    from alpaca_exp.judging.people import poll
    from alpaca_exp.judging.votes import read_votes

    begin(tab)
    tab.press(*"12312312")
    file = tmp_path / "votes.jsonl"
    tab.click("#export")
    file.write_text(tab.download())
    votes, again = read_votes([file])
    assert (len(votes), again) == (8, 0)
    assert poll(votes).raters == {"ann": 8}


def test_nothing_names_a_model_before_the_names_are_revealed(tab: Tab, page: Path) -> None:
    begin(tab)
    for _ in range(8):
        assert not NAMES.search(tab.value(DOM)) and not NAMES.search(tab.value("document.title"))
        tab.press("ArrowRight")
    assert "All questions" in tab.value("document.activeElement.textContent")
    assert not NAMES.search(tab.value(DOM))
    tab.click("#reveal")
    table = tab.value(
        "[...document.querySelectorAll('.results tbody tr')].map(r => r.innerText.split(/\\s+/))"
    )
    assert [row[0] for row in table] == list(LABELS)
    assert sum(int(row[1]) for row in table) == 16 and {int(row[1]) for row in table} <= {5, 6}, (
        "evenly drawn"
    )
    assert "You: " in tab.value("document.querySelector('main').textContent")


def test_a_page_written_blind_seals_its_names(tab: Tab, page: Path) -> None:
    sealed = page.with_name("blind.html")
    assert not NAMES.search(sealed.read_text()) and "made up" not in sealed.read_text()
    tab.visit(sealed.as_uri())
    assert tab.value("document.title") == "Blind reading"
    tab.value("localStorage.clear()")
    tab.reload()
    tab.write("bob")
    tab.press("Enter", "1")
    assert not NAMES.search(tab.value(DOM))
    tab.click("#reveal")
    tab.press("Enter")
    assert "1 voted" in tab.value("document.querySelector('#place').textContent"), "one goes on by default"
    tab.click("#reveal")
    tab.click("#sure .main")
    tab.settle()
    assert NAMES.search(tab.value("document.body.innerText"))
    tab.reload()
    assert "1 of 8 pairs were voted on by bob" in tab.value("document.body.innerText")


def test_what_was_begun_on_a_blind_page_does_not_open_where_the_names_are_shown(tab: Tab, page: Path) -> None:
    tab.visit(page.with_name("blind.html").as_uri())
    tab.write("bob")
    tab.press("Enter", "1")
    tab.visit(page.as_uri())
    assert tab.value("document.title") != "Blind reading"
    assert NAMES.search(tab.value("document.body.innerText"))


def test_every_pair_is_drawn_equally_often_and_shown_first_as_often_as_second(tab: Tab) -> None:
    begin(tab, "cat")
    for _ in range(3):
        tab.press(*"12121212")
        if tab.value("document.querySelector('#round').checkVisibility()"):
            tab.click("#round")
    rows = exported(tab)
    pairs = [(row["question_id"], row["model_1"], row["model_2"]) for row in rows]
    assert len(pairs) == len(set(pairs)) == 24, "each question with each pair"
    for pair in {(one, two) for _, one, two in pairs}:
        orders = [row["order"] for row in rows if (row["model_1"], row["model_2"]) == pair]
        assert (orders.count("12"), orders.count("21")) == (4, 4)
    tab.click("#reveal")
    tab.click("#another")
    tab.write("__proto__")
    tab.press("Enter", *"12121212")
    again = [(row["question_id"], row["order"]) for row in exported(tab)]
    assert again != [(row["question_id"], row["order"]) for row in rows[:8]], "another rater, another order"


def test_what_an_answer_holds_does_nothing(browser: Browser, tab: Tab, tmp_path: Path) -> None:
    sides = [side(f"{label} {ATTACKS[0]} \"'", ATTACKS) for label in ("a", "b")]
    made = contents(sides, [verdict(1, "12", 3, 4, " ".join(ATTACKS))], title=" ".join(ATTACKS))
    for blind in (False, True):
        tab.visit(write_page(made, tmp_path / "attack.html", blind=blind))
        tab.settle()
        if not blind:
            texts = tab.value(
                "[...document.querySelectorAll('[data-side=\"1\"] .text')].map(e => e.textContent)"
            )
            assert texts == [text.replace("\x00", "") for text in ATTACKS], "they are shown as they are"
            tab.press("b")
        tab.write("<script>window.hacked = 1</script>")
        tab.press("Enter", *"1" * len(ATTACKS))
        tab.click("#reveal")
        tab.settle()
        assert "<script>window.hacked = 1</script>" in tab.value(
            "document.querySelector('.results').innerText"
        )
        assert tab.value("typeof window.hacked") == "undefined"
        assert (
            tab.value("document.querySelectorAll('img, iframe, link, a[href^=java], [onerror]').length") == 0
        )
        tab.value("localStorage.clear()")
    inline = "(() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; "
    tab.value(inline + "document.body.append(s); })()")
    assert tab.value("typeof window.hacked") == "undefined", "the page's policy lets no other script run"
    tab.browser.events[:] = [e for e in tab.browser.events if "Content Security Policy" not in json.dumps(e)]
    tab.visit("about:blank")
    tab.browser.events[:] = [e for e in tab.browser.events if "/attack.html" not in json.dumps(e)]


def test_it_fits_a_phone(browser: Browser, page: Path, tmp_path: Path) -> None:
    sides = [
        side(f"model-{n}", ["word" * 60 if n else "", "https://example.org/" + "a" * 200]) for n in range(6)
    ]
    tab = browser.open(write_page(contents(sides), tmp_path / "wide.html"), 360, 740)
    fits = "document.documentElement.scrollWidth <= innerWidth && innerWidth === 360"
    assert tab.value(fits)
    assert not tab.value("document.querySelector('#category').checkVisibility()")
    tab.click("#unfold")
    assert tab.value("document.querySelector('#category').checkVisibility()") and tab.value(fits)
    tab.click("#go-blind")
    tab.write("ann")
    tab.press("Enter")
    assert tab.value(fits)
    tab.click("[data-vote=tie]")
    tab.click("[data-vote=second]")
    tab.click("#reveal")
    assert tab.value(fits) and tab.complaints() == []
    tab.call("Page.close")


def test_it_is_dark_where_people_want_it_dark_and_legible_in_both(tab: Tab) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        tab.prefer(scheme)
        tab.settle()
        tab.value(CONTRAST)
        grounds[scheme] = tab.value("luminance(getComputedStyle(document.documentElement).backgroundColor)")
        assert tab.value("lowest()") >= 4.5, "WCAG AA"
        tab.press("b")
        tab.settle()
        assert tab.value("lowest()") >= 4.5
        tab.click("#back")
    assert grounds["dark"] < 0.05 < 0.8 < grounds["light"]


CONTRAST = """
function luminance(colour) {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ground(element) {
  const own = getComputedStyle(element).backgroundColor;
  return own !== 'rgba(0, 0, 0, 0)' || !element.parentElement ? own : ground(element.parentElement);
}
function lowest() {
  const texts = [...document.querySelectorAll('h1, h2, h3, p, td, th, label, button, summary, select')];
  return Math.min(...texts.filter(e => e.checkVisibility({ visibilityProperty: true })).map(e => {
    const [a, b] = [luminance(getComputedStyle(e).color), luminance(ground(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
}
"""


def test_it_is_readable_without_script_and_on_paper(tab: Tab) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.reload()
    document = tab.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert len(document) > 20000
    assert tab.value("document.querySelector('article').checkVisibility()")
    assert not tab.value("document.querySelector('search').checkVisibility()"), (
        "what needs script is not there"
    )
    assert tab.value("getComputedStyle(document.body).visibility") == "visible"
    tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_its_parts_are_named_for_those_who_hear_it(tab: Tab) -> None:
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node
    }
    roles = {role for role, _ in named}
    assert {"main", "search", "status", "article"} <= roles
    assert ("article", "Question 3?") in named
    fields = {"searchbox", "combobox", "spinbutton", "checkbox", "button", "link"}
    assert not [name for role, name in named if role in fields and not name], "every field has a name"

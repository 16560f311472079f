"""The pages under docs/ are up to date, reachable, and their links lead somewhere."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from alpaca_exp import options
from alpaca_exp.config import groups
from alpaca_exp.overrides import known_keys
from alpaca_exp.schemas.claims import claims_of
from alpaca_exp.study.keys import KEYS
from tests import docs
from tests.conftest import Command
from tests.stories import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(page: Path) -> Iterator[str]:
    """The headings as GitHub makes anchors of them; a second one of a name has a number."""
    seen: dict[str, int] = {}
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        yield slug if not seen[slug] else f"{slug}-{seen[slug]}"


def targets(page: Path) -> list[str]:
    return [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_page_and_to_a_heading_on_it(page: Path) -> None:
    for link in targets(page):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{link}: there is no such file"
        assert not anchor or anchor in set(anchors(there)), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_row_of_a_table_has_as_many_cells_as_its_head(page: Path) -> None:
    head = 0
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.lstrip().startswith("|") else 0
        head = head or cells if cells else 0
        assert cells == head, line


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set[Path](), {ROOT / "README.md"}
    while new:
        page = new.pop()
        reached.add(page)
        there = {(page.parent / link.partition("#")[0]).resolve() for link in targets(page)}
        new |= {found for found in there if found.suffix == ".md" and found not in reached}
    assert set(PAGES) - reached == set()


def test_what_commands_write_into_the_pages_is_what_they_print_now() -> None:
    old = [str(page.relative_to(ROOT)) for page, _ in docs.outdated()]
    assert not old, f"{', '.join(old)}: out of date; run `make docs` and commit what it writes"


def test_a_page_that_is_out_of_date_is_noticed_and_mended() -> None:
    page = (DOCS / "options" / "world.md").read_text(encoding="utf-8")
    old = page.replace("`256`", "`255`")
    assert old != page and docs.renewed(old) == page
    within = "# A page\n\n<!-- python -m alpaca_exp.options world -->\nold\n<!-- end -->\n\nmore\n"
    assert "\n## world\n" in docs.renewed(within) and docs.renewed(within).endswith("\n\nmore\n")


def test_the_options_pages_hold_every_option_and_every_field() -> None:
    told = {group: options.page(group) for group in (options.INDEX, *groups())}
    for group, names in groups().items():
        assert [name for name in names if f"\n| `{name}` | " not in told[group]] == []
    shown = [key for text in told.values() for key in re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)]
    of_groups = {key for key in known_keys() if "." in key and ".world" not in key}  # that has its own page
    assert {key for key in of_groups if not any(f"{one}.".startswith(f"{key}.") for one in shown)} == set()


def test_a_group_that_is_not_there_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert options.main(["techer"]) == 2
    assert capsys.readouterr().err == "techer is no config group; did you mean teacher?\n"


def test_every_setting_of_a_study_is_explained() -> None:
    page = (DOCS / "sweeps.md").read_text(encoding="utf-8")
    table = page[page.index("| `hydra.sweeper.` |") :].partition("\n\n")[0]
    assert {key for key in KEYS if f"`{key}`" not in table} == set()


@pytest.mark.parametrize("page", ["tutorial.md", "report.md"])
def test_the_claims_that_a_page_shows_are_claims(page: str) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.DOTALL)
    for block in blocks:
        claims, problems = claims_of(yaml.safe_load(block))
        assert len(claims) == 3 and problems == []
    assert len(blocks) == 1


def test_the_summary_of_the_papers_numbers_is_that_of_their_audit() -> None:
    page = (DOCS / "paper-numbers.md").read_text(encoding="utf-8")
    found = {
        rule: body
        for rule, body in re.findall(r"^### [^\n]*\(`(\w+)`\)\n(.*?)(?=^##)", page, re.M | re.DOTALL)
    }
    assert "\n21 printed numbers in " in page and "prints 21 numbers" in page
    assert found["differs_from_source"].count("\n- ") == 7 and "**Seven differ from their sources.**" in page
    errors = [float(times) for times in re.findall(r"([\d.]+) standard errors", found["unresolved"])]
    assert len(errors) == 4 and f"within {max(errors)} standard errors" in page


def test_the_readme_shows_the_tutorials_figures() -> None:
    """They are made in one go: follow the tutorial in a fresh checkout, and copy what it prints."""
    readme, tutorial = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tutorial.md")
    )
    figures = [line for line in readme.splitlines() if re.match(r"\|.*\[[+-]?\d", line)]
    assert len(figures) >= 10
    assert [line for line in figures if line not in tutorial] == []


@pytest.mark.long
def test_the_tutorial_can_be_followed_in_a_small_world(command: Command, tmp_path: Path) -> None:
    """Every command but those of the environment, one after the other, as they are printed."""
    tutorial = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    claims = re.search(r"^```yaml\n(.*?)^```", tutorial, re.M | re.DOTALL)
    assert claims
    (tmp_path / "my_claims.yaml").write_text(claims[1])
    blocks = re.findall(r"^```sh\n(.*?)^```", tutorial, re.M | re.DOTALL)
    typed = [line for block in blocks for line in block.splitlines() if line.startswith("python -m ")]
    for line in typed:
        arguments = line.split()[2:]
        tiny = ["world=tiny"] if arguments[0] == "alpaca_exp" else []
        done = command(*arguments[1:], *tiny, module=arguments[0])
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert (tmp_path / "outputs" / "reports" / "factorial" / "index.html").is_file()
    assert (tmp_path / "factorial.tar.gz").is_file()
    assert len(typed) >= 14


def test_no_page_holds_a_line_that_is_only_for_its_writers() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"\b(TODO|FIXME|TBD)\b", text), page
        own = (f"{ROOT}/", f"{tempfile.gettempdir()}/")
        assert not [place for place in own if place in text], f"{page} names a place of this machine"

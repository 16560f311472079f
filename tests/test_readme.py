"""What README.md, CONTRIBUTING.md and the pages of docs/ tell people to type exists and does what it says."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep

from alpaca_exp import options, store, sweeps, variants
from alpaca_exp.compose import compose
from alpaca_exp.config import groups
from alpaca_exp.judging import __main__ as judging
from alpaca_exp.overrides import known_keys
from alpaca_exp.paths import data_root
from alpaca_exp.plan import plan
from alpaca_exp.report import __main__ as report
from alpaca_exp.report.judged import PREFIX, RANGES
from alpaca_exp.report.metrics import USUAL
from tests.conftest import ROOT
from tests.mirrors import write_mirror

PAGES = [
    *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "tests/README.md", "seeds/README.md")),
    *sorted(
        (ROOT / "docs").glob("*.md")
    ),  # those of docs/options are checked by test_docs.py and test_conf.py
]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
CODE = re.findall(r"^ *```\w+\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
TYPED = [line.strip() for block in CODE for line in block.splitlines()] + INLINE
STARTS = re.compile(r"([A-Z_]+=\S+ )*python -m ")
COMMANDS = sorted({shlex.join(shlex.split(line, comments=True)) for line in TYPED if STARTS.match(line)})
OPTIONS = re.findall(r"```yaml\n *# (conf/\S+)\n(.*?)```", TEXT, re.DOTALL)
FOLDERS = ("alpaca_exp/", "conf/", "docs/", "seeds/", "sweeps/", "tests/", "hydra_plugins/", ".ci/")


def words(command: str) -> list[str]:
    """The arguments after `python -m MODULE`, and before them the module."""
    typed = shlex.split(command, comments=True)
    return typed[typed.index("-m") + 1 :]


def of(module: str) -> list[str]:
    return [command for command in COMMANDS if words(command)[0] == module]


def each_of(override: str) -> list[str]:
    """`seed=0,1,2` of a sweep as one override a job; of an interval its ends."""
    parsed = OverridesParser.create().parse_override(override)
    if not parsed.is_sweep_override():
        return [override]
    spread = parsed.value()
    ends = [spread.start, spread.end] if isinstance(spread, IntervalSweep) else None
    return [f"{parsed.get_key_element()}={value}" for value in ends or parsed.sweep_string_iterator()]


@pytest.fixture
def beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside `shared`, which looks as the pages say; `my_conf` holds the options that they show."""
    data, here = tmp_path / "shared" / "data", tmp_path / "here"
    here.mkdir()
    (data / "alpaca").mkdir(parents=True)
    (data / "alpaca" / "alpaca_data.json").write_text(
        '[{"instruction": "Say a", "input": "", "output": "a"}]'
    )
    write_mirror(data / "harness")
    for name, text in OPTIONS:
        file = here / "my_conf" / Path(name).relative_to("conf")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(re.sub(r"^   ", "", text, flags=re.MULTILINE))
    monkeypatch.chdir(here)
    return here


def test_the_pages_hold_commands() -> None:
    assert len(of("alpaca_exp")) >= 12
    assert len(of("alpaca_exp.report")) >= 3
    assert len(of("alpaca_exp.store")) >= 3
    assert {words(command)[0] for command in COMMANDS} == {
        "alpaca_exp",
        "alpaca_exp.judging",
        "alpaca_exp.options",
        "alpaca_exp.report",
        "alpaca_exp.store",
        "alpaca_exp.sweeps",
        "alpaca_exp.variants",
    }


def experiments() -> list[str]:
    """The arguments of each experiment once, whatever is to be done with it."""
    actions = re.compile(r" ?action=(plan|rehearse|prefetch)\b")
    told = {actions.sub("", shlex.join(words(command)[1:])) for command in of("alpaca_exp")}
    return sorted(told - {"--help", "--cfg job"})  # tests/test_packaging.py runs these


@pytest.mark.parametrize("arguments", experiments())
def test_every_experiment_on_the_pages_plans(arguments: str, beside_the_data: Path) -> None:
    sweeping = "--multirun" in arguments
    overrides = [word for word in shlex.split(arguments) if word != "--multirun"]
    choices = [each_of(override) if sweeping else [override] for override in overrides]
    for job in {tuple(choice[end] for choice in choices) for end in (0, -1)}:
        assert "evaluate" in plan(compose([f"hydra.searchpath=[file://{beside_the_data / 'my_conf'}]", *job]))


@pytest.mark.parametrize("command", of("alpaca_exp.options"))
def test_every_group_of_options_on_the_pages_is_one(command: str) -> None:
    assert options.main(words(command)[1:]) == 0


@pytest.mark.parametrize("command", of("alpaca_exp.report"))
def test_every_report_on_the_pages_is_one_that_the_command_line_takes(command: str) -> None:
    first, *rest = words(command)[1:] or [""]
    if first in report.COMMANDS:
        asked = import_module(f"alpaca_exp.report.{first}")._parser().parse_args(rest)
    else:
        asked = report._parser().parse_args([first, *rest])
    told = vars(asked)
    axes = [told.get("rows"), told.get("columns"), *(told.get("factors") or "").split(",")]
    assert first == "references" or {axis for axis in axes if axis} <= set(groups())
    assert set((told.get("metrics") or "truthfulness").split(",")) <= set(USUAL)


@pytest.mark.parametrize("command", of("alpaca_exp.store"))
def test_every_store_command_on_the_pages_is_one_that_it_takes(command: str) -> None:
    asked = store._parser().parse_args(words(command)[1:])
    compose(getattr(asked, "overrides", []))


@pytest.mark.parametrize("command", of("alpaca_exp.variants"))
def test_every_variants_command_on_the_pages_is_one_that_it_takes(command: str) -> None:
    variants._parser().parse_args(words(command)[1:])


@pytest.mark.parametrize("command", of("alpaca_exp.sweeps"))
def test_every_sweeps_command_on_the_pages_is_one_that_it_takes(command: str) -> None:
    sweeps._parser().parse_args(words(command)[1:])


@pytest.mark.parametrize("command", of("alpaca_exp.judging"))
def test_every_judging_command_on_the_pages_is_one_that_it_takes(command: str) -> None:
    judging._parser().parse_args(words(command)[1:])


@pytest.mark.parametrize("name", [name for name, _ in OPTIONS])
def test_every_option_that_the_pages_show_plans(name: str, beside_the_data: Path) -> None:
    group, option = Path(name).parent.name, Path(name).stem
    assert not (data_root() / name).exists(), f"{name} exists already: the page would overwrite it"
    chosen = f"+{group}={option}" if group == "experiment" else f"{group}={option}"
    search = f"hydra.searchpath=[file://{beside_the_data / 'my_conf'}]"
    for preset in ("miniature", "paper"):
        assert "evaluate" in plan(compose([search, f"preset={preset}", chosen]))


def test_every_make_target_on_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {match for line in TYPED for match in re.findall(r"^make ([a-z-]+)", line)}
    assert {"run", "test", "check", "neutral"} <= named <= targets


def test_every_path_on_the_pages_exists() -> None:
    shown = {name for name, _ in OPTIONS}
    named = {
        text
        for text in INLINE
        if text.startswith(FOLDERS) or re.fullmatch(r"[\w-]+\.(md|txt|toml)|LICENSE|Makefile", text)
    }
    assert len(named) >= 20
    assert [path for path in sorted(named - shown) if not (ROOT / path).exists()] == []


def test_every_field_on_the_pages_is_a_key() -> None:
    grouped = {key.partition(".")[0] for key in known_keys() if "." in key}
    named = {text.partition("=")[0] for text in INLINE if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+(=\S*)?", text)}
    metrics = {*USUAL, *(f"{PREFIX}{name}" for name in RANGES)}
    fields = {name for name in named if name.partition(".")[0] in grouped and name not in metrics}
    assert len(fields) >= 6
    assert fields <= known_keys()


def test_every_extra_on_the_pages_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    line = TEXT[TEXT.index("Extras:") :].partition("On Linux")[0]
    assert set(project["optional-dependencies"]) <= set(re.findall(r"`(\w+)`", line))

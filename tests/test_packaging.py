"""The project works from a checkout, from an editable install and from a wheel, in any folder."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.conftest import ROOT

DATA = ("conf", "seeds", "sweeps")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def built(kind: str, folder: Path) -> Path:
    """A wheel of `kind`, standard or editable, as pip would have it built."""
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=[kind])))


def test_the_wheel_holds_every_shipped_file_and_no_test(tmp_path: Path) -> None:
    held = set(zipfile.ZipFile(built("standard", tmp_path)).namelist())
    files = [
        path.relative_to(ROOT) for folder in DATA for path in (ROOT / folder).rglob("*") if path.is_file()
    ]
    assert len(files) > 40
    assert {f"alpaca_exp/_data/{path.as_posix()}" for path in files} <= held
    beside = [
        path for kind in ("j2", "css", "js", "yaml") for path in (ROOT / "alpaca_exp").rglob(f"*.{kind}")
    ]
    assert {"page.html.j2", "page.css", "start.js", "lindenau.yaml"} <= {path.name for path in beside}
    assert {path.relative_to(ROOT).as_posix() for path in beside} <= held
    assert "hydra_plugins/alpaca_exp/sweeps.py" in held
    assert {name.split("/")[0].partition("-")[0] for name in held} == {"alpaca_exp", "hydra_plugins"}


def test_an_editable_install_holds_no_copy_that_could_go_stale(tmp_path: Path) -> None:
    wheel = zipfile.ZipFile(built("editable", tmp_path))
    files = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert len(files) == 1 and files[0].endswith(".pth")
    assert wheel.read(files[0]).decode().split() == [str(ROOT)]


def test_the_console_script_is_the_command_line() -> None:
    module, _, name = PROJECT["scripts"]["alpaca-exp"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_every_dependency_has_a_tested_version() -> None:
    """Of the core and of each extra: `pip install -c constraints.txt` leaves nothing to chance."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    wanted = [
        *PROJECT["dependencies"],
        *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
    ]
    names = {one.partition(">")[0].partition("[")[0].lower().replace("_", "-") for one in wanted}
    assert names <= tested, f"constraints.txt lacks {sorted(names - tested)}"


@pytest.fixture(params=["standard", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A fresh environment with the project in it; what it depends on comes from the present one."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    wheel = built(request.param, tmp_path)
    install = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install"]
    subprocess.run([*install, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    here = next((environment / "lib").glob("python*/site-packages"))
    (here / "present.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return request.param, environment / "bin"


@pytest.mark.long
def test_it_runs_from_any_folder_once_installed(installed: tuple[str, Path], tmp_path: Path) -> None:
    kind, programs = installed
    folder = tmp_path / "somewhere"
    folder.mkdir()
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*words: str) -> str:
        command = [str(programs / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=folder, env=clean, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run("python", "-c", "from alpaca_exp.paths import data_root; print(data_root())").strip()
    assert Path(where) == (
        ROOT if kind == "editable" else next(programs.parent.glob("lib/*/*/alpaca_exp/_data"))
    )
    assert "preset: miniature" in run("python", "-m", "alpaca_exp", "--cfg", "job")
    assert "+experiment=cleaned" in run("alpaca-exp", "--help")
    assert "evaluate" in run("alpaca-exp", "+sweep=factorial", "action=plan")
    assert not list(folder.iterdir()), "a question leaves nothing behind"
    assert "truthfulness" in run("alpaca-exp", "+experiment=cleaned", "world=tiny")
    assert [path.name for path in folder.iterdir()] == ["outputs"]

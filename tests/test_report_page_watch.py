"""`report page --watch`: the page of a sweep that runs, made anew, and the open page that follows it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.paths import PACKAGE
from alpaca_exp.report import page_html, page_watch
from alpaca_exp.report.page_asked import Asked
from alpaca_exp.report.page_writing import page
from alpaca_exp.sweep_folder import at_work, is_worked_at
from tests import report_pages
from tests.browsers import PROGRAM, Browser
from tests.stories import start_in

REPORT = [sys.executable, "-m", "alpaca_exp.report"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of three jobs, of which one is done."""
    folder = tmp_path / "sweeps" / "small"
    report_pages.run(tmp_path, 0, "original", 0)
    jobs = [{"job": n, "label": f"job {n}", "status": "waiting"} for n in range(3)]
    report_pages.tell(folder, *jobs, {**jobs[0], "status": "done"})
    report_pages.note(folder, {"rows": "dataset_variant", "metrics": ["understanding"]})
    return folder


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow one another at once."""
    monkeypatch.setattr(page_watch, "LOOK_S", 0.05)
    monkeypatch.setattr(page_watch, "SHARE", 0.0)
    monkeypatch.setattr(page_html, "REFRESH_S", 1)


def done(sweep: Path, number: int) -> None:
    report_pages.run(sweep.parents[1], number, "cleaned", number)
    report_pages.tell(sweep, {"job": number, "label": f"job {number}", "status": "done"})


def waited_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def made(outputs: Path) -> str:
    file = outputs / "reports/small/index.html"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def test_the_page_is_made_anew_as_jobs_end_and_is_an_ordinary_one_once_the_sweep_is_over(
    tmp_path: Path, brisk: None, capsys: pytest.CaptureFixture[str]
) -> None:
    report_pages.run(tmp_path, 0, "original", 0)
    folder = tmp_path / "sweeps/small"
    report_pages.tell(folder, *({"job": n, "label": f"job {n}", "status": "waiting"} for n in range(3)))
    watching = threading.Thread(target=page_watch.watch, args=(Asked("small"), tmp_path), daemon=True)
    with at_work(folder):
        watching.start()
        waited_for(lambda: "<b>3</b> not started" in made(tmp_path))
        assert "The sweep runs." in made(tmp_path)
        for number in (1, 2):
            done(folder, number)
            waited_for(lambda number=number: f"<b>{number}</b> done" in made(tmp_path))
        report_pages.tell(folder, {"job": 0, "label": "job 0", "status": "failed", "error": "why"})
    watching.join()
    last = made(tmp_path)
    assert (
        "data-live" not in last and "<b>2</b> done" in last and "It does not run; 1 job has no result" in last
    )
    assert last == page(Asked("small"), tmp_path).file.read_text(encoding="utf-8")
    assert capsys.readouterr().out.splitlines()[-1] == "small is over: 2 done, 1 failed"


def test_nothing_is_made_anew_while_nothing_has_changed(
    sweep: Path, brisk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, looks = [], []
    monkeypatch.setattr(page_watch, "write", lambda *told: written.append(told))

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(page_watch.time, "sleep", sleep)
    with at_work(sweep):
        page_watch.watch(Asked("small"), sweep.parents[1])
    assert len(written) == 2, "once, and once more without its hurry when it was interrupted"
    assert written[0][2] and len(written[1]) == 2


def test_an_interruption_ends_it_in_a_line_and_leaves_the_page(sweep: Path) -> None:
    outputs = sweep.parents[1]
    words = [*REPORT, "page", str(outputs), "--name", "small", "--watch"]
    held = ExitStack()
    held.enter_context(at_work(sweep))
    child = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PACKAGE.parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whatever who runs us ignores
    )
    try:
        waited_for(lambda: "data-live" in made(outputs))
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=60)
    finally:
        child.kill()
        held.close()
    assert (child.returncode, errors) == (0, "")
    assert out.strip().splitlines()[-1].startswith("No longer watched; the page stays as it is: ")
    assert "data-live" not in made(outputs) and "It still ran when this page was made" in made(outputs)


def test_what_is_no_sweep_cannot_be_watched(sweep: Path) -> None:
    for name in ("all", "smal"):
        with pytest.raises(InputError, match=r"name it: --name factorial \(there are small\)"):
            page_watch.watch(Asked(name), sweep.parents[1])


def test_a_metric_that_nobody_has_measured_yet_is_waited_for(sweep: Path) -> None:
    report_pages.note(sweep, {"rows": "dataset_variant", "metrics": ["judge.score"]})
    with at_work(sweep):
        file = page(Asked("small"), sweep.parents[1]).file
    assert "So far: there is no metric judge.score" in file.read_text(encoding="utf-8")


@pytest.mark.skipif(PROGRAM is None, reason="chromium is absent: no browser to read the page in")
def test_the_open_page_follows_the_sweep_and_stays_where_it_was_read(
    sweep: Path, brisk: None, browser: Browser
) -> None:
    outputs = sweep.parents[1]
    watching = threading.Thread(target=page_watch.watch, args=(Asked("small"), outputs), daemon=True)
    held = ExitStack()
    held.enter_context(at_work(sweep))
    watching.start()
    waited_for(lambda: "data-live" in made(outputs))
    try:
        tab = browser.open((outputs / "reports/small/index.html").as_uri(), height=500)
        tab.until("document.querySelector('.live').textContent.includes('The sweep runs.')")
        tab.until("""(() => {
          if (document.documentElement.dataset.ready !== '') return false;
          document.querySelector('#origin details').open = true;
          const button = document.querySelector('.main th:nth-child(2) button');
          button.click();
          button.focus({ preventScroll: true });
          scrollTo(0, 300);
          return true;
        })()""")
        done(sweep, 1)
        tab.until("document.querySelector('#jobs .states').textContent.startsWith('2 done')")
        # The page may be replaced at any moment, so each of these is asked until there is one to ask.
        tab.until("scrollY === 300")
        tab.until("document.querySelector('#origin details').open")
        tab.until("document.querySelector('.main th:nth-child(2)').ariaSort === 'ascending'")
        tab.until("document.activeElement.textContent.includes('understanding')")
        report_pages.tell(sweep, {"job": 2, "label": "job 2", "status": "stopped", "error": "no money"})
        tab.until("document.querySelector('#jobs .states').textContent.includes('1 stopped')")
        held.close()
        watching.join()
        tab.until("!document.querySelector('.live')")
        assert tab.complaints() == []
        tab.call("Page.close")
    finally:
        held.close()


@pytest.mark.long
def test_a_study_that_was_killed_shows_what_it_had_come_to(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        "".join(f'{{"instruction": "say {n}", "input": "", "output": "{n}"}}\n' for n in range(30))
    )
    study = start_in(
        tmp_path, "--multirun", "+experiment=original", "name=study", "dataset_variant.source=rows.jsonl",
        "hydra/sweeper=optuna", "trainer=none", "eval_suite=none", "judge=none",
        "hydra.sweeper.objectives={rows: maximize}", "hydra.sweeper.n_trials=200",
        "dataset_variant.num_examples=int(interval(1,30))",
    )  # fmt: skip
    told = tmp_path / "outputs/sweeps/study/overview.json"
    try:
        waited_for(
            lambda: told.exists() and json.loads(told.read_text())["counts"].get("complete", 0) >= 2, 120
        )
        assert study.poll() is None
    finally:
        study.send_signal(signal.SIGKILL)
        study.wait()
    made = page(Asked("study"), tmp_path / "outputs").file.read_text(encoding="utf-8")
    assert re.search(r"\d+ complete trials of 200 wanted", made) and ">rows: how the study went</h3>" in made
    assert "It does not run" in made


@pytest.mark.long
@pytest.mark.skipif(PROGRAM is None, reason="chromium is absent: no browser to read the page in")
@pytest.mark.parametrize("what", ["grid", "study"])
def test_a_real_sweep_of_the_tiny_world_is_followed_to_its_end(
    what: str, tmp_path: Path, browser: Browser
) -> None:
    words = ["name=real", "world=tiny", f"runtime.outputs={tmp_path}"]
    if what == "grid":
        words += ["+sweep=factorial", "scale=small", "dataset_variant=original,cleaned", "seed=0,1"]
    else:
        words += ["+sweep=learning_rate", "hydra.sweeper.n_trials=4"]
    running = subprocess.Popen(
        [sys.executable, "-m", "alpaca_exp", "--multirun", *words],
        stdout=subprocess.PIPE, text=True, cwd=PACKAGE.parent,
    )  # fmt: skip
    try:
        waited_for(lambda: bool(running.poll() or is_worked_at(tmp_path / "sweeps/real", {})), 120)
        watching = subprocess.Popen(
            [*REPORT, "page", str(tmp_path), "--name", "real", "--watch"],
            stdout=subprocess.PIPE, text=True, cwd=PACKAGE.parent,
        )  # fmt: skip
        file = tmp_path / "reports/real/index.html"
        waited_for(file.exists, 120)
        tab = browser.open(file.as_uri())
        seen = set()
        while running.poll() is None:
            with suppress(AssertionError):  # between two pages
                seen.add(tab.value("document.querySelector('#jobs .states')?.textContent"))
            time.sleep(0.2)
        out, _ = watching.communicate(timeout=120)
        assert running.returncode == 0 and watching.returncode == 0
        assert out.splitlines()[-1].startswith("real is over: 4 done" if what == "grid" else "real is over: ")
        tab.until("!document.querySelector('.live')")
        seen.add(tab.value("document.querySelector('#jobs .states').textContent"))
        assert len({text for text in seen if text}) >= 2, "it was seen to go on"
        assert tab.value("document.querySelectorAll('a.n').length") > 0
        last = file.read_bytes()
        assert page(Asked("real"), tmp_path).file.read_bytes() == last
        assert re.search(rb"\d+</b> done", last)
        tab.call("Page.close")
    finally:
        running.kill()

"""The report page as a file: what stands on it, of which runs, and where its numbers lead."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.paths import PACKAGE
from alpaca_exp.report.curves import curves_of
from alpaca_exp.report.figures import curves
from alpaca_exp.report.metrics import shown
from alpaca_exp.report.page_asked import Asked
from alpaca_exp.report.page_writing import page
from alpaca_exp.report.runs import Run
from tests import report_pages


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    report_pages.sweep(folder)
    report_pages.study(folder, {"understanding": "maximize"})
    return folder


@pytest.fixture(scope="module")
def made(outputs: Path) -> Path:
    return page(Asked("small"), outputs).file


@pytest.fixture(scope="module")
def searched(outputs: Path) -> Path:
    return page(Asked("search"), outputs).file


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_a_sweeps_own_settings_arrange_its_page(made: Path) -> None:
    assert "understanding: difference from original" in text(made)
    assert "cleaned +0.200 [" in text(made)


def test_a_factor_that_is_none_is_said_and_leaves_the_page_that_was_there(outputs: Path, made: Path) -> None:
    before = text(made)
    with pytest.raises(InputError, match="no axis dataset_varient; did you mean dataset_variant"):
        page(Asked("small", factors=("dataset_varient",)), outputs)
    assert text(made) == before


def test_runs_that_a_sweep_has_yet_to_make_are_not_asked_for(tmp_path: Path) -> None:
    report_pages.sweep(tmp_path)
    claim = {
        "statement": "s",
        "metric": "understanding",
        "relation": "greater",
        "left": {"dataset_variant": "cleaned"},
        "right": {"dataset_variant": "original"},
    }
    claims = {"better": claim, "lost": {**claim, "left": {"dataset_variant": "rated"}}}
    file = tmp_path / "claims.yaml"
    file.write_text(json.dumps(claims), encoding="utf-8")
    told = page(Asked("small", claims=str(file)), tmp_path).claims
    assert "there is no run of dataset_variant=rated, but 1 job of the sweep may make it yet." in told
    assert "Make them" not in told


def test_the_finding_of_each_figure_is_told_in_words_with_its_numbers(made: Path, searched: Path) -> None:
    for file in (made, searched):
        labels = re.findall(r'role="img" aria-label="([^"]*)"', text(file))
        assert len(labels) == text(file).count("<svg ") >= 3
        assert all(re.search(r"\d", label) for label in labels)


def test_every_link_leads_to_a_file_that_is_there(made: Path, searched: Path) -> None:
    for file in (made, searched):
        links = re.findall(r'href="([^"#][^"]*)"', text(file))
        assert len(set(links)) > 20
        assert [link for link in links if not (file.parent / link).resolve().exists()] == []


def test_each_number_leads_to_its_runs_its_artifacts_and_its_answers(made: Path) -> None:
    first = re.search(r'<td[^>]*data-sort="0.61"[^>]*><a class="n" href="#(n\d+)">', text(made))
    assert first, "the mean of cleaned"
    origin = text(made).split(f'<tr id="{first[1]}">')[1].partition("</tr>")[0]
    runs = re.findall(r'<a href="#(r\d+)">', origin)
    artifacts = re.findall(r'href="../../(evaluate/\w+)/record.json"', origin)
    assert "3 seeds, 400 documents each" in origin and (len(runs), len(artifacts)) == (3, 3)
    for name in runs:
        row = text(made).split(f'<tr id="{name}">')[1].partition("</tr>")[0]
        assert re.search(r'href="../../sweeps/small/[345]/run.json"', row) and "<td>cleaned</td>" in row
        assert re.search(r'href="../../compare/\w+/index.html"', row), "the page of its answers"


def test_a_difference_leads_to_the_runs_of_both(made: Path) -> None:
    first = re.search(r'<small>Δ <a class="n" href="#(n\d+)">\+0.200', text(made))
    assert first
    origin = text(made).split(f'<tr id="{first[1]}">')[1].partition("</tr>")[0]
    assert len(re.findall(r'<a href="#r\d+">', origin)) == 6


def test_what_users_named_is_text_and_never_markup(made: Path) -> None:
    assert "<b>new</b>" not in text(made)
    assert "the <server> is away" not in text(made)
    assert "the &lt;server&gt; is away" in text(made)


def test_jobs_that_failed_wait_or_were_killed_are_told_of_with_their_logs(made: Path) -> None:
    for state in ("<b>9</b> done", "<b>1</b> failed", "<b>1</b> not started", "<b>1</b> killed"):
        assert state in text(made)
    assert '<a href="../../sweeps/small/9/job.log" title="its log">9</a>' in text(made)
    assert "It does not run; 3 jobs have no result, and the same command goes on with them." in text(made)


def test_no_two_elements_of_the_page_have_one_name_and_all_that_is_named_is_there(
    made: Path, searched: Path
) -> None:
    for file in (made, searched):
        names = re.findall(r' id="([^"]*)"', text(file))
        assert len(names) == len(set(names))
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text(file))) <= set(names)


def test_the_page_is_the_same_to_the_byte_in_another_process(
    outputs: Path, made: Path, searched: Path
) -> None:
    before = made.read_bytes(), searched.read_bytes()
    for name in ("small", "search"):
        subprocess.run(
            [sys.executable, "-m", "alpaca_exp.report", "page", str(outputs), "--name", name],
            check=True, capture_output=True, cwd=PACKAGE.parent, env={**os.environ, "PYTHONHASHSEED": "1"},
        )  # fmt: skip
    assert (made.read_bytes(), searched.read_bytes()) == before


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


def test_of_a_folder_with_jobs_of_an_earlier_grid_the_page_is_of_the_jobs_that_were_asked_for(
    tmp_path: Path,
) -> None:
    folder = report_pages.sweep(tmp_path)
    told = {"kind": "grid", "numbers": [0, 1, 2, 3, 4, 5], "started": "2026-01-01T00:00:00Z", "command": []}
    (folder / "sweep.json").write_text(json.dumps(told), encoding="utf-8")
    done = {"status": "done", "label": "a job"}
    report_pages.tell(folder, {"job": 0, "started": "2025-01-01T00:00:00Z", **done})
    report_pages.tell(folder, *({"job": n, "started": "2026-01-01T00:00:01Z", **done} for n in range(1, 6)))
    made = text(page(Asked("small"), tmp_path).file)
    assert "<b>5</b> done" in made and "<b>1</b> found from before" in made
    assert "Its folder holds 6 other jobs, of another grid" in made
    assert "cleaned" in made and "&lt;b&gt;new&lt;/b&gt;" not in made


def test_a_sweep_that_has_only_begun_has_a_page_of_its_jobs(tmp_path: Path) -> None:
    report_pages.tell(tmp_path / "sweeps/small", {"job": 0, "label": "a job", "status": "waiting"})
    made = page(Asked("small"), tmp_path)
    assert "No run has ended yet." in text(made.file) and made.table == ""


def test_a_page_of_two_sweeps_that_share_artifacts_counts_the_runs_of_its_own(tmp_path: Path) -> None:
    report_pages.sweep(tmp_path)
    report_pages.sweep(tmp_path, "other")
    other = tmp_path / "sweeps/other/0/run.json"
    told = json.loads(other.read_text())
    other.write_text(json.dumps({**told, "experiment": "small", "started": "2027-01-01T00:00:00Z"}))
    made = text(page(Asked("small"), tmp_path).file)
    assert "sweeps/small/0/run.json" in made and "sweeps/other" not in made


def test_a_study_is_shown_with_its_trials_its_course_and_what_mattered(searched: Path) -> None:
    made = text(searched)
    for title in (
        "understanding: how the study went",
        "understanding: which parameter mattered",
        "All trials across all parameters",
        "Losses that trials reported on their way",
    ):
        assert f">{title}</h3>" in made
    assert "the best of 8 trials (6 complete, 2 pruned) is 0.650, by trial 7" in made
    assert 'title="its log"' not in made, "no logs were left"
    best = made.split('<tr class="best">')[1].partition("</tr>")[0]
    assert "7 ★" in best and "0.00128" in best and 'class="n"' in best
    assert "Pareto" not in made


def test_what_all_trials_have_alike_is_said_once_and_neither_a_column_nor_an_axis(tmp_path: Path) -> None:
    folder = report_pages.study(tmp_path, {"understanding": "maximize"})
    told = json.loads((folder / "overview.json").read_text())
    for one in told["trials"]:
        one["params"] |= {"trainer.epochs": 1, **{name: one["number"] for name in "abc"}}
    told["axes"] += [{"name": name, "log": False, "marks": [[0, "0"], [1, "7"]]} for name in "abc"]
    for one in told["lines"]:
        one["places"] += [one["number"] / 7] * 3
    told["trials"][0] |= {"state": "fail", "values": None, "error": "its process ended without a word"}
    told["trials"][1] |= {"retry_of": 0}
    told["trials"][3] |= {"error": "pruned at 20 % of its steps: loss was 3.1"}
    (folder / "overview.json").write_text(json.dumps(told))
    made = text(page(Asked("search"), tmp_path).file)
    assert "all trials alike: trainer.epochs 1.</p>" in made
    table = made.split('<table class="sortable trials">')[1].partition("</table>")[0]
    heads = re.findall(r'<th scope="col">([^<]*)<', table)
    varied = ["trainer.learning_rate", "a", "b", "c"]
    assert heads == ["trial", "state", "understanding", *varied, "steps", "seconds", "why"]
    assert "<td>tried again</td>" in table and "without a word; tried again as trial 1</td>" in table
    assert '<td class="why">pruned at 20 % of its steps: loss was 3.1</td>' in table
    broad = made.split('<figure class="broad">')[1].partition("</figure>")[0]
    assert "All trials across all parameters" in broad and "epochs" not in broad


def test_a_training_of_one_loss_is_a_point_and_trials_are_in_the_order_of_their_numbers(
    tmp_path: Path,
) -> None:
    for number in (10, 2):
        folder = tmp_path / f"train/{number}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(f"step,loss,val_loss\n1,{number},\n")
    rows = {n: {"artifacts": {"train": str(n)}, "seed": 0} for n in (10, 2)}
    runs = [Run(f"sweeps/s/{n}", row, tmp_path) for n, row in rows.items()]
    found = curves_of(runs, lambda run: f"trial {run.artifacts['train']}", tmp_path)
    assert [one.row for one in found] == ["trial 2", "trial 10"]
    drawn = curves(found[:1])
    assert drawn is not None and re.search(r"<use [^>]*series-0", drawn.svg), "a mark, in its colour"


def test_small_sums_of_money_are_told_apart() -> None:
    assert [shown("usd", value) for value in (0.0, 0.000614, 0.0419, 0.35, 12.0)] == [
        "0.00", "0.00061", "0.042", "0.35", "12.00",
    ]  # fmt: skip
    assert shown("usd", -0.0018, True) == "-0.0018"


def test_a_study_of_two_objectives_shows_its_front(tmp_path: Path) -> None:
    report_pages.study(tmp_path, {"understanding": "maximize", "words": "minimize"})
    made = text(page(Asked("search"), tmp_path).file)
    assert ">words against understanding</h3>" in made
    assert "Pareto front of 2 objectives: 6 of 6 trials are not beaten in all" in made
    assert made.count("how the study went</h3>") == made.count("which parameter mattered</h3>") == 2


def test_a_study_that_has_told_nothing_yet_or_cannot_be_read_says_so(tmp_path: Path) -> None:
    folder = report_pages.study(tmp_path, {"understanding": "maximize"})
    (folder / "overview.json").unlink()
    assert "It has told nothing of its trials yet." in text(page(Asked("search"), tmp_path).file)
    (folder / "overview.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="give the study's command again"):
        page(Asked("search"), tmp_path)


COLOURS = re.compile(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)")
GROUNDS, TEXTS = ("page", "card"), ("text", "dim", "link", "bad")
STROKES = ("dim", "link", *(f"series-{number}" for number in range(6)))
"""What lines, marks and outlines are drawn in."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_their_ground_as_wcag_aa_asks(scheme: str) -> None:
    place = ("light", "dark").index(scheme)
    style = text(PACKAGE / "report/page.css")
    colours = {name: both[place] for name, *both in COLOURS.findall(style)}
    assert {*GROUNDS, *TEXTS, *STROKES} <= set(colours)
    ratios = {
        (name, ground): contrast(colours[name], colours[ground])
        for ground in GROUNDS
        for name in dict.fromkeys((*TEXTS, *STROKES))
    }
    assert [pair for pair in ratios if pair[0] in TEXTS and ratios[pair] < 4.5] == []
    assert [pair for pair in ratios if pair[0] in STROKES and ratios[pair] < 3.0] == []


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_what_is_torn_is_left_out_and_the_page_says_so_beside_the_jobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = report_pages.sweep(tmp_path)
    (sweep / "0" / "run.json").write_text("{")
    gone = json.loads((sweep / "1" / "run.json").read_text())["artifacts"]["evaluate"]
    shutil.rmtree(tmp_path / "evaluate" / gone)
    made = page(Asked("small"), tmp_path)
    body = text(made.file)
    said = [
        f"{sweep / '0' / 'run.json'} cannot be read as JSON; delete its folder, or run that job again",
        f"sweeps/small/1: evaluate/{gone} is missing; run its command again to remake it",
    ]
    assert capsys.readouterr().err.splitlines() == [f"left out: {one}" for one in said]
    assert all(f"- left out: {one}" in made.table for one in said), "the summary has it as well"
    section = body.partition('<section id="left-out">')[2].partition("</section>")[0]
    assert all(one in section for one in said) and '<a href="#left-out">Left out</a>' in body
    assert "Not all that ended is counted." in body.partition('id="left-out"')[0]
    assert "sweeps/small/1/run.json" not in body and "sweeps/small/2/run.json" in body


def test_a_sweep_of_which_nothing_is_whole_has_a_page_that_says_why(tmp_path: Path) -> None:
    report_pages.sweep(tmp_path)
    shutil.rmtree(tmp_path / "evaluate")
    body = text(page(Asked("small"), tmp_path).file)
    assert "No run that ended is whole." in body and body.count("is missing; run its command again") == 9

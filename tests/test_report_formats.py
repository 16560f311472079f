"""The same table in LaTeX, HTML and CSV: whole, escaped, and the same bytes wherever it is made."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alpaca_exp.paths import PACKAGE
from alpaca_exp.report.__main__ import main
from alpaca_exp.report.formats import FORMATS
from alpaca_exp.report.latex import escaped
from alpaca_exp.report.runs import ABSENT
from tests.made_outputs import Outputs, filled, refusal, report

TWO_AXES = "--rows dataset_variant --columns scale --metrics truthfulness,words --baseline original"
AWKWARD = r"a_b & 50% of $x^2 # {c} ~ \d [e] * <f> | \"g\" 'h'"


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return filled(tmp_path / "outputs")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_has_the_same_bytes_on_a_rerun_in_other_processes_places_and_languages(
    outputs: Outputs, tmp_path: Path, name: str
) -> None:
    moved = tmp_path / "elsewhere" / "deeper"
    moved.mkdir(parents=True)
    shutil.copytree(outputs.path, moved / "outputs")
    made = []
    for folder, seed, language in ((tmp_path, "0", "C"), (moved, "7", "C.UTF-8")):
        variables = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "LC_ALL": language,
            "PYTHONPATH": str(PACKAGE.parent),
        }
        command = [sys.executable, "-m", "alpaca_exp.report", "outputs", *TWO_AXES.split(), "--format", name]
        made.append(
            subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=True).stdout
        )
    assert made[0] == made[1] and b"0.9" in made[0]
    assert str(tmp_path).encode() not in made[0]


def test_a_table_in_a_file_is_the_one_that_is_printed(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, tmp_path: Path
) -> None:
    printed = report(capsys, outputs, f"{TWO_AXES} --format html")
    main([str(outputs.path), *TWO_AXES.split(), "--format", "html", "--out", str(tmp_path / "t.html")])
    assert capsys.readouterr().out == ""
    written = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert written.replace(str(outputs.path), "outputs") == printed
    assert "cannot be written" in refusal(capsys, outputs.path, f"--out {tmp_path}/no/such/folder/t.md")


def unescaped(text: str) -> str:
    """What LaTeX would print of a cell: commands that print a sign, and nothing that is left over."""
    printed = {
        "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textbar": "|",
        "textquotedbl": '"', "textquotesingle": "'", "textasciigrave": "`", "textendash": ABSENT,
        "textdegree": "°", "S": "§",
    }  # fmt: skip
    text = re.sub(r"\\([a-zA-Z]+)\{\}", lambda found: f"\0{ord(printed[found[1]])}\0", text)
    text = re.sub(
        r"\$(<|>|-|\\times|\\Delta|\\dagger|\\ddagger)\$", lambda found: f"\0{ord(SIGNS[found[1]])}\0", text
    )
    text = re.sub(r"\\([&%$#_{}])", lambda found: f"\0{ord(found[1])}\0", text)
    text = re.sub(r"\{([\[\]*-])\}", r"\1", text)
    assert not re.search(r"[&%$#_{}~^\\<>|\"]", text), f"LaTeX reads {text!r} otherwise than it is meant"
    return re.sub("\0(\\d+)\0", lambda found: chr(int(found[1])), text)


SIGNS = {"<": "<", "-": "-", ">": ">", "\\times": "x", "\\Delta": "Δ", "\\dagger": "†", "\\ddagger": "‡"}


def test_latex_prints_every_sign_as_it_stands_in_a_name() -> None:
    every = "".join(map(chr, range(32, 127)))
    assert unescaped(escaped(every)) == every and unescaped(escaped(AWKWARD)) == AWKWARD


def test_latex_prints_a_minus_and_a_times_where_numbers_have_them() -> None:
    text = escaped("-0.051 [-0.1, +0.0] (3 x 400) paper-like x")
    assert text == r"$-$0.051 {[}$-$0.1, +0.0{]} (3 $\times$ 400) paper{-}like x"
    assert escaped("-") == "{-}"


def test_a_latex_table_is_whole_with_a_caption_and_the_command_as_a_comment(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    outputs.run(AWKWARD, "small", artifacts={}, status="failed")
    lines = report(capsys, outputs, f"{TWO_AXES} --format latex").splitlines()
    comments, code = [line for line in lines if line[:1] == "%"], [line for line in lines if line[:1] != "%"]
    assert f"% python -m alpaca_exp.report outputs {TWO_AXES} --format latex" in comments
    assert any(line.startswith("% cleaned: evaluate/e-cleanedlarge0") for line in comments)
    begun = [word for line in code for word in re.findall(r"\\(begin|end)\{(\w+)\}", line)]
    assert begun == [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]
    assert [line for line in code if line.endswith("rule")] == ["\\toprule", "\\midrule", "\\bottomrule"]
    (columns,) = (re.search(r"\{tabular\}\{(\w+)\}", line)[1] for line in code if "{tabular}{" in line)  # type: ignore[index]
    rows = [line for line in code if line.endswith("\\\\")]
    for row in rows:
        cells = re.split(r"(?<!\\)&", row)
        spans = [
            int(found[1]) if (found := re.search(r"multicolumn\{(\d+)\}", cell)) else 1 for cell in cells
        ]
        assert sum(spans) == len(columns)
    assert unescaped(rows[2].partition(" & ")[0]) == AWKWARD, "a row that begins with a letter comes first"
    assert "\\cmidrule(lr){2-5}" in code[6] and "\\caption{Mean and 95\\% interval" in code[2].replace(
        " \\%", "\\%"
    )


class Elements(HTMLParser):
    """The tags of a page in their order, with what stands in them, and whether they close as they opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data


def test_a_page_is_self_contained_and_its_table_can_be_read_and_sorted_by_programs(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    outputs.run(AWKWARD, "small", artifacts={}, status="failed")
    text = report(capsys, outputs, f"{TWO_AXES} --format html")
    assert "http" not in text and "<script" not in text
    page = Elements(text)
    assert len(page.texts["caption"]) == 1 and "§ Differs from original" in page.texts["caption"][0]
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    assert [one["scope"] for one in heads].count("row") == 3 and all("scope" in one for one in heads)
    assert [one["colspan"] for one in heads if one["scope"] == "colgroup"] == ["2", "2"]
    cells = [attributes for tag, attributes in page.tags if tag == "td"]
    assert len(cells) == 3 * 4 and [one["data-sort"] for one in cells[4:6]] == ["0.9", "10"]
    assert cells[4]["data-difference"] == "0.2" and cells[4]["title"].count("evaluate/e-cleanedlarge") == 3  # type: ignore[union-attr]
    assert page.texts["th"][-3] == AWKWARD and page.texts["td"][2] == "failed"


def test_significance_is_after_holm_over_the_whole_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    gains = {"original": 0, "better": 24, **{f"alike{n}": 6 for n in range(6)}}
    for variant, gain in gains.items():
        outputs.run(variant)
        outputs.evaluation(
            f"{variant}small0", 0, [1, 0] * 100 if not gain else [1, 0] * (100 - gain) + [1] * gain * 2
        )
    words = "--metrics truthfulness --baseline original"
    rows = {
        row["experiment"]: row
        for row in csv.DictReader(report(capsys, outputs, f"{words} --format csv").splitlines()[1:])
    }
    alone, adjusted = (float(rows["alike0"][key]) for key in ("p", "p_holm"))
    assert alone < 0.05 and adjusted == pytest.approx(min(1.0, 6 * alone), rel=1e-4)
    assert float(rows["better"]["p_holm"]) == pytest.approx(7 * float(rows["better"]["p"]), rel=1e-4)
    assert rows["original"]["p"] == "" and rows["better"]["documents"] == "200"
    text = report(capsys, outputs, words)
    assert "p < 0.05 after Holm over the 7 differences of this table" in text
    marked = [line.split(" | ")[0] for line in text.splitlines() if "]°§" in line]
    assert marked == ["| better"]


def test_counts_of_rows_and_dollars_are_compared_without_a_test(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    words = "--rows dataset_variant --metrics rows,usd,gpu_hours --baseline original --format csv"
    rows = list(csv.DictReader(io.StringIO(report(capsys, outputs, words).partition("\n")[2])))
    assert {row["p"] for row in rows} == {""} and rows[0]["difference"] == "-20.0"
    text = report(capsys, outputs, words.replace("csv", "markdown"))
    assert "| cleaned | 80; Δ -20 |" in text
    assert "The paper (Lindenau 2023): 500 dollars of data and 100 of training" in text


def test_two_checkpoints_that_were_right_or_wrong_are_compared_by_mcnemars_exact_test(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for variant, right in {"original": [1, 0] * 20, "cleaned": [0] + [0] + [1, 0] * 16 + [1] * 6}.items():
        outputs.run(variant)
        outputs.evaluation(f"{variant}small0", 0, right)
    text = report(capsys, outputs, "--metrics truthfulness --baseline original --format csv")
    row = next(csv.DictReader(text.splitlines()[1:]))
    assert (row["test"], float(row["p"])) == ("McNemar", 0.625), "3 gained, 1 lost: 2 x (1 + 4) / 16"

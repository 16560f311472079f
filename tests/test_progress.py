"""How far the work is: sparse lines in a log, nothing for short work."""

from __future__ import annotations

import io

import pytest

from alpaca_exp.progress import Lines, progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def written(steps: int, seconds_each: float, total: int | None = None) -> list[str]:
    clock, stream = Clock(), io.StringIO()
    lines = Lines("generate", total, "requests", stream, clock)
    for step in range(steps):
        clock.now += seconds_each
        lines.advance(note=f"${step / 100:.2f}")
    lines.close()
    return stream.getvalue().splitlines()


def test_short_work_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("judge", 3, "requests") as bar:
        for _ in range(3):
            bar.advance(note="$0.01")
    assert capsys.readouterr() == ("", "")


def test_a_log_says_amount_time_left_and_dollars() -> None:
    lines = written(40, 0.5, total=40)
    assert lines[0] == "generate: 4 of 40 requests, 2 s, about 18 s left, $0.03"
    assert lines[-1] == "generate: 40 of 40 requests, 20 s, $0.39"


def test_lines_become_rarer_but_come_at_least_every_minute_or_so() -> None:
    assert len(written(36_000, 0.1)) in range(55, 75)


def test_an_unknown_total_is_left_out() -> None:
    assert written(4, 1.0)[-1] == "generate: 4 requests, 4 s, $0.03"


def test_the_last_line_is_not_written_twice() -> None:
    assert len(written(2, 1.0)) == 1


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("judge", 2, "requests") as bar:
        bar.advance(2, "$0.12")
    assert "$0.12" in capsys.readouterr().err

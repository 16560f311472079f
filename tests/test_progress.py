"""How far the work is: sparse lines in a log, nothing for short work."""

from __future__ import annotations

import contextvars
import io

import pytest

from alpaca_exp.progress import Lines, Pace, progress, show_as


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


def test_nothing_is_foretold_before_three_pieces_and_two_seconds() -> None:
    first, second = written(2, 2.0, total=40)
    assert first == "generate: 1 of 40 requests, 2 s, $0.00"
    assert second == "generate: 2 of 40 requests, 4 s, $0.01"
    pace = Pace(0.0)
    for _ in range(100):
        pace.advance(1, 0.5)
    assert pace.left(200) == ""


def test_a_slow_start_does_not_rule_the_time_left_and_a_burst_does_not_overturn_it() -> None:
    pace = Pace(0.0)
    for second in (*range(60, 120, 20), *range(120, 240)):
        pace.advance(1 if second < 120 else 10, float(second))
    assert pace.left(10_000) == "about 15 min left"  # 10 a second of late; since the start only 5
    pace.advance(100, 240.0)
    assert pace.left(10_000) == "about 11 min left"


def test_two_parts_of_one_stage_are_told_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alpaca_exp.progress.QUIET_S", 0.0)

    def work() -> None:
        show_as("complete", "opponent")
        for title in ("complete", "judge"):
            with progress(title, 1, "answers") as bar:
                bar.advance()

    contextvars.copy_context().run(work)
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["opponent", "judge"]


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

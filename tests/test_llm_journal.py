"""The journal: what was paid for is found again, whatever happened to the file's end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.llm.journal import Journal, file_name
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Usage

REQUEST = Request("m", "Was ist Grün?", 16)
ANSWER = Completion("Was ist Grün?", 'A colour.\n"state": "answered"', "m-2026", "stop", Usage(1, 3, 2))


def opened(folder: Path, account: str = "generate/abc") -> Journal:
    return Journal(folder, "m", account)


def answered(journal: Journal, request: Request = REQUEST, usd: float = 0.25) -> None:
    journal.sent(request.key, request, 0.5)
    asyncio.run(journal.answered(request.key, request, ANSWER, usd))


def test_an_answer_is_found_with_its_price_by_the_next_process(tmp_path: Path) -> None:
    first = opened(tmp_path)
    answered(first)
    first.close()
    found = opened(tmp_path).find(REQUEST.key)
    assert found is not None and found.own and found.usd == 0.25
    assert found.completion.text == ANSWER.text and found.completion.model == "m-2026"
    assert found.completion.usage == Usage(1, 3, 2, 0.25)


def test_lines_hold_what_the_contract_says(tmp_path: Path) -> None:
    answered(opened(tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    keys = {"key", "t", "state", "request", "response", "usage", "usd", "account"}
    assert [line.keys() for line in lines] == [keys, keys]
    assert [line["state"] for line in lines] == ["sent", "answered"]
    assert lines[1]["key"] == Request(**lines[1]["request"] | {"stop": ()}).key


def test_who_paid_is_known(tmp_path: Path) -> None:
    answered(opened(tmp_path, "generate/abc"))
    ours, others = opened(tmp_path, "generate/abc"), opened(tmp_path, "generate/def")
    assert (ours.spent, others.spent) == (0.25, 0.0)
    found = others.find(REQUEST.key)
    assert found is not None and not found.own


def test_what_was_under_way_may_have_been_billed(tmp_path: Path) -> None:
    opened(tmp_path).sent(REQUEST.key, REQUEST, 0.5)
    again = opened(tmp_path)
    assert (again.pending, again.pending_usd, again.spent) == (1, 0.5, 0.5)
    assert again.find(REQUEST.key) is None


def test_what_an_attempt_left_under_way_is_told_to_the_next_one_only(tmp_path: Path) -> None:
    opened(tmp_path).sent(REQUEST.key, REQUEST, 0.5)
    second = opened(tmp_path)
    second.give_up()
    second.sent(REQUEST.key, REQUEST, 0.5)
    third = opened(tmp_path)
    assert (third.pending, third.pending_usd) == (1, 0.5)
    assert (third.lost_before_usd, third.spent) == (0.5, 1.0)


def test_a_lost_reply_stays_on_the_account(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.sent(REQUEST.key, REQUEST, 0.5)
    first.failed(REQUEST.key, REQUEST, 0.5, "no answer in time")
    again = opened(tmp_path)
    assert (first.lost_usd, again.pending, again.spent) == (0.5, 0, 0.5)


@pytest.mark.parametrize("cut", [1, 2, 40, 200])
def test_a_torn_last_line_costs_that_line_only(tmp_path: Path, cut: int) -> None:
    other = Request("m", "And blue?", 16)
    first = opened(tmp_path)
    answered(first)
    answered(first, other)
    file = tmp_path / "m.jsonl"
    os.truncate(file, file.stat().st_size - cut)
    second = opened(tmp_path)
    assert second.find(REQUEST.key)
    if cut > 1:
        assert second.find(other.key) is None and second.broken == 1
    answered(second, other)
    third = opened(tmp_path)
    assert third.find(REQUEST.key) and third.find(other.key)


def test_lines_that_are_no_entries_are_counted_and_skipped(tmp_path: Path) -> None:
    answered(opened(tmp_path))
    with (tmp_path / "m.jsonl").open("a") as file:
        file.write("\n<<<<<<< HEAD\n{}\n")
    again = opened(tmp_path)
    assert again.broken == 2 and again.find(REQUEST.key)


def test_several_processes_share_a_journal(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from tests.test_llm_journal import *\n"
        "journal = opened(Path(sys.argv[1]), sys.argv[2])\n"
        "for n in range(50): answered(journal, Request('m', f'{sys.argv[2]} {n}' + 'x' * 5000, 16))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    journal = opened(tmp_path)
    requests = [Request("m", f"{name} {n}" + "x" * 5000, 16) for name in ("a", "b") for n in range(50)]
    assert journal.broken == 0 and all(journal.find(request.key) for request in requests)


def test_answers_of_one_moment_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(os, "fsync", calls.append)
    journal = opened(tmp_path)
    requests = [Request("m", str(n), 16) for n in range(100)]

    async def together() -> None:
        await asyncio.gather(*(journal.answered(r.key, r, ANSWER, 0.0) for r in requests))

    asyncio.run(together())
    again = opened(tmp_path)
    assert len(calls) < 10 and all(again.find(request.key) for request in requests)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path)

    def full(file: int, text: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Stopped, match=r"No space left on device.*make room and run the same command again"):
        asyncio.run(journal.answered(REQUEST.key, REQUEST, ANSWER, 0.0))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Journal(tmp_path / "file", "m", "a/b")


@pytest.mark.parametrize(
    "model", ["gpt-4.1", "meta-llama/Llama-3", "../../etc/passwd", "..", "a" * 300, "ü b"]
)
def test_a_models_name_is_a_safe_file_name(model: str) -> None:
    name = file_name(model)
    assert "/" not in name and not name.startswith(".") and len(name) <= 100
    assert name == model if model == "gpt-4.1" else name

"""The hard limit of dollars: never over it, counted at the server, whatever goes wrong on the way."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from alpaca_exp.errors import BudgetReached, InputError, Stopped
from alpaca_exp.ledger import consumed, price
from alpaca_exp.llm import attempts, batch
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.schemas import OpenAITeacherConfig, RuntimeConfig
from tests.servers import Body, Reply, Server, prompt_of, stage_folder, teacher_at

MOST_TOKENS = 16


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(batch, "FIRST_LOOK_S", 0.001)


def texts(config: OpenAITeacherConfig, requests: list[Request], out: Path) -> list[str]:
    return [c.text for c in ask_all(config, requests, runtime=RuntimeConfig(), out=out, title="test")]


def questions(count: int) -> list[Request]:
    return [Request("fake", f"Question {n}", MOST_TOKENS) for n in range(count)]


class Till:
    """A server's answers and faults at random, and the most that it can have billed for them."""

    def __init__(self, rng: random.Random, batch: bool) -> None:
        self.rng, self.batch = rng, batch
        self.tokens_in = self.tokens_out = 0
        self._lock = threading.Lock()

    def answer(self, body: Body, number: int) -> Reply:
        with self._lock:
            return self._drawn(body)

    def _drawn(self, body: Body) -> Reply:
        most = (len(prompt_of(body)), MOST_TOKENS)
        faults = [
            Reply(status=502, error="bad gateway"),
            Reply(status=429, error="rate"),
            Reply(status=500, error="boom"),
        ]
        if not self.batch:
            faults += [Reply(drop=True), Reply("lost", cut=True), Reply(raw=b"<html>not JSON</html>")]
        fault = self.rng.choice(faults) if self.rng.random() < 0.3 else None
        used = fault is None or fault.status in (200, 502)
        tokens = most if fault else (self.rng.randint(1, most[0]), self.rng.randint(0, most[1]))
        if used:
            self.tokens_in += tokens[0]
            self.tokens_out += tokens[1]
        return fault or Reply("fine", usage=tokens)


def never_over(seed: int, outputs: Path) -> None:
    """One drawn case: its concurrency, prices, budget, faults; run until it stops, raised once, run again."""
    rng = random.Random(seed)
    till = Till(rng, batch=seed % 4 == 3)
    with Server(till.answer) as server:
        config = teacher_at(
            server,
            concurrency=rng.randint(1, 64),
            usd_per_million_in=rng.choice([0.0, rng.uniform(0, 50)]),
            usd_per_million_out=rng.uniform(0.1, 50),
            max_retries=rng.randint(0, 4),
            batch=till.batch,
            batch_wait_s=60.0,
        )
        bound = attempts.most_usd(config, Request("fake", "Question 99", MOST_TOKENS))
        for part in (rng.uniform(2, 8), rng.uniform(8, 16)):
            config.budget_usd = part * bound
            for _ in range(2):  # a second attempt goes on with what is left
                with pytest.raises(Stopped):
                    texts(config, questions(120), stage_folder(outputs))
                billed = price(config, till.tokens_in, till.tokens_out)
                assert billed <= config.budget_usd
                used = consumed(stage_folder(outputs))
                assert used.usd + used.possibly_billed <= config.budget_usd * (1 + 1e-12)
    assert billed > 0


@pytest.mark.parametrize("seed", range(24))
def test_the_budget_is_never_overrun(seed: int, tmp_path: Path) -> None:
    never_over(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_the_budget_is_never_overrun_in_two_hundred_cases(seed: int, tmp_path: Path) -> None:
    never_over(seed, tmp_path)


def test_a_raised_budget_goes_on(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    with Server() as server:
        with pytest.raises(BudgetReached, match=r"raise teacher\.budget_usd and run the same command again"):
            texts(teacher_at(server, budget_usd=0.0005), questions(40), out)
        asked = server.count
        assert 0 < asked < 40
        assert len(texts(teacher_at(server, budget_usd=1.0), questions(40), out)) == 40
        assert server.count == 40


@pytest.mark.parametrize("more", [{}, {"batch": True}, {"concurrency": 64}])
def test_a_budget_below_one_request_is_bad_input_and_asks_nothing(
    more: dict[str, object], tmp_path: Path
) -> None:
    bound = (len("Question 0") + attempts.FRAME_TOKENS + 4 * MOST_TOKENS) / 1e6
    bound = bound / 2 if "batch" in more else bound
    said = (
        rf"^One request could cost \${bound:.7f}, more than teacher\.budget_usd=0\.00005 allows for all; "
        r"raise teacher\.budget_usd or lower teacher\.max_tokens$"
    )
    with Server() as server:
        with pytest.raises(InputError, match=said) as caught:
            texts(teacher_at(server, budget_usd=0.00005, **more), questions(70), stage_folder(tmp_path))
        assert caught.value.exit_code == 2 and server.count == 0 and not server.batches.files


def test_a_budget_of_which_a_part_is_spent_stops_with_code_3(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    with Server() as server:
        texts(teacher_at(server), questions(1), out)
        with pytest.raises(BudgetReached, match=r"are spent, lost replies counted in full") as caught:
            texts(teacher_at(server, budget_usd=0.00005), questions(2), out)
        assert caught.value.exit_code == 3 and server.count == 1


def test_what_is_there_already_needs_no_budget(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    with Server() as server:
        first = texts(teacher_at(server), questions(3), out)
        assert texts(teacher_at(server, budget_usd=0.0), questions(3), out) == first

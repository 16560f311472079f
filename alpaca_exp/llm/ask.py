"""Asking a model many questions: in order, many at once, each paid for once, within the budget."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from alpaca_exp.errors import AlpacaExpError, InputError, Stopped
from alpaca_exp.ledger import FORECAST_FROM, Forecast, Ledger, report
from alpaca_exp.llm.attempts import Asker
from alpaca_exp.llm.batchlog import BatchLog
from alpaca_exp.llm.build import build_model, model_name, owner
from alpaca_exp.llm.interrupts import run
from alpaca_exp.llm.journal import Journal
from alpaca_exp.llm.model import Request
from alpaca_exp.llm.pace import Pace
from alpaca_exp.progress import progress
from alpaca_exp.records import Completion, Usage
from alpaca_exp.schemas import EndpointConfig, LanguageModelConfig, RuntimeConfig

LONGEST_FAREWELL_S = 30.0
"""After a first Ctrl-C, the answers under way are awaited for so long at most."""
START_APART_S = 0.002
"""Between the first requests to a server, about what one takes of our time.

Sent all at once they would be answered all at once, and wave after wave the server would wait for us.
"""


def ask_all(
    config: LanguageModelConfig,
    requests: Sequence[Request],
    *,
    runtime: RuntimeConfig,
    out: Path,
    title: str,
) -> list[Completion]:
    """The answers, in the order of the requests; what the journal holds is not asked again.

    What was consumed is reported into `out`, under `title`. Raises InputError where asking cannot
    help, Stopped (BudgetReached among them) where the same command can go on later; all answers
    that were paid for are in the journal by then.
    """
    with (
        progress(title, len(requests), "requests") as bar,
        Session(config, runtime=runtime, out=out, title=title) as session,
    ):
        return session.ask(requests, lambda n: bar.advance(n, session.dollars()), whole=True)


class Session:
    """One stage's conversation with one model, over as many rounds as it takes.

    To be used as a context manager. Leaving it reports what was consumed under `title`: the answers
    that came, at their price. A stage that was killed and goes on counts its own earlier answers too.
    """

    def __init__(self, config: LanguageModelConfig, *, runtime: RuntimeConfig, out: Path, title: str) -> None:
        self.usage = Usage()
        self._config, self._runtime, self._out, self._title = config, runtime, out, title
        self._name = model_name(config)
        account = f"{out.parent.name}/{out.name}"
        self._server = config.address if isinstance(config, EndpointConfig) else ""
        self._servers: set[str] = set()
        """Who told the answers, whenever that was."""
        self._journal = Journal(out.parents[1] / "journal", config.model, account, self._server)
        self._batched = isinstance(config, EndpointConfig) and config.batch
        self._log = BatchLog(self._journal.path, account)
        if self._batched:
            self._journal.expect(key for batch in self._log.open() for key in batch.keys)
        self._ledger = Ledger(config.budget_usd, owner(config), self._journal.spent)
        self._counted: set[str] = set()
        self._forecast: Forecast | None = None
        self._total: float | None = None
        self._rounds = 0
        """Lists of requests so far, each told by the answers before; 0 where there is only one."""
        self._error: AlpacaExpError | None = None
        self._interrupted = False
        self._asker: Asker | None = None
        self._runner = asyncio.Runner()

    def __enter__(self) -> Session:
        self._say_what_was_under_way()
        with suppress(Stopped):  # a full disk is news only where there is something to ask
            self._journal.give_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._asker:
                run(self._runner, self._asker.model.close())
        finally:
            self._runner.close()
            self._journal.close()
            self._report(stopped=error is not None)
            self._say_what_was_lost()

    def _report(self, stopped: bool) -> None:
        """Write down what was consumed; where the disk is full, that is the news unless there is worse."""
        try:
            used = self.usage + Usage(possibly_billed=self._possibly_billed())
            report(self._out, used, self._title, {self._config.model: self._servers - {""}})
        except OSError as error:
            if not stopped:
                raise Stopped(
                    f"{error.filename or self._out} cannot be written ({error.strerror}). Every answer so "
                    "far is kept: make room and run the same command again to go on"
                ) from None

    def dollars(self, share: float | None = None) -> str:
        """What this stage paid so far, for the progress bar; empty for a model that costs nothing.

        With what all of it should cost, from the first twentieth on. `share` is how much of the work is
        done, where nobody can list the requests that it still takes.
        """
        if not self._config.usd_per_million_in and not self._config.usd_per_million_out:
            return ""
        spent, so_far = self._ledger.spent, self.usage.usd + self._possibly_billed()
        if share is not None and share >= FORECAST_FROM:
            worth = self.usage.usd + self.usage.usd_avoided
            self._total = so_far + worth / share * max(0.0, 1 - share)
        elif self._forecast and (rest := self._forecast.rest()) is not None:
            self._total = so_far + rest
        limit = "" if self._config.budget_usd is None else f" of ${self._config.budget_usd:,.2f}"
        total = "" if self._total is None else f", about ${max(spent, self._total):,.2f} in all"
        return f"${spent:,.2f}{limit}{total}"

    @property
    def retried_anyway(self) -> int:
        """In all attempts at this stage: failures that only `teacher.retry_everything` repeats."""
        return self._journal.retried_anyway

    def key(self, request: Request) -> str:
        """The name of the request's answer in the journal."""
        return dataclasses.replace(request, model=self._name).key

    def holds(self, requests: Sequence[Request]) -> bool:
        """Whether the journal answers all of them, so that nobody would be asked."""
        self._journal.refresh()
        return all(self._journal.holds(self.key(request)) for request in requests)

    def ask(
        self,
        requests: Sequence[Request],
        advance: Callable[[int], None] = lambda n: None,
        *,
        whole: bool = False,
    ) -> list[Completion]:
        """The answers, in the order of the requests. `advance` is told of each batch of answers.

        `whole`: these are all requests that there will be, so that their cost can be foretold.
        """
        keys = [self.key(request) for request in requests]
        wanted = dict(zip(keys, requests, strict=True))
        if whole:
            sizes = {
                key: len((one.system + one.prompt).encode("utf-8", "replace")) for key, one in wanted.items()
            }
            self._forecast = Forecast(self._config, sizes)
        answers = self._found(wanted)
        for key in answers:
            del wanted[key]
        advance(len(requests) - len(wanted))
        self._rounds += not whole
        if wanted:
            if self._batched:
                run(self._runner, self._ask_batch(wanted))
                answers |= self._found(wanted)
                advance(len(wanted))
            else:
                run(self._runner, self._ask(wanted, answers, advance), self._wind_down)
        return [answers[key] for key in keys]

    def _found(self, wanted: Mapping[str, Request]) -> dict[str, Completion]:
        """The answers that the journal holds by now, each counted once: paid by this stage, or avoided."""
        self._journal.refresh()
        answers: dict[str, Completion] = {}
        for key, request in wanted.items():
            found = self._journal.find(key)
            if found:  # the prompt is here already: no second copy of each
                answers[key] = dataclasses.replace(found.completion, prompt=request.prompt)
                self._servers.add(found.server)
                self._foresee(key, found.completion.usage)
                if key not in self._counted:
                    self.usage += found.completion.usage if found.own else Usage(usd_avoided=found.usd)
        self._counted.update(answers)
        return answers

    async def _ask(
        self,
        missing: Mapping[str, Request],
        answers: dict[str, Completion],
        advance: Callable[[int], None],
    ) -> None:
        asker = self._ready()
        queue = iter(missing.items())
        count = min(self._config.concurrency, len(missing))
        apart = START_APART_S if isinstance(self._config, EndpointConfig) else 0.0
        work = (self._work(asker, queue, answers, advance, place * apart) for place in range(count))
        await asyncio.gather(*work)
        if self._interrupted:
            raise asyncio.CancelledError
        if self._error:
            raise self._error

    async def _work(
        self,
        asker: Asker,
        queue: Iterator[tuple[str, Request]],
        answers: dict[str, Completion],
        advance: Callable[[int], None],
        start_after_s: float,
    ) -> None:
        """Take requests until there are none, or one of us met the end; what is under way is awaited."""
        await asyncio.sleep(start_after_s)
        while not self._ending() and (entry := next(queue, None)):
            key, request = entry
            if found := self._found_elsewhere(key, request):
                answers |= found
                advance(1)
                continue
            try:
                answers[key] = await asker.answer(key, dataclasses.replace(request, model=self._name))
            except AlpacaExpError as error:
                self._error = self._error or error
            else:
                self.usage += answers[key].usage
                self._counted.add(key)
                self._servers.add(self._server)
                self._foresee(key, answers[key].usage)
                advance(1)

    def _found_elsewhere(self, key: str, request: Request) -> dict[str, Completion]:
        """The answer, where another process was told it since our work began."""
        if self._journal.grew():
            self._journal.refresh()
        return self._found({key: request}) if self._journal.holds(key) else {}

    async def _ask_batch(self, missing: Mapping[str, Request]) -> None:
        from alpaca_exp.llm.batch import BatchAsker
        from alpaca_exp.llm.openai_batch import Batches

        model, config = self._ready().model, self._config
        from alpaca_exp.llm.openai import OpenAIModel

        assert isinstance(model, OpenAIModel) and isinstance(config, EndpointConfig)
        named = {key: dataclasses.replace(request, model=self._name) for key, request in missing.items()}
        batches = Batches(model, config.endpoint)
        place = f"{self._title}, round {self._rounds}" if self._rounds else self._title
        asker = BatchAsker(config, batches, owner(config), place, self._journal, self._ledger, self._log)
        await asker.ask(named)

    def _ready(self) -> Asker:
        """The model, built when the first request needs it: a replay needs neither key nor server."""
        if self._asker is None:
            self._refuse_network()
            model = build_model(self._config, self._runtime)
            self._asker = Asker(
                self._config, model, self._journal, self._ledger, _pace(self._config), self._ending
            )
        return self._asker

    def _foresee(self, key: str, usage: Usage) -> None:
        if self._forecast:
            self._forecast.note(key, usage)

    def _ending(self) -> bool:
        return self._error is not None or self._interrupted

    def _wind_down(self) -> float:
        """Nothing goes out any more. Returns for how long paid answers that are under way are awaited."""
        self._interrupted = True
        under_way = self._asker.under_way if self._asker else {}
        if not under_way or not isinstance(self._config, EndpointConfig):
            return 0.0
        seconds = min(self._config.timeout_s, LONGEST_FAREWELL_S)
        usd = sum(under_way.values())
        cost = f", and up to ${usd:.4f} may be billed for nothing" if usd else ""
        print(
            f"{self._title}: stopping; waiting up to {seconds:.0f} s for {len(under_way)} answer(s) "
            f"under way. A second Ctrl-C ends at once{cost}",
            file=sys.stderr,
        )
        return seconds

    def _refuse_network(self) -> None:
        if self._runtime.offline and isinstance(self._config, EndpointConfig):
            from alpaca_exp.llm.openai import is_local

            if not is_local(self._config):  # type: ignore[arg-type]
                group = owner(self._config)
                raise InputError(
                    f"{group}={self._config.model} would need the network, and runtime.offline is true; "
                    f"choose a local {group}, or set runtime.offline=false"
                )

    def _possibly_billed(self) -> float:
        """Dollars that may have been billed, in all attempts, for answers that never came."""
        journal = self._journal
        return journal.lost_usd + journal.lost_before_usd + journal.pending_usd

    def _say_what_was_lost(self) -> None:
        if self._journal.lost_usd > 0:
            print(
                f"{self._title}: replies were lost; up to ${self._journal.lost_usd:.4f} may have been billed "
                "for them. That counts against the budget, not as a price paid",
                file=sys.stderr,
            )

    def _say_what_was_under_way(self) -> None:
        if self._journal.broken:
            print(
                f"{self._journal.path}: {self._journal.broken} broken line(s) skipped; a write was cut short",
                file=sys.stderr,
            )
        if self._journal.pending_usd > 0:
            print(
                f"{self._title}: {self._journal.pending} request(s) were under way when the last attempt "
                f"ended; up to ${self._journal.pending_usd:.4f} may have been billed for them",
                file=sys.stderr,
            )


def _pace(config: LanguageModelConfig) -> Pace:
    """How fast the model may be asked; one that lives here is asked as fast as it answers."""
    if isinstance(config, EndpointConfig):
        return Pace(config.requests_per_minute, config.tokens_per_minute)
    return Pace(None, None)

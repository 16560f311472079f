"""A study left to SLURM: agents, each a SLURM job that runs this very study, trial by trial, to its end.

What trials there are, and which of them are lost, several processes of one study agree upon anyway; an agent
is one more of them. One that is stopped goes back into the queue: its trial's point is queued again, and goes
on from its last step, with whichever agent takes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from alpaca_exp.errors import ConfigError, JobsFailed, Stopped
from alpaca_exp.records import write_json
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.sweeping import history, submissions
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.clustered import in_hand
from alpaca_exp.sweeping.gathering import Watched, lost, wait_for
from alpaca_exp.sweeping.inside import carried_out, settle_in
from alpaca_exp.sweeping.standing import where
from alpaca_exp.sweeping.submissions import AGENT, Submission
from alpaca_exp.sweeping.submitting import Slurm, check, send
from alpaca_exp.sweeping.table import line

WHO = "ALPACA_EXP_AGENT"
"""The environment variable that tells a study that an agent runs it."""
OURS = ("hydra.sweep.dir", "hydra.sweeper.storage", "runtime.workers")
"""Keys that an agent is told: the folder and the storage as they were resolved, and that it works alone."""
NOBODY = "runtime.detach=true leaves a sweep to SLURM, which nothing asks; add hydra/launcher=submitit_slurm"
TOO_MANY = "a study's agents have one machine each; with runtime.num_nodes above 1 leave runtime.detach out"
ENDED = ("done", "failed", "pruned")


@dataclass(frozen=True)
class Agent:
    """A process of the study, as a SLURM job."""

    name: str
    sweep: Path
    words: tuple[str, ...]
    """Of the study's command line."""
    max_restarts: int

    def sealed(self) -> tuple[Agent, dict[str, str]]:
        """There is nothing secret in it: the words have no password, and the environment travels."""
        return self, {}

    def __call__(self) -> str:
        """Run the study. Returns how that ended; leaves with an exit code where it is not well."""
        settle_in()
        found = carried_out(self.name, self.sweep, self.max_restarts, self._study)
        write_json(asdict(found), submissions.outcome_file(self.sweep, self.name))
        if found.status != "done":
            raise SystemExit(1)
        return found.status

    def _study(self) -> Outcome:
        started, last = time.monotonic(), ""
        process = subprocess.Popen(
            [sys.executable, "-m", "alpaca_exp", *self.words],
            env=os.environ | {WHO: self.name},
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert process.stderr is not None
        try:
            for said in process.stderr:
                print(said, end="", file=sys.stderr, flush=True)
                last = said.strip() or last
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # it saves what it is at; whoever else SLURM told knows as well
            print(process.communicate()[1], end="", file=sys.stderr, flush=True)
            raise
        seconds = round(time.monotonic() - started, 3)
        if code in (0, JobsFailed.exit_code):  # trials that failed are told of by themselves
            return Outcome("done", seconds)
        status = "stopped" if code == Stopped.exit_code else "failed"
        return Outcome(status, seconds, last or f"its study ended with exit code {code}")


def is_agent() -> bool:
    """Whether this process runs its study for an agent: alone, and without waiting for the others' trials."""
    return WHO in os.environ


def slurm_for(launch: object, runtime: RuntimeConfig) -> Slurm | None:
    """What a study that nobody is to wait for asks of SLURM; None: whoever starts it waits.

    Raises ConfigError where it cannot be left.
    """
    if is_agent() or not runtime.detach:
        return None
    if not isinstance(launch, Slurm):
        raise ConfigError([NOBODY])
    if runtime.num_nodes > 1:
        raise ConfigError([TOO_MANY])
    check(launch, runtime)
    return launch


def submit(sweep: Path, storage: str, left: int, asked: Slurm, runtime: RuntimeConfig) -> str:
    """Submit as many agents as may work side by side, less those there are. Returns what was done, in words.

    Raises InputError where SLURM refuses them, or cannot be asked whether it has some.
    """
    with submissions.submitting(sweep):
        live = {name for name in in_hand(sweep) if name.startswith(AGENT)}
        wanted = min(left, max(runtime.workers, asked.side_by_side)) - len(live)
        free = [name for n in range(wanted + len(live)) if (name := f"{AGENT}{n}") not in live]
        words = _words(sweep, storage)
        agents = [
            Agent(name, sweep.absolute(), words, runtime.max_restarts) for name in free[: max(0, wanted)]
        ]
        for agent in agents:
            submissions.outcome_file(sweep, agent.name).unlink(missing_ok=True)
        (sweep / submissions.SHARED).mkdir(exist_ok=True)
        send([agents] if agents else [], sweep, asked)
    if left <= 0:
        return "no agent is submitted: all trials are made, or under way"
    before = f"{len(live):,} in SLURM's hands from before, " if live else ""
    return f"agents, who run one trial after the other: {before}{len(agents):,} submitted to SLURM"


def lines(sweep: Path) -> list[str]:
    """A line for each agent that runs or waits; while trials are to be made, for each that is lost too."""
    known = [one for one in submissions.last(sweep).values() if one.is_agent]
    said = {one.unit: submissions.outcome(sweep, one.unit) for one in known}
    states = submissions.states([one for one in known if said[one.unit] is None]) or {}
    ended = sum(row.get("status") in ENDED for row in history.read(sweep).values())
    wanted = ended < int(history.described(sweep).get("jobs", 0))
    told = []
    for one in known:
        state, outcome = states.get(one.unit), said[one.unit]
        if state is not None and not state.ended:
            title = f"{one.unit} ({where(one, state.reason, sweep)})"
            told.append(line(None, title, "running" if state.runs else "queued", None))
            continue
        outcome = lost(one, state, {}, sweep) if state is not None else outcome
        if wanted and outcome is not None and outcome.status != "done":
            told.append(line(None, one.unit, outcome.status, None, outcome.error))
    return told


def wait(sweep: Path) -> BaseException | None:
    """Wait until no agent is left, and show how trials end. Returns what interrupted it."""
    open_ = _open(sweep)
    shown = {number for number, row in history.read(sweep).items() if row.get("status") in ENDED}
    board = Board(max(0, int(history.described(sweep).get("jobs", 0)) - len(shown)))
    watched = Watched(sweep, {one.unit for one in open_})

    def note(name: str, outcome: Outcome) -> None:
        if outcome.status != "done":
            write_json(asdict(outcome), submissions.outcome_file(sweep, name))  # SLURM may forget it
            board.say(line(None, name, outcome.status, outcome.seconds, outcome.error))

    def shows() -> None:
        shown.update(show(sweep, board, shown))
        board.meanwhile = watched.queue

    return wait_for(watched, board, note, shows)


def _open(sweep: Path) -> list[Submission]:
    """Agents that have not said how they ended."""
    known = submissions.last(sweep).values()
    return [one for one in known if one.is_agent and submissions.outcome(sweep, one.unit) is None]


def show(sweep: Path, board: Board, shown: set[int]) -> set[int]:
    """Say which trials run, and which have ended since. Returns these."""
    ended = set()
    for number, row in history.read(sweep).items():
        label, status = str(row.get("label") or ""), str(row.get("status"))
        if status == "running":
            board.begun(number, label)
        elif number not in shown and status in ENDED:
            board.ended(number, label, Outcome(status, float(row.get("seconds") or 0.0), row.get("error")))
            ended.add(number)
        else:
            board.paused(number)
    return ended


def _words(sweep: Path, storage: str) -> tuple[str, ...]:
    """What was typed, so that it makes the same study in a process that starts in the same folder."""
    kept = [word for word in sys.argv[1:] if word.lstrip("+").partition("=")[0] not in OURS]
    values = _quoted(sweep), _quoted(storage), 1
    return (*kept, *(f"{key}={value}" for key, value in zip(OURS, values, strict=True)))


def _quoted(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

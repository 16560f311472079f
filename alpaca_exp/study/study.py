"""A sweep that is an Optuna study: trials asked for one by one, run as a grid's jobs are, and told of.

Whoever starts the same study again, or beside, adds what is missing to the number of trials it is to have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from alpaca_exp.errors import ConfigError, InputError, JobsFailed
from alpaca_exp.experiment import prepare
from alpaca_exp.plan import Plan, plan
from alpaca_exp.records import Row
from alpaca_exp.schemas import ExperimentConfig, RuntimeConfig
from alpaca_exp.study.books import LOST, Books
from alpaca_exp.study.objectives import unmeasured
from alpaca_exp.study.opening import check_opening
from alpaca_exp.study.overview import write_overview
from alpaca_exp.study.results import TRIALS, read_results, read_trials, summary
from alpaca_exp.study.settings import VAL_LOSS, Settings, read_settings
from alpaca_exp.study.space import Point
from alpaca_exp.study.storage import masked, of_the_storage, unreachable
from alpaca_exp.study.trials import Trials, told
from alpaca_exp.sweep_folder import Entry, succeeded, successors
from alpaca_exp.sweeping import agents, history, reporting
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.checking import checked
from alpaca_exp.sweeping.composing import Composer
from alpaca_exp.sweeping.conducting import conduct, hire
from alpaca_exp.sweeping.launched import Launch
from alpaca_exp.sweeping.status import left_to_itself
from alpaca_exp.sweeping.submitting import Slurm
from alpaca_exp.sweeping.sweep import Asked
from alpaca_exp.sweeping.table import table

WORDS = {"complete": "done", "pruned": "pruned", "fail": "failed", "running": "running", "waiting": "waiting"}
"""A trial's state as the table of jobs has it."""


def study(asked: Asked, node: Mapping[str, Any]) -> list[Entry]:
    """Run the trials that a study lacks. Prints how it goes, a table, and what is best; returns the table.

    `node`: the keys of `hydra.sweeper`. Raises ConfigError or InputError before the first trial where
    something cannot run, JobsFailed at the end where some failed, Stopped where some were stopped, and what
    interrupts it, after the table.
    """
    folder = Path(str(asked.master.hydra.sweep.dir))
    settings = read_settings(node, asked.arguments, asked.loader, asked.master, folder)
    composer = Composer(asked.loader, asked.master)
    print(f"{folder.name}: {shape(settings)}", flush=True)
    _check_folder(settings, folder)
    check_opening(settings)
    runtime = looked_through(settings, composer, elsewhere=asked.launch is not None)
    by_agent = agents.is_agent()
    leave_to = agents.slurm_for(asked.launch, runtime)
    books = Books(settings, folder, runtime.outputs)
    if not by_agent:
        _describe(settings, folder)
    if leave_to is not None:
        return _left(books, leave_to, folder, runtime)
    before, said = set[int](), set[int]()
    interruption: BaseException | None = None
    try:
        _run(books, composer, runtime, asked.launch, before, said)
    except KeyboardInterrupt as error:
        interruption = error
    except Exception as error:
        interruption = unreachable(settings.storage, error) if of_the_storage(error) else error
    finally:
        found = _written(books)
        books.close()
    write_overview(folder)
    entries = entries_of(folder, settings, before)
    told = table(entries, said).lstrip("\n")
    print(f"\n{told}\n{summary(found) if found else ''}\nThis study: {folder}", flush=True)
    if interruption is not None:
        raise interruption
    if not by_agent:
        reporting.tell_page(folder, runtime.outputs)
    _raise_for(entries)
    return entries


def _run(
    books: Books,
    composer: Composer,
    runtime: RuntimeConfig,
    launch: Launch | Slurm | None,
    before: set[int],
    said: set[int],
) -> None:
    """Run what is missing. Raises what ends the study before its time.

    Into `before` go the trials that were found, into `said` those whose ends were told on the way.
    """
    notes, known = books.begin(), books.trials()
    before |= {trial.number for trial in known if trial.state.is_finished()}
    left = books.left(known)
    count = f"{books.settings.n_trials - left:,} from before, {max(left, 0):,} to run"
    print("\n".join([*notes, count]), flush=True)
    board = Board(max(left, 0))
    trials = Trials(books, composer, board.say, said, waits=not agents.is_agent())
    try:
        conduct(trials, hire(runtime, max(left, 1), books.sweep, board, launch), board, books.sweep)
    finally:
        board.close()
    if trials.reason is not None:
        raise trials.reason


def _left(books: Books, launch: Slurm, folder: Path, runtime: RuntimeConfig) -> list[Entry]:
    """Leave the study to agents."""
    with closing(books):
        said, left = books.begin(), books.left(books.trials())
        said.append(agents.submit(folder, books.settings.storage, left, launch, runtime))
    print("\n".join([*said, "", left_to_itself(folder)]), flush=True)
    return []


def _written(books: Books) -> Row:
    """What the study has come to; where its storage is gone by now, as it was last written."""
    try:
        return books.write()
    except Exception as error:
        if not (of_the_storage(error) or isinstance(error, InputError)):
            raise
        return read_results(books.sweep)


def shape(settings: Settings) -> str:
    """`tpe over learning_rate, epochs: 20 trials, truthfulness (maximize)`."""
    names = ", ".join(one.name for one in settings.space.varied) or "what a function suggests"
    goals = ", ".join(f"{metric} ({direction})" for metric, direction in settings.objectives.items())
    return f"{settings.sampler['kind']} over {names}; {trials_told(settings.n_trials)} in all; {goals}"


def trials_told(count: int) -> str:
    """`1 trial`, `20 trials`."""
    return f"{count:,} trial{'s' * (count != 1)}"


def looked_through(settings: Settings, composer: Composer, *, elsewhere: bool) -> RuntimeConfig:
    """Compose and plan every corner of the space. Returns where trials run.

    Raises InputError with all that is wrong there, ConfigError where an objective would not be measured.
    """
    orders = [order for _, order in probes(settings)]
    checked(orders, settings.space.label, composer, elsewhere=elsewhere, what="study", unit="points")
    config, _ = composer(orders[0])
    prepare(config)
    stages = plan(config)
    problems = [*unmeasured(list(settings.objectives), config, stages), *_unpruned(settings, config, stages)]
    if problems:
        raise ConfigError(problems)
    return config.runtime


def _unpruned(settings: Settings, config: ExperimentConfig, stages: Plan) -> Iterator[str]:
    """Why the pruner that is asked for would never be told a loss."""
    if not settings.prunes:
        return
    if "train" not in stages:
        yield "hydra.sweeper.pruner compares losses, and these trials train nothing; leave it out"
    elif settings.monitor == VAL_LOSS and not config.trainer.validation_examples:
        yield "hydra.sweeper.monitor is val_loss, and trainer.validation_examples sets no rows aside for it"


def probes(settings: Settings) -> list[tuple[Point, tuple[str, ...]]]:
    """First points and the space's corners, with their words; where a function adds to it, some drawn."""
    space = settings.space
    if space.function is not None:
        return _drawn(settings)
    whole = [point for point in settings.enqueue if _is_whole(settings, point)]
    points = [*whole, *space.corners()]
    return [(point, (*space.fixed, *space.words(point))) for point in points]


def entries_of(folder: Path, settings: Settings, before: Sequence[int] | set[int]) -> list[Entry]:
    """A line a trial; those in `before` were found. How long each took, its job says: a trial may wait."""
    rows = read_trials(folder) if (folder / TRIALS).exists() else []
    jobs = history.read(folder)
    again = successors(folder)
    found = []
    for row in rows:
        number, state = int(row["number"]), WORDS[row["state"]]
        if state in ("done", "pruned") and number in before:
            state = "found"
        if state == "failed" and number in again:
            state = "killed" if row["error"] == LOST else "stopped"
        label = settings.space.label(row["words"] or [f"{k}={v}" for k, v in row["params"].items()])
        if row["values"] is not None:
            label += f" -> {told(list(settings.objectives), row['values'])}"
        log = folder / str(number) / history.LOG
        seconds = jobs[number].get("seconds") if number in jobs else row["seconds"]
        found.append(succeeded(Entry(number, label, state, seconds, row["error"], log), again))
    return found


def _check_folder(settings: Settings, folder: Path) -> None:
    """Raises InputError where the folder holds another sweep, whose jobs have the numbers of these trials."""
    before = history.described(folder)
    if not before:
        return
    names = ("study_name", "storage")
    asked = before.get("study", {})
    if any(asked.get(name) != getattr(settings, name) for name in names):
        what = f"the study {asked['study_name']} in {asked['storage']}" if asked else f"a {before['kind']}"
        raise InputError(f"{folder} holds {what}; choose another name=... for this study")


def _describe(settings: Settings, folder: Path) -> None:
    """Write `sweep.json`."""
    command = [masked(word) for word in history.command_line()]
    history.describe(folder, "study", settings.told, settings.n_trials, command)


def _is_whole(settings: Settings, point: Point) -> bool:
    """Whether a first point leaves nothing to the sampler."""
    space = settings.space
    return all(one.name in point for one in space.parameters if space.counts(one, point))


def _drawn(settings: Settings, count: int = 8) -> list[tuple[Point, tuple[str, ...]]]:
    """Some points, by chance."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [settings.space.suggested(drawing.ask()) for _ in range(count)]


def _raise_for(entries: Sequence[Entry]) -> None:
    failed = sum(entry.status == "failed" for entry in entries)
    if failed:
        raise JobsFailed(
            f"{failed:,} of {trials_told(len(entries))} failed; "
            "hydra.sweeper.failed=retry tries their points again"
        )
    if any(entry.status == "running" for entry in entries):
        print("Other processes still run some of its trials.", flush=True)

"""The command line: compose, load, plan, run. `python -m alpaca_exp +experiment=cleaned`."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp.commands import readers_may_leave
from alpaca_exp.config import load, register_schemas
from alpaca_exp.errors import AlpacaExpError, ConfigError, InputError, Stopped
from alpaca_exp.overrides import check, explain
from alpaca_exp.paths import data_root
from alpaca_exp.schemas import Action
from alpaca_exp.usage import help_text

if TYPE_CHECKING:
    from alpaca_exp.prefetch import Prefetch
    from alpaca_exp.preview import Costs

PLACE_ERRORS = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR,
    errno.EEXIST,
)  # fmt: skip
"""What the system says when `outputs` is full or cannot be written."""


ONE_MOMENT_S = 2.0
"""Signals that follow the first one so soon mean the same."""
TIDYING_S = 10.0
"""How long threads may go on after the last word: a batch of answers that nobody waits for, say."""

OWN_CONFIG = ("--config", "-cd", "-cp", "-cn", "hydra.searchpath")
"""With these the user brings groups and options of which only Hydra knows."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 2 bad input, 3 stopped and resumable, 1 a bug."""
    with readers_may_leave():
        code = _main(sys.argv[1:])
    if code:
        raise SystemExit(code)


def _main(arguments: list[str]) -> int:
    """The exit code where nothing was raised: 2 for a plan of what cannot run."""
    if {"--help", "-h"} & set(arguments):
        print(help_text())
        return 0
    register_schemas()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra hands its errors to us, who name the remedy
    _heed_signals(_stop)
    conf = str(data_root() / "conf")
    planned: list[tuple[Costs, bool]] = []
    fetched: list[Prefetch] = []

    def task(composed: DictConfig) -> None:
        """One composed experiment. Errors end the process here, before Hydra prints a stack of its own."""
        with _spoken():
            planned.extend(experiment(composed, fetched))

    with _spoken(arguments):
        if not any(word.startswith(OWN_CONFIG) for word in arguments):
            check(arguments)
        hydra.main(version_base="1.3", config_path=conf, config_name="config")(task)()
    if len(planned) > 1:
        from alpaca_exp.preview import total

        print(f"\n{total([costs for costs, _ in planned])}")
    for each in fetched:
        print(each.summary())
    done = all(can_run for _, can_run in planned) and not any(each.refused for each in fetched)
    return 0 if done else ConfigError.exit_code


@contextmanager
def _spoken(arguments: Sequence[str] = ()) -> Iterator[None]:
    """Errors that are the user's to mend leave as one sentence and an exit code; bugs as they are."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        _leave(explain(error, arguments))
    except AlpacaExpError as error:
        _leave(error)
    except KeyboardInterrupt:
        _heed_signals(signal.SIG_IGN)  # what is needed is saved; libraries tidy up, but not for long
        last = threading.Timer(TIDYING_S, os._exit, (Stopped.exit_code,))
        last.daemon = True
        last.start()
        _leave(Stopped("stopped; the same command goes on from here"))
    except OSError as error:
        if not _of_the_place(error, arguments):
            raise
        where = f"{error.filename}: " if error.filename else ""
        _leave(InputError(f"{where}{error.strerror}; make room or choose runtime.outputs=FOLDER"))


def _of_the_place(error: OSError, arguments: Sequence[str]) -> bool:
    """Whether the system refused to write where we were told to, rather than missed a file of ours."""
    told = [word.partition("=")[2] for word in arguments if word.startswith("runtime.outputs=")]
    beyond = error.errno == errno.ENOENT and bool(told) and str(error.filename).startswith(told[-1])
    return error.errno in PLACE_ERRORS or beyond


def experiment(composed: DictConfig, fetched: list[Prefetch]) -> list[tuple[Costs, bool]]:
    """Load, plan, and run or print the plan. Returns what was planned and not run, and if it could be.

    What action=prefetch fetches for all jobs of a sweep is told in the one item of `fetched`.
    """
    from alpaca_exp.experiment import perform
    from alpaca_exp.preview import preview

    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    choices = {name: str(choice) for name, choice in hydra_config.runtime.choices.items()}
    # As they were written: what one takes from the environment, a secret maybe, is written nowhere.
    overrides: list[str] = OmegaConf.to_container(hydra_config.overrides.task, resolve=False)  # type: ignore[assignment]
    try:
        config = load(composed, overrides)
        if config.action is Action.plan:
            return [preview(config, choices=choices, overrides=overrides)]
        if config.action is Action.prefetch:
            from alpaca_exp.prefetch import Prefetch

            fetched[:] = fetched or [Prefetch()]
            fetched[0].add(config)
            return []
        if config.action is Action.rehearse:
            from alpaca_exp.rehearsal import rehearse

            print(rehearse(config))
            return []
        perform(config, folder=folder, choices=choices, overrides=overrides)
    except ConfigError:
        _withdraw(folder)
        raise
    return []


def _withdraw(folder: Path) -> None:
    """An experiment that cannot run leaves no run behind."""
    if {path.name for path in folder.iterdir()} <= {".hydra"} and "runs" in folder.parts:
        shutil.rmtree(folder)
        for parent in list(folder.parents)[:3]:
            if any(parent.iterdir()):
                break
            parent.rmdir()


def _leave(error: AlpacaExpError) -> NoReturn:
    print(error, file=sys.stderr)
    raise SystemExit(error.exit_code)


_stopped_at: list[float] = []


def _heed_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job ignores Ctrl-C
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    """Interrupt the work. Further signals of the same moment do not break into what is being saved."""
    now = time.monotonic()
    if not _stopped_at or now - _stopped_at[-1] > ONE_MOMENT_S:
        _stopped_at.append(now)
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()

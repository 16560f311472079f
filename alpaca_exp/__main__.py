"""The command line: compose, load, plan, run. `python -m alpaca_exp +experiment=cleaned`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp.config import load, register_schemas
from alpaca_exp.errors import AlpacaExpError, InputError, Stopped
from alpaca_exp.overrides import explain
from alpaca_exp.paths import data_root
from alpaca_exp.schemas import Action


def main() -> None:
    """Run the command line. Exit codes: 0 done, 2 bad input, 3 stopped and resumable, 1 a bug."""
    register_schemas()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra hands its errors to us, who name the remedy
    signal.signal(signal.SIGTERM, _stop)
    conf = str(data_root() / "conf")
    try:
        hydra.main(version_base="1.3", config_path=conf, config_name="config")(_task)()
    except (HydraException, OmegaConfBaseException) as error:
        _leave(explain(error, sys.argv[1:]))
    except AlpacaExpError as error:
        _leave(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _leave(InputError(f"{where}{error.strerror or error}; free or choose another place with runtime.outputs=..."))


def _task(composed: DictConfig) -> None:
    """One composed experiment. Errors end the process here, before Hydra prints a stack of its own."""
    try:
        experiment(composed)
    except KeyboardInterrupt:
        _leave(Stopped("stopped; the same command goes on from here"))
    except AlpacaExpError as error:
        _leave(error)


def experiment(composed: DictConfig) -> None:
    """Load, plan, and run or print the plan."""
    from alpaca_exp.experiment import perform, show

    hydra_config = HydraConfig.get()
    config = load(composed)
    if config.action is Action.plan:
        show(config)
        return
    choices = {name: str(choice) for name, choice in hydra_config.runtime.choices.items()}
    perform(
        config,
        folder=Path(hydra_config.runtime.output_dir),
        choices=choices,
        overrides=list(hydra_config.overrides.task),
    )


def _leave(error: AlpacaExpError) -> NoReturn:
    print(error, file=sys.stderr)
    raise SystemExit(error.exit_code)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

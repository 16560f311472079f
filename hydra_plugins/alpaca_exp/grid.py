"""The sweeper `grid`: all combinations, resumed and shared; the work is in `alpaca_exp.sweeping`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

NODE: dict[str, Any] = {"_target_": "hydra_plugins.alpaca_exp.grid.GridSweeper", "params": None}
"""`hydra/sweeper=grid`, alpaca_exp's default. `params`: keys with values as on the command line."""

ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=NODE, provider="alpaca_exp")


class GridSweeper(Sweeper):
    """Runs the jobs of a grid that have no result yet; plans all of them with action=plan."""

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self._params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before `sweep`."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """The jobs of the sweep file's `params` and of `arguments`."""
        from alpaca_exp.schemas import Action
        from alpaca_exp.sweeping.grid import expand
        from alpaca_exp.sweeping.sweep import Asked, sweep

        loader = self._context.config_loader
        if self._config.action is not Action.run:  # one after the other, here, and nothing is kept
            grid = expand(self._params, arguments, loader)
            return self._each(grid.jobs, grid.label)
        return sweep(Asked(self._params, arguments, self._config, loader, self._launch()))

    def _each(self, jobs: Sequence[Sequence[str]], label: Callable[[Sequence[str]], str]) -> list[Any]:
        """What the action does with each configuration, below its name, without Hydra's own words of it."""
        launcher = self._set_up(BasicLauncher(), self._task)
        logging.getLogger(BasicLauncher.__module__).addFilter(lambda record: False)
        done: list[Any] = []
        for number, job in enumerate(jobs):
            if self._config.action.name != "prefetch":
                print(f"\n{label(job)}", flush=True)
            done += launcher.launch([list(job)], number)
        return done

    def _launch(self) -> Any:
        """What hands jobs to the launcher that was chosen; nothing where that is Hydra's default."""
        from alpaca_exp.errors import ConfigError
        from alpaca_exp.refusals import not_a_key
        from alpaca_exp.sweeping.agents import is_agent
        from alpaca_exp.sweeping.launched import Task
        from alpaca_exp.sweeping.submitting import LAUNCHER, Slurm

        chosen = str(self._config.hydra.launcher._target_)
        if is_agent():
            return None
        if chosen == LAUNCHER:
            return Slurm(dict(OmegaConf.to_container(self._config.hydra.launcher, resolve=True)))  # type: ignore[arg-type]
        if chosen == f"{BasicLauncher.__module__}.{BasicLauncher.__qualname__}":
            added = [str(key) for key in self._config.hydra.launcher if key != "_target_"]
            if added:  # with a plus, which lets a key be set that nobody reads
                raise ConfigError([not_a_key(f"hydra.launcher.{key}") for key in added])
            return None
        launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=Task(), config=self._config
        )
        return lambda jobs: launcher.launch(jobs, initial_job_idx=0)

    def _set_up(self, launcher: Launcher, task: TaskFunction) -> Launcher:
        launcher.setup(hydra_context=self._context, task_function=task, config=self._config)
        return launcher

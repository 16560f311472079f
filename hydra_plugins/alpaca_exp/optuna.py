"""The sweeper `optuna`: a study instead of a grid; the work is in `alpaca_exp.study`."""

from __future__ import annotations

from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from alpaca_exp.study.keys import KEYS
from hydra_plugins.alpaca_exp import grid

NODE: dict[str, Any] = {"_target_": "hydra_plugins.alpaca_exp.optuna.OptunaSweeper", **KEYS}
"""`hydra/sweeper=optuna`: `alpaca_exp.study.settings` checks what is set."""


def _open(node: dict[str, Any]) -> DictConfig:
    """The node for Hydra, where a dictionary takes any key: `hydra.sweeper.objectives={usd: minimize}`."""
    found = OmegaConf.create(node)
    for name, value in node.items():
        if isinstance(value, dict):
            OmegaConf.set_struct(found[name], False)
    return found


ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=_open(NODE), provider="alpaca_exp")


class OptunaSweeper(grid.GridSweeper):
    """Runs the trials that a study lacks; with action=plan says what they would cost, and begins none."""

    def __init__(self, **told: Any) -> None:
        super().__init__()
        self._told = told

    def sweep(self, arguments: list[str]) -> Any:
        """The study of the sweep file's `hydra.sweeper` and of `arguments`."""
        from alpaca_exp.schemas import Action
        from alpaca_exp.sweeping.sweep import Asked

        action, loader = self._config.action, self._context.config_loader
        asked = Asked({}, arguments, self._config, loader, self._launch() if action is Action.run else None)
        if action is Action.run:
            from alpaca_exp.study.study import study

            return study(asked, self._told)
        from alpaca_exp.study.foretold import foretell, probed

        if action is Action.plan:
            return foretell(asked, self._told)
        return self._each(*probed(asked, self._told))

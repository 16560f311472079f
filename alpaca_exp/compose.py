"""An experiment's configuration without running it: what the command line composes, in process."""

from __future__ import annotations

from collections.abc import Sequence

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp.config import load, register_schemas
from alpaca_exp.overrides import explain
from alpaca_exp.paths import data_root
from alpaca_exp.schemas import ExperimentConfig


def compose(overrides: Sequence[str] = ()) -> ExperimentConfig:
    """The checked configuration of `overrides`, as `python -m alpaca_exp` would read them.

    Raises ConfigError with all that is wrong.
    """
    register_schemas()
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(str(data_root() / "conf"), version_base="1.3"):
            composed = hydra.compose("config", overrides=list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides) from None
    return load(composed, overrides)

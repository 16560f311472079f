"""The configurations of many jobs: what they have in common is composed once."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp.config import load
from alpaca_exp.overrides import explain
from alpaca_exp.schemas import ExperimentConfig


class Composer:
    """Composes as Hydra does, in its two steps: first the options that were chosen, then single values.

    The first step takes most of the time; jobs that come one after the other with the same options share it.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        assert isinstance(loader, ConfigLoaderImpl), "Hydra has no other"
        self._loader, self._master = loader, master
        self._chosen: tuple[str, ...] | None = None
        self._base, self._choices = OmegaConf.create(), dict[str, str]()
        self._is_group = functools.cache(loader.repository.group_exists)

    def options(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """Those overrides that choose options of groups."""
        return tuple(word for word in overrides if self._chooses(_parsed(word)))

    def __call__(self, overrides: Sequence[str]) -> tuple[ExperimentConfig, dict[str, str]]:
        """The checked configuration, and the options by group.

        Raises ConfigError with all that is wrong.
        """
        try:
            composed = self._composed(overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise explain(error, ["--multirun", *overrides]) from None
        return load(composed, overrides), self._choices

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        chosen = self.options(overrides)
        if chosen != self._chosen:
            base = self._loader.load_sweep_config(self._master, list(chosen))
            self._choices = {name: str(option) for name, option in base.hydra.runtime.choices.items()}
            HydraConfig.instance().set_config(base)  # for what refers to Hydra's own values
            with read_write(base), open_dict(base):
                del base["hydra"]
            self._base, self._chosen = base, chosen
        composed = copy.deepcopy(self._base)
        values = [_parsed(word) for word in overrides if word not in chosen]
        ConfigLoaderImpl._apply_overrides_to_config(values, composed)
        return composed

    def _chooses(self, override: Override) -> bool:
        """Whether Hydra takes it for the choice of an option: as its list of defaults does."""
        chooses = self._is_group(override.key_or_group) and not isinstance(override.value(), dict)
        return chooses or override.key_or_group.split(".")[0].split("/")[0] == "hydra"


@functools.cache
def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)

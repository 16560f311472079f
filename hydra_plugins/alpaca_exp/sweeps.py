"""The group `sweep`: the files of `sweeps/` as Hydra options, without its folder being searched."""

from __future__ import annotations

from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from hydra_plugins.alpaca_exp import grid

GROUP = "sweep"


class SweepsSource(FileConfigSource):
    """`sweeps://FOLDER`: every file of FOLDER is an option of the group `sweep`."""

    @staticmethod
    def scheme() -> str:
        """What such an address begins with."""
        return "sweeps"

    def load_config(self, config_path: str) -> ConfigResult:
        """The option's file; one that does not exist if the path is not in the group."""
        return super().load_config(self._file(self._normalize_file_name(config_path)) or "\0")

    def is_group(self, config_path: str) -> bool:
        """Whether `config_path` is the group, or the root that holds it."""
        return config_path.strip("/") in ("", GROUP)

    def is_config(self, config_path: str) -> bool:
        """Whether there is such an option."""
        file = self._file(config_path)
        return bool(file) and super().is_config(file)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """The options of the group; the group's name at the root."""
        where = config_path.strip("/")
        if where == "" and results_filter is not ObjectType.CONFIG:
            return [GROUP]
        if where == GROUP and results_filter is not ObjectType.GROUP:
            return sorted(path.stem for path in Path(self.path).glob("*.yaml"))
        return []

    @staticmethod
    def _file(config_path: str) -> str:
        return config_path.strip("/").removeprefix(f"{GROUP}/") if f"{GROUP}/" in config_path else ""


class SweepsSearchPath(SearchPathPlugin):
    """Adds `sweeps/` to the search path of alpaca_exp's own command line, and of no other's; grids, too."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra before it composes."""
        from alpaca_exp.paths import data_root

        conf = str(data_root() / "conf")
        if any((source.path or "").removeprefix("file://") == conf for source in search_path.get_path()):
            search_path.append(provider="alpaca_exp", path=f"sweeps://{data_root() / 'sweeps'}")
            # In Hydra's place, and not chosen over it: else no sweep's file could choose another one.
            ConfigStore.instance().store(
                group="hydra/sweeper", name="basic", node=grid.NODE, provider="alpaca_exp"
            )

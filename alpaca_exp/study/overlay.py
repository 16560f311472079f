"""What a sweep's file sets for all of its jobs, as words with which a trial runs alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.default_element import GroupDefault
from omegaconf import OmegaConf

from alpaca_exp.study.space import flow


def overlay(arguments: Sequence[str], loader: ConfigLoader) -> tuple[str, ...]:
    """The words that do what the `+sweep=NAME` among `arguments` does, but for how the sweep itself runs."""
    names = [word.partition("=")[2] for word in arguments if word.lstrip("+").partition("=")[0] == "sweep"]
    assert isinstance(loader, ConfigLoaderImpl), "Hydra has no other"
    found: list[str] = []
    for name in names:
        loaded = loader.repository.load_config(f"sweep/{name}")
        if loaded is None:
            continue
        for entry in loaded.defaults_list or ():
            group = str(getattr(entry, "group", None) or "").lstrip("/")
            if isinstance(entry, GroupDefault) and group and not group.startswith("hydra"):
                found.append(f"{group}={flow(entry.value)}")
        told: Any = OmegaConf.to_container(loaded.config, resolve=False)
        found += _words({key: value for key, value in told.items() if key not in ("hydra", "defaults")})
    return tuple(found)


def _words(told: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in told.items():
        if isinstance(value, Mapping) and value:
            yield from _words(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={flow(value)}"

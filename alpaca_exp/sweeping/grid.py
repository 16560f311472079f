"""A grid: every combination of the values that the keys of a sweep take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from alpaca_exp.errors import ConfigError
from alpaca_exp.overrides import explain


@dataclass(frozen=True)
class Grid:
    """What each key is set to, as overrides; one where the key is the same for all jobs."""

    axes: dict[str, list[str]]

    @property
    def varied(self) -> dict[str, list[str]]:
        """The keys that differ between jobs, with their overrides."""
        return {key: overrides for key, overrides in self.axes.items() if len(overrides) > 1}

    @property
    def jobs(self) -> list[tuple[str, ...]]:
        """The overrides of each job, the last key changing fastest; the same twice is one job."""
        return list(dict.fromkeys(itertools.product(*self.axes.values())))

    @property
    def asked(self) -> dict[str, list[str]]:
        """The values by their keys."""
        return {key: [word.partition("=")[2] for word in words] for key, words in self.axes.items()}

    @property
    def shape(self) -> str:
        """`2 scale x 3 seed = 6 jobs`."""
        sizes = [f"{len(overrides)} {key}" for key, overrides in self.varied.items()]
        count = math.prod(len(overrides) for overrides in self.axes.values())
        jobs = f"{count:,} job" + "s" * (count != 1)
        return f"{' x '.join(sizes)} = {jobs}" if len(sizes) > 1 else jobs

    def label(self, overrides: Sequence[str]) -> str:
        """What tells a job from the others, in few words."""
        varied = {override for options in self.varied.values() for override in options}
        return " ".join(override for override in overrides if override in varied) or "(the only job)"


def expand(params: Mapping[str, object], arguments: Sequence[str], loader: ConfigLoader) -> Grid:
    """The grid of a sweep file's `params` and the command line's `arguments`, which win.

    Values are in Hydra's own syntax: `1,2`, `range(0,5)`, `choice(a,b)`, `glob(*)`. Raises ConfigError for
    what cannot be read, or is no list of values.
    """
    words = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    try:
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(words)
    except HydraException as error:
        raise explain(error, words) from None
    axes: dict[str, list[str]] = {}
    for override in parsed:
        axes[override.get_key_element().lstrip("+~")] = _options(override)
    return Grid(axes)


def _options(override: Override) -> list[str]:
    """One override for each value."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    key = override.get_key_element()
    if not override.is_discrete_sweep():
        raise ConfigError(
            [f"{override.input_line} is a range to search in; a grid wants values, such as {key}=1,2,3"]
        )
    options = list(dict.fromkeys(f"{key}={value}" for value in override.sweep_string_iterator()))
    if not options:
        raise ConfigError([f"{override.input_line} has no values; give some: {key}=1,2,3"])
    return options

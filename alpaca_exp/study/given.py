"""What the command line says of a study, where that is to replace what Hydra would lay it over.

Objectives in braces, and a search space in braces, are the study's, and nothing further; with a plus before
the key they are added. Another kind of sampler or pruner has options of its own: those that the file gives
for its kind are left out, where the new one does not take them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

PREFIX = "hydra.sweeper."


class Given:
    """The words of the command line that set keys of `hydra.sweeper`."""

    def __init__(self, words: Sequence[str]) -> None:
        parsed = OverridesParser.create().parse_overrides(list(words))
        self._values = [
            (one.key_or_group.removeprefix(PREFIX), one.value(), one.is_add())
            for one in parsed
            if one.key_or_group.startswith(PREFIX) and not one.is_delete()
        ]

    def whole(self, name: str, merged: Any) -> Any:
        """The objectives, or the search space, of which `merged` is what Hydra made."""
        found: dict[str, Any] | None = None
        for key, value, adds in self._values:
            own, _, inner = key.partition(".")
            if own != name:
                continue
            if not inner and isinstance(value, Mapping) and not adds:
                found = dict(value)
            elif found is not None:
                found = _laid_over(found, inner, value)
        return merged if found is None else found

    def options(
        self, name: str, merged: Mapping[str, Any], taken: Callable[[str], Collection[str]]
    ) -> dict[str, Any]:
        """The options of `sampler` or `pruner`, of which `merged` is what Hydra made.

        `taken`: what a kind takes.
        """
        said: set[str] = set()
        for key, value, _ in self._values:
            if key == name:
                said |= {str(one) for one in value} if isinstance(value, Mapping) else {"kind"}
            elif key.startswith(f"{name}."):
                said.add(key.partition(".")[2])
        if "kind" not in said:
            return dict(merged)
        keep = {"kind", *said, *taken(str(merged["kind"]))}
        return {key: value for key, value in merged.items() if key in keep}


def _laid_over(found: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """With one more (`judge.percent`), or more told of one (`trainer.epochs.high`); without key, several."""
    name, _, told = key.rpartition(".")
    if not key and isinstance(value, Mapping):
        return {**found, **value}
    return {
        **found,
        **({name: {**found[name], told: value}} if isinstance(found.get(name), Mapping) else {key: value}),
    }

"""What the command line says of a study, where that is to replace what Hydra would lay it over.

Objectives in braces are the study's objectives, and not further ones. Another kind of sampler or pruner has
options of its own: those that the file gives for its kind are left out, where the new one does not take them.
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
            (one.key_or_group.removeprefix(PREFIX), one.value())
            for one in parsed
            if one.key_or_group.startswith(PREFIX) and not one.is_delete()
        ]

    def objectives(self, merged: Any) -> Any:
        """The objectives, of which `merged` is what Hydra made."""
        found: dict[str, Any] | None = None
        for key, value in self._values:
            if key == "objectives" and isinstance(value, Mapping):
                found = dict(value)
            elif key.startswith("objectives.") and found is not None:
                found[key.partition(".")[2]] = value
        return merged if found is None else found

    def options(
        self, name: str, merged: Mapping[str, Any], taken: Callable[[str], Collection[str]]
    ) -> dict[str, Any]:
        """The options of `sampler` or `pruner`, of which `merged` is what Hydra made.

        `taken`: what a kind takes.
        """
        said: set[str] = set()
        for key, value in self._values:
            if key == name:
                said |= {str(one) for one in value} if isinstance(value, Mapping) else {"kind"}
            elif key.startswith(f"{name}."):
                said.add(key.partition(".")[2])
        if "kind" not in said:
            return dict(merged)
        keep = {"kind", *said, *taken(str(merged["kind"]))}
        return {key: value for key, value in merged.items() if key in keep}

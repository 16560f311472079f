"""Everything alpaca_exp raises on purpose.

AlpacaExpError           catch this one to catch them all; its text is for a person, its code for a script
├── ConfigError          the experiment as written cannot run                                    exit 2
├── InputError           a file, a folder, a server's setting is not what it must be             exit 2
├── ArtifactError        an output on disk is not what its record says                           exit 2
├── JobsFailed           some jobs of a sweep failed, the others went on                         exit 4
└── Stopped              stopped on purpose and resumable: run the same command again            exit 3
    ├── BudgetReached    the next request could have cost more than the budget allows
    ├── Pruned           a study gave this trial's training up: others had come further at that point
    └── Interrupted      a signal came: whoever sent it wants all to end, the rest of a sweep too
"""

from __future__ import annotations

from collections.abc import Sequence


class AlpacaExpError(Exception):
    """The base class. A message is one clear sentence with the remedy."""

    exit_code = 2


class ConfigError(AlpacaExpError):
    """The experiment as written cannot run. Lists every problem found, not only the first."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__(
            "This experiment cannot run:\n" + "\n".join(f"  - {problem}" for problem in problems)
        )


class InputError(AlpacaExpError):
    """Something that was read (a file, a line, a reply, a setting) is not what it must be."""


class ArtifactError(AlpacaExpError):
    """An output on disk is not what its record says."""


class JobsFailed(AlpacaExpError):
    """Some jobs of a sweep failed. The others went on, and the same command runs only what has no result."""

    exit_code = 4


class Stopped(AlpacaExpError):
    """Stopped by a budget, a quota or a signal. Nothing is lost; the same command goes on."""

    exit_code = 3


class BudgetReached(Stopped):
    """The next request could have cost more than the budget allows."""


class Pruned(Stopped):
    """A study's pruner gave this training up. The study goes on; the same command would train on alone."""


class Interrupted(Stopped):
    """A signal came while a training ran, which saved its state. The rest of a sweep is not begun."""

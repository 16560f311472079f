"""What `--help` prints: the commands, and every option with the line that its file opens with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from alpaca_exp.config import OVERLAYS, groups
from alpaca_exp.paths import data_root

COMMANDS = """\
alpaca_exp: instruction-tuning experiments, from configuration to a table with intervals

  python -m alpaca_exp                                   the teacher's data as it is, in the miniature world:
                                                         the whole story; lands in outputs/runs/default/
  python -m alpaca_exp +experiment=cleaned               run one experiment; lands in outputs/runs/cleaned/
  python -m alpaca_exp +experiment=cleaned action=plan   say what it would do and cost, and stop
  python -m alpaca_exp +experiment=cleaned action=rehearse
                                                         do a little of everything, and say what all will take
  python -m alpaca_exp +experiment=cleaned action=prefetch
                                                         fetch what it needs from the hub; a machine
                                                         without network runs it with runtime=offline
  python -m alpaca_exp --multirun +sweep=factorial       run an ablation; lands in outputs/sweeps/factorial/
  python -m alpaca_exp.options teacher                   a group's options and fields, with their meaning
  python -m alpaca_exp.sweeps status|attach SWEEP_DIR    how a sweep's jobs stand; wait for those of SLURM
  python -m alpaca_exp.report                            tabulate every run under outputs/
  python -m alpaca_exp.report page|attribution|claims|power|references
                                                         a sweep's page; which factor did how much; verdicts;
                                                         what seeds can show; what published numbers are
  python -m alpaca_exp.report reading RUN...             the answers of several runs, side by side
  python -m alpaca_exp.judging import|agree|people       published judgments, two judges, people's votes
  python -m alpaca_exp.variants diff A B                 in what two data sets differ
  python -m alpaca_exp.store list|why|gc|export          look after what was made, or hand it on

Choose an option of a group (preset=paper), change any field (trainer.learning_rate=1e-4);
--cfg job shows every field and its value, --hydra-help what else Hydra can do.
"""


def help_text() -> str:
    """The whole text, plain."""
    return "\n".join([COMMANDS, *_groups()])


def opening(file: Path) -> list[str]:
    """The comment that an option's file opens with, line by line."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return [line[1:].strip() for line in comment if not line.startswith("# @package")]


def option_file(group: str, option: str) -> Path:
    """Where an option of a group is written."""
    folder = data_root() / ("sweeps" if group == "sweep" else f"conf/{group}")
    return folder / f"{option}.yaml"


def _groups() -> Iterator[str]:
    known = groups()
    width = max(len(option) for options in known.values() for option in options)
    for group, options in known.items():
        yield f"{'+' if group in OVERLAYS else ''}{group}="
        for option in options:
            yield f"  {option:{width}}  {_first_words(option_file(group, option))}".rstrip()


def _first_words(file: Path) -> str:
    """What the file opens with, up to the command that its comment ends in or that follows below."""
    said = next(iter(opening(file)), "")
    return said.partition(": python -m")[0].rstrip(":.")

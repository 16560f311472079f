"""Why a job ended that could not say so itself: one sentence with the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping

from alpaca_exp.sweeping.slurm import GONE, State

AGAIN = "the same command runs it again"
SUBMITS = "the same command submits it again"
LONGEST = 200
"""Characters of a log's last line."""
_MEMORY = re.compile(r"oom[-_ ]?kill|out[ -]of[ -]memory|exceeded .*memory limit", re.IGNORECASE)
_OF_SLURM = re.compile(r"^(slurmstepd|srun|submitit)\b|^\s*$")
"""Lines of a log that say that it ended, not why."""
_KILLED = re.compile(r"\bKilled\b")


def fate(state: State, log: str, asked: Mapping[str, object], *, began: bool = True) -> str:
    """What became of a job. `log`: the last words in SLURM's own logs of it; `asked`: what it asked for."""
    if not began and state.name in ("CANCELLED", GONE):
        said = (
            ", since somebody, or SLURM itself, cancelled it"
            if state.name == "CANCELLED"
            else " (cancelled?)"
        )
        return f"it never began{said}; {SUBMITS}"
    if state.name == "OUT_OF_MEMORY" or _MEMORY.search(log):
        return f"killed: more memory than {_memory(asked)}; raise hydra.launcher.{_memory_key(asked)}"
    match state.name:
        case "CANCELLED":
            return f"cancelled: somebody, or SLURM itself, ended it; {AGAIN}"
        case "TIMEOUT":
            return (
                f"ended at its time limit of {asked.get('timeout_min')} min, before it had saved and gone "
                "back into the queue; raise hydra.launcher.signal_delay_s, or timeout_min"
            )
        case "NODE_FAIL" | "BOOT_FAIL":
            return f"lost with its machine, and SLURM did not put it back into the queue; {AGAIN}"
        case "PREEMPTED":
            return f"preempted, and its partition does not put such jobs back into the queue; {AGAIN}"
        case "DEADLINE":
            return f"not begun before its deadline; {AGAIN}"
        case _:
            return _without_a_word(state, log)


def _without_a_word(state: State, log: str) -> str:
    last = _last_line(log)
    why = f": {last}" if last else "; its logs say nothing"
    if _KILLED.search(log) or state.exit_code.endswith(":9") or state.exit_code == "9:0":
        return f"killed{why}; was there enough memory? hydra.launcher.mem_gb asks for more"
    if state.name == GONE:
        return f"ended without a result, and SLURM no longer knows it{why}"
    return f"ended without a result (SLURM says {state.name}){why}"


def _memory_key(asked: Mapping[str, object]) -> str:
    given = [name for name in ("mem_gb", "mem_per_cpu", "mem_per_gpu") if asked.get(name) is not None]
    return given[0] if given else "mem_gb"


def _memory(asked: Mapping[str, object]) -> str:
    key = _memory_key(asked)
    if asked.get(key) is None:
        return "the partition gives by itself"
    return (
        f"the {asked[key]} GB it asked for" if key == "mem_gb" else f"the {asked[key]} ({key}) it asked for"
    )


def _last_line(log: str) -> str:
    said = [line.strip() for line in log.splitlines() if not _OF_SLURM.match(line)]
    return said[-1][:LONGEST] if said else ""

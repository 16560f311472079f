"""Wait for a sweep that other processes run, on this machine or on one that shares its folder."""

from __future__ import annotations

import time
from pathlib import Path

from alpaca_exp.sweep_folder import described, is_worked_at, read
from alpaca_exp.sweeping.agents import ENDED, show
from alpaca_exp.sweeping.board import Board

LOOK_AGAIN_S = 0.5


def watch(sweep: Path) -> BaseException | None:
    """Wait until no process is at the sweep, and show how its jobs end. Returns what interrupted it."""
    rows = read(sweep)
    if not is_worked_at(sweep, rows):
        return None
    shown = {number for number, row in rows.items() if row.get("status") in ENDED}
    board = Board(max(0, int(described(sweep).get("jobs", len(rows))) - len(shown)))
    board.say("another process runs it; waiting for its end")
    try:
        while is_worked_at(sweep, read(sweep)):
            shown |= show(sweep, board, shown)
            time.sleep(LOOK_AGAIN_S)
        show(sweep, board, shown)
    except (KeyboardInterrupt, Exception) as error:
        board.say("The sweep goes on without you.")
        return error
    finally:
        board.close()
    return None

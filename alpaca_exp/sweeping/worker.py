"""One worker of a local sweep, as `crews` starts it: units come in, how they ended goes out."""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import IO

from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import BY_SIGNAL, Outcome, attempt, make_shared


def main() -> None:
    """Work until nobody asks any more, or a signal comes: then say where the unit stands, and end."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what is printed beside a job's log is no answer
    units: queue.SimpleQueue[tuple[Unit, Path]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(asked, units), daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        while True:
            unit, sweep = units.get()
            print(json.dumps(asdict(_done(unit, sweep, answers))), file=answers)
    except KeyboardInterrupt:
        print(json.dumps(asdict(Outcome("stopped", error=BY_SIGNAL))), file=answers)
    answers.flush()
    os._exit(0)


def _done(unit: Unit, sweep: Path, answers: IO[str]) -> Outcome:
    def tell(part: str) -> None:
        print(json.dumps({"part": part}), file=answers)

    if unit.part:
        return make_shared(unit.job, unit.part, sweep, tell)
    return attempt(unit.job, sweep, tell, paid_before=unit.paid_before, alone=False)


def _read(asked: IO[bytes], units: queue.SimpleQueue[tuple[Unit, Path]]) -> None:
    """Units as they come. Whoever asks is gone: so are we, wherever we are, and our locks with us."""
    while True:
        try:
            units.put(pickle.load(asked))
        except EOFError:
            os._exit(0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for same in (signal.SIGINT, signal.SIGTERM):
        signal.signal(same, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

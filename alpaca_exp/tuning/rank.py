"""One rank, as `ranks` starts it: reads what it is to do, does it, and ends with whoever started it."""

from __future__ import annotations

import os
import pickle
import sys
import threading

from alpaca_exp.tuning.ranks import Job, take


def main() -> None:
    """Run the job on standard input. Exits with its code."""
    job: Job = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    code = 1
    try:
        code = take(job)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # other ranks may be gone: libraries that say goodbye to them would wait


def _end_with_the_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()

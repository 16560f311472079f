"""The keys of `hydra/sweeper=optuna`: read by Hydra at every start, and by who checks what is set."""

from __future__ import annotations

from typing import Any

KEYS: dict[str, Any] = {
    "study_name": None,  # null: the sweep's name
    "storage": None,  # null: a SQLite file in the sweep's folder
    "objectives": {},  # metric: maximize or minimize
    "n_trials": 20,  # of all processes and starts together
    "sampler": {"kind": "tpe", "seed": 0},
    "pruner": {"kind": "none"},
    "monitor": None,  # what the pruner compares: loss, val_loss; null: val_loss where there is one
    "search_space": {},
    "params": {},  # the same as on the command line: key: "interval(0,1)"
    "custom_search_space": None,  # a Python function that suggests more
    "enqueue": [],  # points to begin with
    "stale": "retry",  # or fail: a trial whose process is gone
    "failed": "keep",  # or retry: trials that failed at an earlier start
    "max_failure_rate": 0.5,  # more failures than that end the study
    "timeout": None,  # seconds after which this process begins no further trial
}
"""What each is unless told otherwise."""

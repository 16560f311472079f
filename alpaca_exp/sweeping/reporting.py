"""What a sweep ends with beside its table of jobs: its report page, its table of scores, and its claims."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from alpaca_exp.schemas import ExperimentConfig


def note(sweep: Path, config: ExperimentConfig) -> None:
    """Leave in the sweep's folder how its page is to be arranged, for pages made while it runs, or later."""
    if config.report.rows:
        from alpaca_exp.report.page_writing import note as leave

        leave(sweep, asdict(config.report))


def report(sweep: Path, config: ExperimentConfig) -> None:
    """Write the sweep's page and print its table and claims; nothing where it is not asked for.

    Never fails a sweep: what stands in the way is one sentence.
    """
    if config.report.rows:
        tell_page(sweep, config.runtime.outputs)


def tell_page(sweep: Path, outputs: Path) -> None:
    """Write the page of a sweep or study, and print where it is, after its table and claims where it has any.

    Never fails it: what stands in the way is one sentence.
    """
    from alpaca_exp.report.page_kept import kept_page

    try:
        file, told = kept_page(sweep.name, outputs)
    except Exception as error:  # the jobs are done, and their results are there
        print(f"\nNo report page could be made: {' '.join(str(error).split())}", flush=True)
        return
    print("\n".join(filter(None, ("", told, f"Its page: {file}"))), flush=True)

"""What every test has: one math thread, no network, and the command line as a process of its own."""

from __future__ import annotations

import functools
import gc
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.children import share_schemas, tell_as_at_first, told_at_first
from tests.stories import ROOT, run_in

if TYPE_CHECKING:
    from alpaca_exp.artifacts import Artifact
    from alpaca_exp.schemas import PretrainedModelConfig
    from tests.browsers import Browser

gc.disable()  # until all modules are imported, of whose objects hardly any is garbage
share_schemas()

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
os.environ.pop("OPENAI_API_KEY", None)

SHARED = ROOT.parent / "shared" / "data"

Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_finish() -> None:
    """From here on garbage is looked for, seldom, and never again among what was imported."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    told_at_first()


@pytest.fixture(autouse=True)
def libraries_told_as_at_first() -> Iterator[None]:
    """A test in which libraries are told to stay off the network leaves the next one's commands alone.

    These would start an interpreter each, for seconds: what was imported before was told something else.
    """
    yield
    tell_as_at_first()


@pytest.fixture(autouse=True, scope="session")
def one_math_thread() -> None:
    """With four, a tiny forward pass took 85 times longer on a loaded machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def shared_data() -> Path:
    """Real data that other people published; never part of this repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: the real data is not here")
    return SHARED


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `python -m MODULE ...` in an empty folder, as a user would."""
    return functools.partial(run_in, tmp_path)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of pages; to be had only where it is installed."""
    from tests.browsers import PROGRAM, Browser

    if PROGRAM is None:
        pytest.skip("chromium is absent: no browser to read the page in")
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Data to tune on: thirty short sums."""
    from tests.tunings import dataset_in

    return dataset_in(tmp_path_factory.mktemp("curate"))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> PretrainedModelConfig:
    """A model to tune, with dropout."""
    from tests.tunings import llama_in

    return llama_in(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def uninterrupted(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What tuning that model on those data leaves, where nobody disturbs it."""
    from tests.tunings import tune

    return tune(base, dataset, tmp_path_factory.mktemp("whole") / "out")

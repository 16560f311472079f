"""Where a study is kept: what cannot be a storage is said in one sentence, and no password with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.study import storage
from alpaca_exp.study.storage import PASSWORD, Turns, address_of, masked, on_network, open_storage


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are neither a database nor a journal; no password in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ})
    Path("text.db").write_text("hello\n" * 99)
    Path("text.log").write_text("hello\n")
    Path("rows.log").write_text('{"a": 1}\n')


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mysql://me@localhost/x", "needs the package MySQLdb: pip install it"),
        ("postgresql+psycopg2://me@localhost/x", "needs the package psycopg2"),
        ("oracle://me@localhost/x", "oracle://... is no storage of a study; write sqlite:///FILE, FILE.log"),
        ("redis://localhost:6379", "redis://... is no storage of a study"),
        ("sqlite://", "is lost with its process; name a file"),
        ("sqlite:///:memory:", "is lost with its process; name a file"),
        ("journal://", "is lost with its process; name a file"),
        ("postgresql://me@127.0.0.1:9/x", "postgresql://me@127.0.0.1:9/x cannot be reached: connection"),
        ("postgresql://me:secret@127.0.0.1:9/x", "postgresql://me@127.0.0.1:9/x cannot be reached"),
        ("text.db", "text.db cannot be reached: file is not a database"),
        ("text.db/study.db", "text.db/study.db cannot be reached"),
        ("text.db/study.log", "text.db/study.log cannot be reached"),
        ("/proc/study.db", "/proc/study.db cannot be reached: [Errno 2] No such file"),
        ("/proc/study.log", "/proc/study.log cannot be reached: [Errno 2] No such file"),
        ("text.log", "text.log is not the journal of a study; name another file"),
        ("rows.log", "rows.log is not the journal of a study"),
    ],
)
def test_what_is_no_storage_is_said_in_one_sentence(given: str, said: str) -> None:
    with pytest.raises(InputError) as error, Turns(address_of(given, Path("sweep")), "s")():
        open_storage(address_of(given, Path("sweep")))
    assert said in str(error.value) and "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_password_in_the_address_stays_with_the_process_and_its_children() -> None:
    assert address_of("postgresql://me:secret@host/x?sslmode=require", Path("sweep")) == (
        "postgresql://me@host/x?sslmode=require"
    )
    assert os.environ[PASSWORD] == "secret"


@pytest.mark.parametrize("password", ["secret", "se/cr@et", "a:b"])
def test_the_command_is_written_down_without_it(password: str) -> None:
    word = f"hydra.sweeper.storage='postgresql://me:{password}@host/x'"
    assert masked(word) == "hydra.sweeper.storage='postgresql://me@host/x'"
    assert masked("teacher.base_url=http://host:80/a@b") == "teacher.base_url=http://host:80/a@b"


def test_on_a_file_system_of_several_machines_a_study_is_kept_in_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/b {tmp_path}/shared nfs4 rw 0 0\n")
    assert on_network(tmp_path / "shared" / "sweep", mounts)
    assert not on_network(tmp_path / "sharedness", mounts) and not on_network(tmp_path, tmp_path / "none")
    monkeypatch.setattr(storage, "on_network", lambda folder: True)
    assert address_of(None, Path("sweep")) == "journal://sweep/study.log"
    Path("sweep").mkdir()
    Path("sweep/study.db").touch()
    assert address_of(None, Path("sweep")) == "sqlite:///sweep/study.db", "as it was begun"


SWEEP = Path("outputs/sweeps/study")


@pytest.mark.parametrize("given", ["new.db", "new.log", "outputs/new.db", "sqlite:///outputs/sweeps/study/s"])
def test_a_path_is_a_storage_that_is_begun_there(given: str) -> None:
    open_storage(address_of(given, SWEEP)).create_new_study([])
    assert len(open_storage(address_of(given, SWEEP)).get_all_studies()) == 1


@pytest.mark.parametrize(
    "given", ["folder/new.db", "journal:///nowhere/new.log", "sqlite:///outputs/../x/new"]
)
def test_a_folder_that_is_not_there_is_taken_for_a_slip(given: str) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*; make it, or mend the path"):
        address_of(given, SWEEP)
    assert not Path("folder").exists()

"""Files at the root: whole or not at all, and nothing left over."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from embetter_reg._files import (
    check_folder,
    remove_drafts,
    write_atomically,
    write_csv,
)


def test_a_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fill(draft):
        draft.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(
        OSError, match="cannot be written \\(No space left on device\\)"
    ):
        write_atomically(path, fill)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_drafts_of_processes_that_ended_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".a.parquet.{ended.pid}.tmp").touch()
    (tmp_path / f".b.parquet.{ended.pid}-7.tmp").touch()
    running = tmp_path / f".c.parquet.{os.getpid()}-7.tmp"
    running.touch()
    remove_drafts(tmp_path)
    assert list(tmp_path.iterdir()) == [running]


def test_a_folder_is_checked_and_not_made(tmp_path):
    check_folder(tmp_path / "deep" / "deeper")
    assert not (tmp_path / "deep").exists()
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(OSError, match="is not a folder, expected a folder"):
            check_folder(path)
    for path in (Path("s3://bucket/vectors"), Path("gs://bucket")):
        with pytest.raises(OSError, match=r"got the URL .*, expected a folder of this"):
            check_folder(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="may not be written to"):
        check_folder(tmp_path / "new")


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    table = pd.DataFrame(
        {"label": ["=cmd|'/C calc'!A0", "NA", "@x"], "f1": [-0.5, 1, 0]}
    )
    write_csv(table, tmp_path / "table.csv")
    written = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    assert written["label"].tolist() == ["'=cmd|'/C calc'!A0", "NA", "'@x"]
    assert written["f1"].tolist() == [-0.5, 1, 0]

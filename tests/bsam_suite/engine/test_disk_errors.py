"""A full disk, as a limit on the size of files stands for it, is an error of one line."""

import errno
import logging
import os
import resource

import pytest

from bsam_suite.atomic_write import write_bytes
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.errors import InputError

# More than the output of the tests themselves has, to which the limit applies, too.
LIMIT = 2**25


@pytest.fixture
def full():
    """Files cannot be longer than ``LIMIT`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_old_file_stays_and_the_folder_is_named(full, tmp_path):
    file = tmp_path / "epoch_1.pth"
    write_bytes(file, b"old")
    said = f"cannot write to {tmp_path}: "
    with pytest.raises(InputError, match=said), report_disk_errors(tmp_path):
        write_bytes(file, bytes(LIMIT + 1))
    assert file.read_bytes() == b"old" and os.listdir(tmp_path) == ["epoch_1.pth"]


class FullLog(logging.Handler):
    def emit(self, record):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            self.handleError(record)


def test_a_log_that_cannot_grow_ends_the_run(tmp_path, capsys):
    logger = logging.Logger("test")
    logger.addHandler(FullLog())
    with (
        pytest.raises(InputError, match=f"{tmp_path}: No space left"),
        report_disk_errors(tmp_path),
    ):
        logger.error("line")
    logger.error("line")  # elsewhere as ever
    assert "Traceback" in capsys.readouterr().err


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), report_disk_errors(tmp_path):
        os.listdir("/no/such")
    with pytest.raises(InputError, match="gone"), report_disk_errors(tmp_path):
        os.listdir(tmp_path / "gone")

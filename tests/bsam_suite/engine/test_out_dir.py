"""Where results go."""

import pytest

from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError


def test_results_never_join_other_files(tmp_path):
    default = tmp_path / "evaluation"
    for name in ("evaluation", "evaluation-2", "evaluation-3"):
        assert choose_out_dir(None, default) == tmp_path / name
        assert (tmp_path / name).is_dir()
        assert choose_out_dir(None, default) == tmp_path / name  # empty
        (tmp_path / name / "file").touch()
    assert choose_out_dir(str(tmp_path / "new"), default) == tmp_path / "new"
    with pytest.raises(InputError, match="--out .*evaluation is not empty: .*another folder"):
        choose_out_dir(default, default)
    with pytest.raises(InputError, match="--out .*file is a file"):
        choose_out_dir(default / "file", default)

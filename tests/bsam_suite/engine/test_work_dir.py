"""Where results go, and that earlier ones stay."""

from pathlib import Path

import pytest

from bsam_suite.engine.work_dir import choose_out_dir, choose_work_dir
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


def test_work_dirs_with_results_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_work_dir("configs/a.py", None, resume=None) == "work_dirs/a"
    assert Path("work_dirs/a").is_dir()
    assert choose_work_dir("configs/a.py", None, resume=None) == "work_dirs/a"
    Path("work_dirs/a/epoch_1.pth").touch()
    assert choose_work_dir("configs/a.py", None, resume=None) == "work_dirs/a-2"
    assert choose_work_dir("configs/a.py", None, resume="auto") == "work_dirs/a"
    with pytest.raises(InputError, match="--work-dir work_dirs/a has"):
        choose_work_dir("configs/a.py", "work_dirs/a", resume=None)
    assert choose_work_dir("configs/a.py", "work_dirs/a", resume="auto") == "work_dirs/a"


def test_a_checkpoint_goes_on_in_its_own_folder_or_a_new_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("work_dirs/a", "work_dirs/a-2", "elsewhere"):
        Path(name).mkdir(parents=True)
        Path(name, "epoch_3.pth").touch()
    assert choose_work_dir("a.py", None, "work_dirs/a/epoch_3.pth") == "work_dirs/a"
    assert choose_work_dir("a.py", None, "elsewhere/epoch_3.pth") == "work_dirs/a-3"
    assert choose_work_dir("a.py", "elsewhere", "elsewhere/epoch_3.pth") == "elsewhere"
    with pytest.raises(InputError, match="--work-dir elsewhere has"):
        choose_work_dir("a.py", "elsewhere", "work_dirs/a/epoch_3.pth")

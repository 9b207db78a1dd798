"""MMPose imports, and what was put in place for it says the truth afterwards."""

import subprocess
import sys

import mmengine.runner.checkpoint as loader
import pytest

from bsam_suite.compat import patch_mmengine, safe_loading
from bsam_suite.compat.placeholders import mmcv_ext


def run(code, **kwargs):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, **kwargs
    )


def test_placeholders_are_gone_and_the_flags_tell_the_truth():
    code = """
import sys
from bsam_suite.compat import import_mmpose
patched = import_mmpose()
again = import_mmpose()
assert not any(name in sys.modules for name in ("mmcv._ext", "mmdet", "mmdet.utils"))
import mmcv, torch
assert not hasattr(mmcv, "_ext")
from mmengine.utils.dl_utils import collect_env
from mmpose.registry import MODELS
assert "RTMOHead" in MODELS and "HRNet" in MODELS and "DEKRHead" in MODELS
try:
    import mmdet
    raise SystemExit("mmdet seems installed")
except ImportError:
    pass
from mmcv.ops import nms_match
try:
    nms_match(torch.rand(3, 5), 0.5)
except ValueError as error:
    assert "mmcv-lite" in str(error), error
else:
    raise SystemExit("a missing op ran")
print(patched["mmcv._ext"], patched["xtcocotools"], again["xtcocotools"])
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-3:] == ["True", "True", "False"]


def test_nothing_is_done_where_the_real_module_is(tmp_path):
    package = tmp_path / "xtcocotools"
    package.mkdir()
    (package / "__init__.py").write_text("REAL = True")
    code = """
from bsam_suite.compat.xtcocotools import provide_xtcocotools
assert provide_xtcocotools() is False
import xtcocotools
assert xtcocotools.REAL
"""
    done = run(code, env={"PYTHONPATH": str(tmp_path), "PATH": ""})
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_light():
    done = run(
        "import sys, bsam_suite, bsam_suite.compat\n"
        "heavy = {'torch', 'cv2', 'mmpose', 'mmengine'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    assert done.returncode == 0, done.stderr


def test_placeholder_leaves_also_when_the_import_fails():
    with pytest.raises(KeyError), mmcv_ext() as placed:
        assert placed and "mmcv._ext" in sys.modules
        raise KeyError
    assert "mmcv._ext" not in sys.modules


def test_patch_twice_and_report():
    for _ in range(2):
        patch_mmengine()
        assert loader.load_url is safe_loading.load_url
        assert loader.torch.load is safe_loading._load
    done = run("import runpy; runpy.run_module('bsam_suite.compat', run_name='__main__')")
    assert done.returncode == 0, done.stderr
    for package in ("xtcocotools", "mmcv._ext", "mmdet.utils", "circles of keypoints"):
        assert f"{package}: patched\n" in done.stdout
    assert "mmdet's check of mmcv: nothing to patch\n" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any("mmengine" in row and row.count("0.10.7") == 2 for row in rows)

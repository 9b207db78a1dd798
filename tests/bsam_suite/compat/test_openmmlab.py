"""MMPose and others are imported whatever MMDetection is beside them, by what stands for it."""

import importlib
import subprocess
import sys

import mmcv
import pytest
from mmengine.utils import digit_version

from bsam_suite.compat import PACKAGES, import_scope, missing_package
from bsam_suite.compat.openmmlab import import_mmdet_beside, import_openmmlab
from bsam_suite.compat.placeholders import mmdet_utils
from bsam_suite.errors import InputError

CHECK = """
import mmcv
from mmengine.utils import digit_version
assert digit_version({low!r}) <= digit_version(mmcv.__version__) < digit_version({high!r}), 'mmcv'
"""
ACCEPTS = CHECK.format(low="2.0.0rc4", high="3.0")
V3_0 = CHECK.format(low="2.0.0rc4", high="2.1.0")
V3_3 = CHECK.format(low="2.0.0rc4", high="2.2.0")
UTILS = "class ConfigType: pass\ndef reduce_mean(tensor): return 'its own'\n"


@pytest.fixture
def mmdet(tmp_path, monkeypatch):
    """Install what stands for MMDetection; gone after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(init, utils=UTILS):
        (tmp_path / "mmdet").mkdir()
        (tmp_path / "mmdet/__init__.py").write_text(init)
        (tmp_path / "mmdet/utils.py").write_text(utils)
        importlib.invalidate_caches()
        return tmp_path

    yield install
    for name in ("mmdet", "mmdet.utils"):
        sys.modules.pop(name, None)


def test_mmcv_is_as_new_as_the_check_is_strict():
    assert digit_version(mmcv.__version__) >= digit_version("2.2.0")


@pytest.mark.parametrize("check, needed", [(V3_0, True), (V3_3, True), (ACCEPTS, False)])
def test_the_check_is_passed_and_the_real_one_is_used(mmdet, check, needed):
    mmdet(check)
    version = mmcv.__version__
    assert import_mmdet_beside() is needed
    assert mmcv.__version__ == version
    with mmdet_utils() as placed:
        from mmdet.utils import reduce_mean
    assert not placed and reduce_mean(1) == "its own"
    assert importlib.import_module("mmdet.utils").reduce_mean is reduce_mean
    assert import_mmdet_beside() is False


@pytest.mark.parametrize(
    "init, utils, error",
    [
        ("assert False, 'mmengine'", UTILS, AssertionError),
        ("import package_that_is_missing", UTILS, ImportError),
        (V3_3, "import package_that_is_missing", ImportError),
        (V3_3, "import numpy; numpy.of_a_release_that_is_gone", AttributeError),
    ],
)
def test_one_that_cannot_be_imported_is_as_good_as_none(mmdet, init, utils, error):
    mmdet(init, utils)
    version = mmcv.__version__
    import_mmdet_beside()
    assert mmcv.__version__ == version
    with mmdet_utils() as placed:
        from mmdet.utils import ConfigType, reduce_mean
    assert placed and reduce_mean(1) == 1 and issubclass(dict, ConfigType)
    with pytest.raises(error):  # it says as before what is wrong with it
        importlib.import_module("mmdet.utils")


def test_where_there_is_none(monkeypatch):
    assert "mmdet" not in sys.modules and import_mmdet_beside() is False


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_that_is_missing_is_named_with_what_to_install(package, monkeypatch):
    monkeypatch.setattr("bsam_suite.compat.openmmlab.is_missing", package.__eq__)
    wanted = PACKAGES[package][0]
    with pytest.raises(InputError, match=f"^{package} is missing: .*install .*{wanted} mmcv-lite"):
        import_scope(package)
    name = wanted.partition("==")[0]  # as MMEngine says it of PACKAGE::FILE
    said = ModuleNotFoundError(f"{name} is not installed, please install {name} manually")
    assert str(missing_package(said)).startswith(f"{package} is missing: ")


def test_others_are_left_to_say_it_themselves():
    assert import_scope(None) == import_scope("mmengine") == {}
    assert missing_package(ModuleNotFoundError("No module named 'that'")) is None
    assert "MMPose is missing" in str(missing_package(ModuleNotFoundError("mmpose is not")))


def test_one_that_cannot_be_imported_says_why(mmdet):
    mmdet("import package_that_is_missing")
    with pytest.raises(InputError, match="mmdet cannot be imported .*package_that_is_missing.*: "):
        import_scope("mmdet")


def test_mmsegmentation_is_imported_with_its_ops_refused():
    code = """
from bsam_suite.compat import import_scope
patched = import_scope("mmseg")
import mmcv, sys
from mmseg.registry import MODELS, DATASETS
assert "SegformerHead" in MODELS and "CityscapesDataset" in DATASETS
print(all(patched.values()), "mmcv._ext" in sys.modules, mmcv.__version__)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split("\n")[-2] == f"True False {mmcv.__version__}", done.stderr


def test_mmpose_is_imported_beside_it(mmdet):
    folder = mmdet(V3_3)
    code = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from bsam_suite.compat import import_mmpose
patched = import_mmpose()
print(patched["mmdet's check of mmcv"], patched["mmdet.utils"], "mmdet.utils" in sys.modules)
import mmcv, mmpose
from mmpose.models.heads.hybrid_heads import rtmo_head
print(mmcv.__version__, rtmo_head.reduce_mean(1))
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-3:-1] == ["True False True", f"{mmcv.__version__} its own"]


REGISTER = "registered = []\ndef register_all_modules(init_default_scope): {}\n"


@pytest.fixture
def mmseg(tmp_path, monkeypatch):
    """Install what stands for MMSegmentation, whether it is installed or not; gone afterwards."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "mmseg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(init, registering):
        (tmp_path / "mmseg").mkdir()
        (tmp_path / "mmseg/__init__.py").write_text(init)
        (tmp_path / "mmseg/utils.py").write_text(REGISTER.format(registering))
        importlib.invalidate_caches()

    yield install
    for name in ("mmseg", "mmseg.utils"):
        sys.modules.pop(name, None)


def test_a_package_whose_models_import_mmdetection(mmdet, mmseg):
    mmdet(V3_3)
    mmseg(V3_3, "import mmdet; registered.append(init_default_scope)")
    assert import_openmmlab("mmseg")["check of mmcv"] is True
    assert sys.modules["mmseg.utils"].registered == [False]
    assert digit_version(mmcv.__version__) >= digit_version("2.2.0")


def test_what_is_missing_and_what_cannot_be_imported_is_told(mmseg, monkeypatch):
    mmseg("import package_that_is_missing", "pass")
    with pytest.raises(InputError, match="mmseg cannot be imported .*that_is_missing.*ftfy"):
        import_openmmlab("mmseg")
    monkeypatch.setitem(PACKAGES, "mmnone", ["mmnone==1"])
    with pytest.raises(InputError, match="mmnone is missing: .*install .*mmnone==1"):
        import_openmmlab("mmnone")

"""``python -m bsam_suite.compat``: installed versions and the patches that were needed."""

import platform
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

from bsam_suite.compat import PACKAGES, import_scope
from bsam_suite.errors import InputError

TESTED = {
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "mmengine": "0.10.7",
    "mmcv-lite": "2.2.0",
    "mmpose": "1.3.2",
    "mmsegmentation": "1.2.2",
    "pycocotools": "2.0.11",
    "numpy": "2.4.6",
    "opencv-python": "5.0.0.93",
    "setuptools": "80.10.2",
}


def main() -> None:
    table = Table("package", "installed", "tested with")
    table.add_row("Python", platform.python_version(), "3.10 to 3.13")
    for name, tested in TESTED.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "-"
        table.add_row(name, installed, tested)
    Console().print(table)
    for package in ("mmpose", *PACKAGES):
        try:
            patched = import_scope(package)
        except InputError as error:
            print(error)
            continue
        for gap, needed in patched.items():
            print(f"{package}: {gap}: {'patched' if needed else 'nothing to patch'}")


if __name__ == "__main__":
    main()

"""Quantizers run plainly in these tests, but for those that ask for both paths."""

import shutil

import pytest

from bsam_suite.quantization.compiled import Compiled


@pytest.fixture(autouse=True)
def plain(request, monkeypatch):
    if not {"path", "compiled"} & {*request.fixturenames}:
        monkeypatch.setattr(Compiled, "__call__", lambda self, *arguments: self.plain(*arguments))


@pytest.fixture
def compiled():
    """Run the test compiled."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")


@pytest.fixture(params=["compiled", "plain"])
def path(request, monkeypatch):
    """Run the test compiled and plainly."""
    if request.param == "plain":
        monkeypatch.setattr(Compiled, "__call__", lambda self, *arguments: self.plain(*arguments))
    else:
        request.getfixturevalue("compiled")
    return request.param

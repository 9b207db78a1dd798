"""Quantizers run plainly in these tests, but for those that ask for both paths."""

import shutil

import pytest

from tasks.quantization.compiled import Compiled


@pytest.fixture(autouse=True)
def plain(request, monkeypatch):
    if "path" not in request.fixturenames:
        monkeypatch.setattr(Compiled, "__call__", lambda self, *arguments: self.plain(*arguments))


@pytest.fixture(params=["compiled", "plain"])
def path(request, monkeypatch):
    """Run the test compiled and plainly."""
    if request.param == "plain":
        monkeypatch.setattr(Compiled, "__call__", lambda self, *arguments: self.plain(*arguments))
    elif shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    return request.param

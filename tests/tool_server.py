"""Runs the tools one after the other, each in a process forked from this one.

What the tools import, which takes most of the time of a short run, is imported once here. Requests
and answers are lines of JSON on standard input and output.
"""

import json
import os
import runpy
import sys

import hessian_eigenthings  # noqa: F401
import matplotlib.figure  # noqa: F401
import mmengine.runner  # noqa: F401
import onnx  # noqa: F401
import plotly.graph_objects  # noqa: F401
import scipy.stats  # noqa: F401
import sklearn.datasets  # noqa: F401
import torchvision  # noqa: F401

from bsam_suite.compat import import_mmpose


def serve() -> None:
    """Answer each request with the exit status of its tool."""
    import_mmpose()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(path: str, args: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """Run a tool as its own process would, its output in the files ``out`` and ``err``."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, name in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    sys.argv, sys.path[0] = [path, *args], os.path.dirname(path)
    runpy.run_path(path, run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    serve()

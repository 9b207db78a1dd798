"""The library's commands."""

from bsam_suite.commands.comparing import compare, find_rho
from bsam_suite.commands.exporting import export_onnx
from bsam_suite.commands.measuring import analyze_flatness, plot_landscape
from bsam_suite.commands.training import test, train

COMMANDS = {
    one.name: one
    for one in (train, test, compare, find_rho, analyze_flatness, plot_landscape, export_onnx)
}

__all__ = ["COMMANDS", *COMMANDS]

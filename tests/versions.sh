#!/usr/bin/env bash
# The tests on each supported Python, and on the oldest supported PyTorch, in environments of their
# own, which are removed:
#     tests/versions.sh [arguments of pytest]
# Python itself is found, or downloaded, by uv. Prints a line for each at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:$PWD/.venv/bin"
export UV_PROJECT_ENVIRONMENT
failed=0 told=()

try() { # PYTHON NAME [requirements that take the places of the newest]
    UV_PROJECT_ENVIRONMENT=$(mktemp -d)
    local result=failed
    uv sync --quiet --python "$1" --all-extras --group dev &&
        { [ $# -eq 2 ] || uv pip install --quiet --python "$UV_PROJECT_ENVIRONMENT" "${@:3}"; } &&
        "$UV_PROJECT_ENVIRONMENT/bin/python" -m pytest "${arguments[@]}" && result=passed
    [ $result = passed ] || failed=1
    told+=("Python $1, $2: $result")
    rm -rf "$UV_PROJECT_ENVIRONMENT"
}

arguments=("$@")
for python in 3.10 3.11 3.12 3.13; do
    try $python "newest PyTorch"
done
try 3.10 "PyTorch 2.6" torch==2.6.0 torchvision==0.21.0
printf '%s\n' "${told[@]}"
exit $failed

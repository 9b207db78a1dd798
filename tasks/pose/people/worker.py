"""A worker process: reads its jobs from standard input, answers one line of JSON for each."""

from __future__ import annotations

import json
import signal
import sys

import cv2

from .jobs import Job, make_picture


def main() -> int:
    """Do the jobs on standard input and return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    cv2.setNumThreads(0)
    for index, seed, image_id, path in json.load(sys.stdin):
        try:
            image, annotations = make_picture(Job(tuple(seed), image_id, path))
            answer = {"index": index, "image": image, "annotations": annotations}
        except OSError as error:
            answer = {"error": str(error)}
        try:
            print(json.dumps(answer), flush=True)
        except BrokenPipeError:  # the parent is gone
            sys.stdout = None
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

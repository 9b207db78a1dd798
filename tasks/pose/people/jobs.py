"""Generate many images, in this process or in several."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from bsam_suite.progress import progress_bar
from bsam_suite.shell import ROOT

from .scene import random_scene

_QUALITY = 90  # of the JPEG files
_PER_IMAGE = 10  # annotation ids kept for each image


class Job(NamedTuple):
    """One image: the seed of its random numbers, its id and the path of its JPEG file."""

    seed: tuple[int, ...]
    image_id: int
    path: str


Result = tuple[dict, list[dict]]
"""A picture's entry in COCO's ``images`` and its annotations."""


def mask_file(picture: Path) -> Path:
    """The file with the parts of people (see ``parts.PARTS``) at each pixel of a picture."""
    return picture.parent.parent / "masks" / picture.parent.name / f"{picture.stem}.png"


def make_picture(job: Job) -> Result:
    """Write an image file and its mask, and return its entry and annotations.

    Raises:
        OSError: If the file can't be written.
    """
    image, parts, found = random_scene(np.random.SeedSequence(job.seed))
    _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    path = Path(job.path)
    path.write_bytes(code.tobytes())
    mask_file(path).write_bytes(cv2.imencode(".png", parts)[1].tobytes())
    entry = {
        "id": job.image_id,
        "file_name": path.name,
        "width": image.shape[1],
        "height": image.shape[0],
    }
    for i, annotation in enumerate(found):
        annotation |= {"id": job.image_id * _PER_IMAGE + i, "image_id": job.image_id}
    return entry, found


def run_jobs(jobs: list[Job], workers: int, progress: bool) -> list[Result]:
    """Do all jobs and return their results in the order of the jobs.

    Args:
        workers: Number of processes; 1 works in the calling process.
        progress: Whether to show a bar (on a terminal only).

    Raises:
        OSError: If a file can't be written or a worker ends early.
    """
    if workers == 1:
        results = ((i, make_picture(job)) for i, job in enumerate(jobs))
    else:
        results = _from_workers(jobs, workers)
    ordered: list = [None] * len(jobs)
    with progress_bar(progress) as bar:
        for i, result in bar.track(results, total=len(jobs), description="pictures"):
            ordered[i] = result
    return ordered


def _from_workers(jobs: list[Job], workers: int) -> Iterator[tuple[int, Result]]:
    # Plain subprocesses: those of multiprocessing would run the caller's script again (with all
    # that it imports, and only if it is guarded), or fork a process that runs threads.
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in paths if p)}
    command = [sys.executable, "-m", "tasks.pose.people.worker"]
    lines: queue.SimpleQueue = queue.SimpleQueue()
    running = []
    try:
        for k in range(workers):
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            running.append(process)
            share = [(i, *jobs[i]) for i in range(k, len(jobs), workers)]
            threading.Thread(target=_talk, args=(process, share, lines), daemon=True).start()
        left = len(jobs)
        while left:
            line = lines.get()
            if "error" in line:
                raise OSError(line["error"])
            left -= 1
            yield line["index"], (line["image"], line["annotations"])
    finally:
        for process in running:
            process.kill()
            process.wait()


def _talk(process: subprocess.Popen, share: list, lines: queue.SimpleQueue) -> None:
    """Send a worker its share of the jobs and collect its results."""
    left = len(share)
    try:
        with process.stdin as pipe:
            json.dump(share, pipe)
        for line in process.stdout:
            lines.put(json.loads(line))
            left -= 1
    except (OSError, ValueError):
        pass  # the worker ended early, which is reported below
    if left:
        lines.put({"error": f"A worker ended early with status {process.wait()}."})

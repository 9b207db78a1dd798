"""Command that writes a set of synthetic pictures of people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from bsam_suite.pictures.contact_sheet import contact_sheet

from ..visualization import draw_person
from .dataset import write_people


def annotated_sheet(root: Path, split: str = "val", count: int = 30, columns: int = 6):
    """Return a (H, W, 3) uint8 BGR sheet of the first pictures of a set with annotations drawn."""
    content = json.loads((root / "annotations" / f"person_keypoints_{split}2017.json").read_text())
    tiles, captions = [], []
    for image in content["images"][:count]:
        picture = cv2.imread(str(root / f"{split}2017" / image["file_name"]))
        people = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        scale = 2
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for person in people:
            points = np.array(person["keypoints"], float).reshape(-1, 3)
            points[:, :2] = (points[:, :2] + 0.5) * scale - 0.5
            picture = draw_person(picture, points, np.array(person["bbox"]) * scale, thickness=2)
        tiles.append(picture)
        captions.append(f"{image['id']}: {len(people)} labelled")
    return contact_sheet(tiles, columns, captions)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tasks.pose.people", description=__doc__)
    parser.add_argument("--train", type=int, default=2000, help="training images (2000)")
    parser.add_argument("--val", type=int, default=400, help="validation images (400)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all chance (0)")
    parser.add_argument("--root", type=Path, help="folder to write (default: in the cache)")
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument(
        "--contact-sheet", type=Path, metavar="FILE.png", help="also draw some pictures, annotated"
    )
    given = parser.parse_args(arguments)
    try:
        root = write_people(given.root, given.train, given.val, given.seed, given.workers)
        print(f"The set is complete: {root}")
        if given.contact_sheet:
            sheet = annotated_sheet(root, "val" if given.val else "train")
            if not cv2.imwrite(str(given.contact_sheet), sheet):
                raise OSError(f"{given.contact_sheet} can't be written; give another PNG file.")
            print(f"Contact sheet: {given.contact_sheet}")
    except (ValueError, OSError, cv2.error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was kept.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

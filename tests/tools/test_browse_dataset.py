"""A sheet of samples, drawn as a user draws it."""

import cv2

CONFIG = "configs/pose/hrnet_bsam.py"
OPTIONS = ["people.train=48", "people.val=12"]


def test_sheet_of_built_in_people(tool, tmp_path):
    done = tool("browse_dataset", CONFIG, "--number", 6, options=OPTIONS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-2] == "Samples: work_dirs/browse/hrnet_bsam_train.png"
    # Two rows of four: inputs of 96x128 at 256 rows beside their heatmaps, and a line of text.
    sheet = cv2.imread(str(tmp_path / "work_dirs/browse/hrnet_bsam_train.png"))
    assert sheet.shape == (2 * (256 + 16 + 4) + 4, 4 * (2 * 192 + 4) + 4, 3)

    (tmp_path / "mine.png").touch()
    refused = tool("browse_dataset", CONFIG, "--out", "mine.png", options=OPTIONS)
    assert refused.returncode == 1 and "--out mine.png exists: remove it" in refused.stderr

"""The kinds of findings in a keypoint data set, and their remedies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        meaning: what is wrong.
        remedy: what the user does about it.
        allowed: up to this share of the checked entries, findings are only a warning. COCO itself
            has a few of some kinds; many of them show a mistake in all entries.
        stops: whether training is stopped, because it would crash or give wrong results without an
            error. With other kinds it works, or ignores the entry.
    """

    meaning: str
    remedy: str
    allowed: float = 0.0
    stops: bool = False


FEW = 0.01

KINDS = {
    # files
    "missing_annotations": Kind(
        "no annotation file",
        "put COCO's file there, or your own in its format",
        stops=True,
    ),
    "unreadable_annotations": Kind(
        "the annotation file is not JSON, or not COCO's",
        "get or write the file again",
        stops=True,
    ),
    "missing_folder": Kind("no folder of images", "put COCO's there, or your own", stops=True),
    "missing_image": Kind(
        "the file of a listed image does not exist",
        "unpack the images again, or remove them from the annotation file",
        stops=True,
    ),
    "unreadable_image": Kind("cannot be decoded, or is truncated", "get the file again"),
    "image_size": Kind(
        "the image's size is not that in the annotation file",
        "write width and height of the upright image (after EXIF rotation), or get the right file",
    ),
    "image_in_train_and_val": Kind(
        "the same file is in train and val: the validation metric is too good",
        "remove the image from one of them",
        FEW,
    ),
    # splits and categories
    "no_images": Kind(
        "the split lists no images", "add its images to the annotation file", stops=True
    ),
    "keypoint_names": Kind(
        "a category without keypoint names", "list them under 'keypoints' of the category"
    ),
    "other_keypoints": Kind(
        "the keypoints are not COCO's 17 in COCO's order",
        "none: the configs on COCO follow the category; do left and right have names that pair?",
        1.0,
    ),
    # entries
    "broken_entry": Kind(
        "a field of an entry is missing or has the wrong type",
        "write the field as in COCO; if keypoints are missing, use the person_keypoints_* files",
        stops=True,
    ),
    "duplicate_image_id": Kind(
        "several images have this id", "give each image its own id", stops=True
    ),
    "duplicate_file": Kind("several images have this file", "list each file once"),
    "duplicate_annotation_id": Kind(
        "several annotations have this id",
        "give each annotation its own id",
        stops=True,
    ),
    "unknown_image": Kind(
        "annotation of an image that is not listed", "list the image, or drop the annotation"
    ),
    "unknown_category": Kind(
        "annotation of a category that is not listed",
        "list the category, or correct category_id",
        stops=True,
    ),
    # keypoints and boxes
    "keypoint_number": Kind(
        "not three numbers for each keypoint of the category",
        "write x, y, visibility for each",
        stops=True,
    ),
    "mixed_keypoints": Kind(
        "categories with different keypoints: a network has one set of them",
        "keep the annotations of one of them",
        stops=True,
    ),
    "not_finite": Kind(
        "NaN or infinity in a box or in keypoints", "write 0, 0, 0 for no label", stops=True
    ),
    "visibility": Kind(
        "a visibility that is not 0, 1 or 2",
        "0 for no label, 1 for hidden, 2 for visible",
        stops=True,
    ),
    "num_keypoints": Kind(
        "num_keypoints is not the number of keypoints with visibility above 0",
        "count them again: training ignores persons with 0",
    ),
    "area": Kind(
        "the person's area is missing (nan) or not above 0: evaluation needs it",
        "write square pixels, or set use_area=False in val_evaluator and test_evaluator, which "
        "uses 0.53 of the box's area",
        stops=True,
    ),
    "box_without_area": Kind(
        "width or height of the box is not positive: training ignores the person",
        "write boxes as x, y, width, height",
    ),
    "box_outside": Kind(
        "the whole box is outside the image: training ignores the person",
        "write boxes as x, y, width, height in pixels of the image",
    ),
    "box_over_edge": Kind(
        "the box extends beyond the image: training clips it",
        "if there are more than a few: boxes are x, y, width, height, not corners",
        FEW,
    ),
    "keypoint_outside_image": Kind(
        "a labelled keypoint is outside the image",
        "if there are more than a few: keypoints are x, y in pixels of the image",
        FEW,
    ),
    "keypoint_outside_box": Kind(
        "a labelled keypoint is outside the box, as in COCO for one person in four",
        "none for a few; if it is most persons: boxes are x, y, width, height; keypoints x, y",
        0.5,
    ),
    "keypoints_off_box": Kind(
        "most of the labelled keypoints are far outside the box",
        "if there are more than a few: x and y, or the boxes of persons, may be swapped",
        FEW,
    ),
    # consequences
    "no_persons": Kind(
        "the split has no person for training or evaluation",
        "use the person_keypoints_* files; a person has labelled keypoints, num_keypoints above 0, "
        "a box in the image and no iscrowd",
        stops=True,
    ),
}
"""Every kind by name, in the order of the report."""

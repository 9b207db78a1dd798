"""What can be wrong with a keypoint set, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        meaning: what is wrong.
        remedy: what the user does about it.
        allowed: share of what was looked at up to which findings are a mere warning. COCO itself
            has a few of some kinds; more of them are the mark of a mistake that was made to all.
        stops: whether training is refused, which would crash, or go wrong without a word. With
            other kinds it goes well or leaves the entry out.
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
        "put COCO's, or one that you write in its format, there",
        stops=True,
    ),
    "unreadable_annotations": Kind(
        "the annotation file is not JSON, or not COCO's",
        "get or write the file again",
        stops=True,
    ),
    "missing_folder": Kind("no folder of images", "put COCO's, or your own, there", stops=True),
    "missing_image": Kind(
        "listed, but there is no such file",
        "unpack the images again, or take them out of the annotation file",
        stops=True,
    ),
    "unreadable_image": Kind("cannot be decoded, or is cut short", "get the file again"),
    "image_size": Kind(
        "the picture's size is not that of the annotation file",
        "write width and height of the upright picture (EXIF turned), or get the right file",
    ),
    "image_in_train_and_val": Kind(
        "the same bytes are in train and val: validation tells too good a metric",
        "take the image out of one of them",
        FEW,
    ),
    # splits and categories
    "no_images": Kind(
        "the split lists no images", "write its images to the annotation file", stops=True
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
        "an entry lacks a field, or has one of another type",
        "write the field as COCO has it; where keypoints are lacking, use the person_keypoints_* "
        "files",
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
        "count them again: persons with 0 are left out of training",
    ),
    "area": Kind(
        "the person's area is missing (nan) or not above 0: evaluation needs it",
        "write square pixels, or evaluate with use_area=False in val_evaluator and test_evaluator, "
        "which takes 0.53 of the box",
        stops=True,
    ),
    "box_without_area": Kind(
        "width or height of the box is not positive: training passes over the person",
        "write boxes as x, y, width, height",
    ),
    "box_outside": Kind(
        "the whole box is outside of the image: training passes over the person",
        "write boxes as x, y, width, height in pixels of the image",
    ),
    "box_over_edge": Kind(
        "the box reaches over the image's edge: training cuts it there",
        "where it is more than a few: boxes are x, y, width, height, not corners",
        FEW,
    ),
    "keypoint_outside_image": Kind(
        "a labelled keypoint is outside of the image",
        "where it is more than a few: keypoints are x, y in pixels of the image",
        FEW,
    ),
    "keypoint_outside_box": Kind(
        "a labelled keypoint is outside of the box, as in COCO for one person in four",
        "none for these; where it is most persons: boxes are x, y, width, height; keypoints x, y",
        0.5,
    ),
    "keypoints_off_box": Kind(
        "most of the labelled keypoints are far outside of the box",
        "where it is more than a few: look for x and y or boxes and persons mixed up",
        FEW,
    ),
    # what may follow from all of these
    "no_persons": Kind(
        "nobody in the split to train on or to evaluate",
        "use the person_keypoints_* files; a person has labelled keypoints, num_keypoints above 0, "
        "a box in the image and no iscrowd",
        stops=True,
    ),
}
"""Every kind by name, in the order in which they are told."""

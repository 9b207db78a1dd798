"""The command behind ``tools/eval_pose.py``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError, listed
from bsam_suite.html_report import write_report
from bsam_suite.shell import tool
from tasks.pose.category import category_skeleton, check_same, keypoint_category
from tasks.pose.category_ids import keypoint_categories, of_categories
from tasks.pose.coco_files import read_annotations, read_results
from tasks.pose.evaluate.ap import average_precision, check_backend
from tasks.pose.evaluate.keypoints import score_keypoints
from tasks.pose.evaluate.nms import check_threshold, oks_nms
from tasks.pose.evaluate.page import page
from tasks.pose.evaluate.report import draw, print_report, save
from tasks.pose.metainfo import dataset_info_skeleton, full_dataset_info
from tasks.pose.skeleton import PERSON, Skeleton


def evaluate(args: Namespace) -> None:
    """Compare results with annotations; print tables and write a JSON file, a plot and a page.

    Raises:
        InputError: an argument cannot be used; nothing has been written.
    """
    check_backend(args.backend)
    if args.oks_nms is not None:
        check_threshold(args.oks_nms)
    folder = choose_out_dir(args.out, Path(args.results).parent / "evaluation")
    skeleton = _keypoints(args, read_annotations(args.annotations)["categories"])
    count = len(skeleton.names)
    truth = read_annotations(args.annotations, "keypoints", "bbox", "area", keypoints=count)
    images = [image["id"] for image in truth["images"]]
    every = read_results(args.results, images, "keypoints", count)
    unlisted = {a["category_id"] for a in truth["annotations"]}
    unlisted -= {category["id"] for category in truth["categories"]}
    if unlisted:  # COCO's evaluation would ignore them without an error
        raise InputError(
            f"{args.annotations} has annotations of category_id {listed(sorted(unlisted), 10)}, "
            "which is not among its categories: list it there"
        )
    categories = keypoint_categories(truth, args.annotations)
    found = of_categories(every, categories, args.results)
    if skeleton != PERSON:
        print(f"{skeleton}: {skeleton.describe_sigmas()} (others: --sigmas)")
    if len(found) < len(every):
        print(f"{len(every) - len(found)} results of other categories are ignored")
    if args.oks_nms is not None:
        every, found = found, oks_nms(found, args.oks_nms, skeleton.sigmas)
        print(f"OKS-NMS keeps {len(found)} of {len(every)} results")
    if silent := sum(not any(s > 0 for s in r["keypoints"][2::3]) for r in found):
        print(f"{silent} results have no keypoint with a score above 0: AP ignores them")
    metrics = average_precision(truth, found, args.backend, skeleton.sigmas)
    scores = score_keypoints(truth, found, skeleton)
    print_report(metrics, scores)
    folder.mkdir(parents=True, exist_ok=True)
    about = {k: str(v) for k, v in vars(args).items() if k != "out"}
    about = dict(about, oks_nms=args.oks_nms, sigmas=list(skeleton.sigmas))
    print(f"Results: {save(metrics, scores, about, folder)}")
    print(f"Plot: {draw(metrics, scores, folder)}")
    print(write_report(page(metrics, scores, about), folder / "evaluation.html"))
    print(f"Next: look at keypoints that score low: {tool('browse_dataset')} CONFIG")


def _keypoints(args: Namespace, categories: list[dict]) -> Skeleton:
    """The keypoints in the annotation file, changed by the options."""
    file = str(args.annotations)
    category = keypoint_category(categories, file)
    data = category_skeleton(category, file) if category else PERSON
    given = dict(from_file=args.metainfo) if args.metainfo else {}
    given |= dict(sigmas=args.sigmas) if args.sigmas else {}
    if not given:
        return data
    where = "--metainfo and --sigmas"
    skeleton = dataset_info_skeleton(full_dataset_info(given, data, where), where)
    if category:
        check_same(data, file, skeleton, where)
    return skeleton

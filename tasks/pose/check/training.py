"""Checks of the data sets in a config before training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config, ConfigDict

from bsam_suite.errors import InputError
from bsam_suite.quiet import tell
from bsam_suite.shell import near, tool
from tasks.pose.check.findings import Finding, Findings
from tasks.pose.check.kinds import KINDS
from tasks.pose.check.layout import Split, require_root
from tasks.pose.check.split import check_split
from tasks.pose.coco_files import read_images

SHOWN = 3
"""Examples of each kind in a message."""


def check_splits(cfg: Config) -> dict[Path, list]:
    """Check the annotation files of training, validation and test, and that the images exist.

    Faults that do not stop the training are printed in one line.

    Returns:
        The categories of each annotation file.

    Raises:
        InputError: training would crash or give wrong results; all reasons in one line.
    """
    splits = {split_of(dataset): False for dataset in _datasets(cfg.get("train_dataloader"))}
    for loader, dataset in evaluated(cfg):
        split = split_of(dataset)
        splits[split] = splits.get(split, False) or _needs_area(_evaluators(cfg, loader))
    stopping, others, categories = [], [], {}
    for split, needs_area in splits.items():
        require_root(split.root)
        findings = Findings()
        contents = check_split(split, findings)
        if contents is not None:
            categories[split.annotations] = contents.categories
        for finding in findings.all():
            stops = KINDS[finding.kind].stops and (finding.kind != "area" or needs_area)
            if stops:
                stopping.append(f"{split.annotations}: {_text(finding)}")
            elif finding.is_fault and finding.kind != "area":
                meaning = KINDS[finding.kind].meaning
                others.append(
                    f"{finding.count} x {finding.kind} in {split.annotations} ({meaning})"
                )
    roots = dict.fromkeys(s.root for s in splits if s == Split.named(s.root, s.name))
    report = "".join(f"; for details: {tool('check_dataset')} {near(root)}" for root in roots)
    if stopping:
        raise InputError("; ".join(stopping) + report)
    _check_evaluators(cfg)
    if others:
        tell(f"WARNING: the data has {', '.join(others)}{report}")
    return categories


def evaluated(cfg: Config) -> Iterator[tuple[str, ConfigDict]]:
    """The data sets of validation and test, each with the name of its loader."""
    for loader in ("val_dataloader", "test_dataloader"):
        for dataset in _datasets(cfg.get(loader)):
            yield loader, dataset


def split_of(dataset: ConfigDict) -> Split:
    """The files of a data set, joined as in MMEngine's ``BaseDataset``."""
    root = Path(dataset.get("data_root") or "")
    images = (dataset.get("data_prefix") or {}).get("img") or ""
    return Split(root, root / dataset.ann_file, root / images)


def _datasets(config: ConfigDict | None) -> Iterator[ConfigDict]:
    """The data sets with an annotation file, also inside MMEngine's and MMPose's wrappers."""
    if not config:
        return
    if config.get("ann_file"):
        yield config
    for inner in [config.get("dataset"), *config.get("datasets", [])]:
        yield from _datasets(inner)


def _evaluators(cfg: Config, loader: str) -> list[ConfigDict]:
    given = cfg.get(loader.replace("dataloader", "evaluator")) or []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _needs_area(evaluators: list[ConfigDict]) -> bool:
    """Whether OKS is computed with the annotated area."""
    return any(e.get("type") == "CocoMetric" and e.get("use_area", True) for e in evaluators)


def _check_evaluators(cfg: Config) -> None:
    """Check that predictions are compared with annotations of the same images."""
    for loader, dataset in evaluated(cfg):
        own = split_of(dataset).annotations
        for evaluator in _evaluators(cfg, loader):
            file = evaluator.get("ann_file")
            if not file or Path(file).resolve() == own.resolve():
                continue
            known = {image["id"] for image in read_images(file)}
            missing = [image["id"] for image in read_images(own) if image["id"] not in known]
            if missing:
                name = loader.replace("dataloader", "evaluator")
                raise InputError(
                    f"{name}.ann_file={file} does not have {len(missing)} images of {loader}."
                    f"dataset.ann_file={own}, such as {missing[0]}: give both the same file"
                )


def _text(finding: Finding) -> str:
    kind = KINDS[finding.kind]
    places = "; ".join(map(str, finding.examples[:SHOWN]))
    more = "; ..." if finding.count > SHOWN else ""
    return f"{finding.count} x {finding.kind}: {kind.meaning} ({places}{more}): {kind.remedy}"

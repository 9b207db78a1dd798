"""Masks of images, by a trained network."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device

import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
from bsam_suite.engine.trained import load_trained
from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError
from bsam_suite.pictures.contact_sheet import resized
from bsam_suite.pictures.drawing import Drawing
from bsam_suite.pictures.sources import open_inputs
from bsam_suite.progress import progress_bar
from bsam_suite.quiet import tell
from bsam_suite.shell import next_command
from tasks.segmentation.draw import draw_mask

LOADING = ("LoadImageFromFile", "LoadAnnotations")
"""Steps of a pipeline that need files; the image is given, and there is no truth."""


def predict(args: Namespace) -> None:
    """Write masks, images with the masks drawn on them, and contact sheets.

    Raises:
        InputError: an argument cannot be used; nothing has been written.
    """
    source = open_inputs(args.inputs)
    name = args.inputs[0].resolve().stem if len(args.inputs) == 1 else "images"
    folder = choose_out_dir(args.out, Path("work_dirs/predict") / name)
    cfg, model = load_trained(args.config, args.checkpoint, args.cfg_options)
    masks = Masks(cfg, model)
    folder.mkdir(parents=True, exist_ok=True)
    drawing = Drawing(source, folder)
    with progress_bar() as bar:
        for picture in bar.track(source, total=len(source), description="finding masks"):
            mask = masks(picture.image)
            file = (folder / "masks" / picture.name).with_suffix(".png")
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), mask)
            drawing.add(picture, partial(_draw, mask=mask, palette=masks.palette))
    drawing.close()
    tell(f"Masks, numbers of classes from 0 ({', '.join(masks.classes)}): {folder / 'masks'}")
    tell(f"Drawn images: {drawing.path}")
    tell(f"Contact sheet: {', '.join(map(str, drawing.sheets))}")
    tell(next_command("export_onnx", args, args.checkpoint, "--out", "masks.onnx"))


class Masks:
    """A network with the pipeline of its config's test.

    Attributes:
        classes: their names.
        palette: their RGB colours, 0 to 255.

    Raises:
        InputError: the config is not that of a segmentation model.
    """

    def __init__(self, cfg: Config, model: torch.nn.Module) -> None:
        from mmseg.datasets import BaseSegDataset
        from mmseg.registry import DATASETS

        dataset = (cfg.get("test_dataloader") or {}).get("dataset") or {}
        kind = DATASETS.get(dataset.get("type", ""))
        known = {**getattr(kind, "METAINFO", {}), **(dataset.get("metainfo") or {})}
        if not known.get("classes"):
            raise InputError(
                f"{cfg.filename} does not tell the classes of its test data: give the config of a "
                "segmentation model, with the data_root that it was trained on"
            )
        metainfo = BaseSegDataset(metainfo=known, lazy_init=True).metainfo  # with colours
        self.classes, self.palette = metainfo["classes"], metainfo["palette"]
        self._model = model.to(get_device()).eval()
        self._pipeline = Compose([s for s in dataset.pipeline if s["type"] not in LOADING])

    @torch.no_grad()
    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The (H, W) uint8 class of each pixel of an image, (H, W, 3) uint8 BGR."""
        shape = image.shape[:2]
        info = dict(img=image, img_shape=shape, ori_shape=shape, seg_fields=[])
        (sample,) = self._model.test_step(pseudo_collate([self._pipeline(info)]))
        return sample.pred_sem_seg.data.squeeze().cpu().numpy().astype(np.uint8)


def _draw(
    image: np.ndarray, scale: float, mask: np.ndarray, palette: Sequence[Sequence[int]]
) -> np.ndarray:
    small = resized(image, scale)
    size = small.shape[1], small.shape[0]
    return draw_mask(small, cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), palette)

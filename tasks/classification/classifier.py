"""A classifier: a network with a cross-entropy loss."""

from __future__ import annotations

import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from bsam_suite.errors import InputError
from tasks.classification.transfer import load_all_but_head


@MODELS.register_module()
class ImageClassifier(BaseModel):
    """Any network from images to logits, trained by cross entropy.

    Label smoothing: C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
    arXiv 1512.00567.

    Args:
        net: config of a network in ``MODELS`` that takes ``num_classes``.
        num_classes: number of classes.
        data_preprocessor: config of the data preprocessor.
        label_smoothing: share of the target that is spread evenly over all classes, 0 to 1.
        transfer_from: file with the initial weights, of the same network for other classes; the
            head starts from random weights. See ``load_all_but_head``.
        compile: run the network under ``torch.compile``; a dict has its arguments.

    Raises:
        InputError: ``num_classes`` is None, or ``label_smoothing`` is not between 0 and 1.
    """

    def __init__(
        self,
        net: dict,
        num_classes: int,
        data_preprocessor: dict | None = None,
        label_smoothing: float = 0.0,
        transfer_from: str | None = None,
        compile: bool | dict = False,
    ) -> None:
        super().__init__(data_preprocessor)
        if num_classes is None:
            raise InputError(
                "model.num_classes is not set, and there is no folder of images to count: give "
                "--cfg-options data_root=DIR with train/CLASS/, or model.num_classes=N"
            )
        if not 0 <= label_smoothing <= 1:
            raise InputError(
                f"model.label_smoothing={label_smoothing}: give a share from 0 to 1, such as 0.1"
            )
        self.net = MODELS.build({**net, "num_classes": num_classes})
        # The order in which convolutions run fastest; results differ by rounding only.
        self.net.to(memory_format=torch.channels_last)
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.transfer_from = transfer_from
        self.compile_net = compile
        self._compile()

    def __setstate__(self, state: dict) -> None:
        """Compile copies too, such as a quantized one or one of averaged weights."""
        super().__setstate__(state)
        self._compile()

    def _compile(self) -> None:
        if self.compile_net:
            self.net.compile(**(self.compile_net if isinstance(self.compile_net, dict) else {}))

    def init_weights(self) -> None:
        """Load ``transfer_from``. The networks' constructors have initialized all other weights."""
        if self.transfer_from:
            load_all_but_head(self.net, self.num_classes, self.transfer_from)

    def forward(self, inputs: Tensor, labels: Tensor | None = None, mode: str = "tensor"):
        """Logits, losses or predictions.

        Args:
            inputs: (N, 3, H, W) normalized images.
            labels: (N,) indices of classes.
            mode: ``"tensor"``, ``"loss"`` or ``"predict"``.

        Returns:
            (N, num_classes) logits; or a dict with ``loss_ce`` in nats; or for each image a dict
            with ``scores``, (num_classes,) probabilities on the CPU, and the ``label``.
        """
        logits = self.net(inputs)
        if mode == "loss":
            loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
            return dict(loss_ce=loss)
        if mode == "predict":
            scores = logits.float().softmax(1).cpu()
            return [dict(scores=s, label=y) for s, y in zip(scores, labels.tolist())]
        return logits

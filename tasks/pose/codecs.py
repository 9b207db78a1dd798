"""Keypoints to heatmaps and back."""

from __future__ import annotations

import numpy as np
from mmpose.codecs import UDPHeatmap
from mmpose.registry import KEYPOINT_CODECS


@KEYPOINT_CODECS.register_module()
class ExactUDPHeatmap(UDPHeatmap):
    """UDP heatmaps whose decoding inverts the encoding for every ``sigma``.

    In MMPose 1.3.2's ``UDPHeatmap``, the encoder is right only if ``3 * sigma`` is a whole number
    (with a ``sigma`` of 0.8 each Gaussian is shifted by one cell). Its decoder multiplies
    coordinates by ``input_size / (input_size - 1)``: an error of up to one pixel, which matters for
    an input of 128x96.

    J. Huang et al., "The Devil is in the Details: Delving into Unbiased Data Processing for Human
    Pose Estimation", arXiv 1911.07524.

    Args:
        input_size: (width, height) of the network's input in pixels.
        heatmap_size: (width, height) of the heatmaps in cells.
        sigma: standard deviation of the Gaussians in cells.
        blur_kernel_size: odd size in cells of the blur before the peak is refined.
    """

    def __init__(self, input_size, heatmap_size, sigma: float, blur_kernel_size: int) -> None:
        super().__init__(input_size, heatmap_size, sigma=sigma, blur_kernel_size=blur_kernel_size)

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Draw the Gaussians of one person.

        Args:
            keypoints: (1, K, 2) x, y in pixels of the input.
            keypoints_visible: (1, K), 0 where there is no label.

        Returns:
            ``heatmaps`` (K, H, W) with peaks of 1 and ``keypoint_weights`` (1, K), also 0 for
            points outside the input.
        """
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], np.float32)
        cells = (keypoints[0] / self.scale_factor).astype(np.float32)
        inside = ((cells > -0.5) & (cells < np.array(self.heatmap_size) - 0.5)).all(1)
        weights = np.where(inside, keypoints_visible, 0).astype(np.float32)
        across, down = (
            np.exp(-((np.arange(size, dtype=np.float32) - at) ** 2) / (2 * self.sigma**2))
            for size, at in zip(self.heatmap_size, (cells[:, :1], cells[:, 1:]))
        )
        heatmaps = down[:, :, None] * across[:, None, :] * (weights[0] > 0)[:, None, None]
        return dict(heatmaps=heatmaps.astype(np.float32), keypoint_weights=weights)

    def decode(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the peaks of heatmaps (K, H, W).

        Returns:
            (1, K, 2) x, y in pixels of the input, and (1, K) heights of the peaks.
        """
        keypoints, scores = super().decode(encoded)
        size = np.array(self.input_size)
        return keypoints * (size - 1) / size, scores

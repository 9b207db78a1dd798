"""Pinhole camera.

World axes are right-handed with y up and the floor at y = 0. A camera without yaw looks along
+z, and then +x is on its left. Camera axes follow OpenCV: x right, y down, z forward. Pixel
centres have integer coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .rotation import about_x, about_z

_LOOK_AHEAD = np.diag([-1.0, -1.0, 1.0])  # world axes to camera axes, without pitch and roll


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera that looks along +z, tilted by ``pitch`` and ``roll``.

    Args:
        width, height: Image size in pixels.
        focal: Focal length in pixels.
        position: (3,) optical centre in metres.
        pitch: Angle below the horizon in radians; positive looks down.
        roll: Rotation about the optical axis in radians.

    Raises:
        ValueError: If an image side or the focal length isn't positive.
    """

    width: int
    height: int
    focal: float
    position: np.ndarray
    pitch: float = 0.0
    roll: float = 0.0
    rotation: np.ndarray = field(init=False, repr=False)
    """(3, 3) matrix from world axes to camera axes."""

    def __post_init__(self) -> None:
        for name in ("width", "height", "focal"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"Camera {name} is {getattr(self, name)}; give a positive number of pixels."
                )
        turn = about_z(self.roll) @ about_x(self.pitch) @ _LOOK_AHEAD
        object.__setattr__(self, "rotation", turn)

    @property
    def centre(self) -> tuple[float, float]:
        """Principal point (x, y) in pixels."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project world points.

        Args:
            points: (..., 3) in metres.

        Returns:
            (..., 2) pixels and (...,) depth along the optical axis in metres. The pixels of a
            point behind the camera (depth <= 0) mean nothing.
        """
        local = (np.asarray(points, float) - self.position) @ self.rotation.T
        depth = local[..., 2]
        safe = np.where(depth > 1e-6, depth, 1e-6)
        pixels = self.focal * local[..., :2] / safe[..., None] + np.array(self.centre)
        return pixels, depth

    @cached_property
    def rays(self) -> np.ndarray:
        """The (3, height, width) float32 unit world directions through all pixels, read-only."""
        cx, cy = self.centre
        x = ((np.arange(self.width) - cx) / self.focal)[None, :]
        y = ((np.arange(self.height) - cy) / self.focal)[:, None]
        r = self.rotation
        world = np.stack([r[0, i] * x + r[1, i] * y + r[2, i] for i in range(3)])
        world = (world / np.sqrt(1 + x * x + y * y)).astype(np.float32)
        world.flags.writeable = False
        return world

    def window(self, centres: np.ndarray, radii: np.ndarray) -> tuple[int, int, int, int]:
        """Return pixel bounds that hold all of some balls.

        Args:
            centres: (N, 3) in metres, world axes.
            radii: (N,) in metres.

        Returns:
            ``(x0, y0, x1, y1)``, half-open and clipped to the image; empty if nothing is seen.
        """
        local = (np.asarray(centres, float) - self.position) @ self.rotation.T
        radii = np.asarray(radii, float)[:, None]
        near = np.maximum(local[:, 2:] - radii, 0.02)
        far = np.maximum(local[:, 2:] + radii, 0.02)
        # The cube around a ball projects to bounds of the ball, whatever its sign of x and y.
        low, high = local[:, :2] - radii, local[:, :2] + radii
        low = np.minimum(low / near, low / far).min(0) * self.focal + self.centre
        high = np.maximum(high / near, high / far).max(0) * self.focal + self.centre
        if (far <= 0.02).all():
            return 0, 0, 0, 0
        x0, y0 = np.clip(np.floor(low), 0, (self.width, self.height)).astype(int)
        x1, y1 = np.clip(np.ceil(high) + 1, 0, (self.width, self.height)).astype(int)
        return int(x0), int(y0), int(x1), int(y1)

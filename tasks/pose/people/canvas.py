"""An image with a depth buffer, and an owner and a part of a person for every pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .camera import Camera
from .shapes import Surface

Paint = Callable[[Surface], np.ndarray]
"""Gives the (3, N) BGR colours (0 to 255) of a surface's points."""

OBJECT = -1


def plain(colour) -> Paint:
    """Return a paint of one BGR colour (3,)."""
    column = np.asarray(colour, np.float32)[:, None]
    return lambda surface: np.broadcast_to(column, (3, surface.along.size))


class Canvas:
    """The picture of a scene while it is drawn.

    Args:
        camera: The camera that sees the scene.
        picture: (H, W, 3) BGR background, 0 to 255; drawn upon in a float32 copy.
        light: (3,) unit direction towards the light, world axes.
        ambient: Share of the light that reaches every surface, 0 to 1.

    Attributes:
        picture: (H, W, 3) float32 BGR colours.
        depth: (H, W) float32 distance to what is seen in metres; infinite for the background.
        owner: (H, W) int16: a person's number (1, 2, ...), ``OBJECT``, or 0.
        part: (H, W) uint8: a place in ``parts.PARTS``; 0 where nobody is.
    """

    def __init__(self, camera: Camera, picture, light=(0.3, 0.8, -0.5), ambient=0.55) -> None:
        self.camera = camera
        self.picture = np.array(picture, np.float32)
        shape = self.picture.shape[:2]
        if shape != (camera.height, camera.width):
            raise ValueError(
                f"The background is {shape[1]}x{shape[0]} pixels, the camera "
                f"{camera.width}x{camera.height}; make both the same."
            )
        self.depth = np.full(shape, np.inf, np.float32)
        self.owner = np.zeros(shape, np.int16)
        self.part = np.zeros(shape, np.uint8)
        light = np.asarray(light, np.float32)
        self._light = light / np.sqrt((light * light).sum())
        self._ambient = ambient
        self._rays = camera.rays

    def draw(self, solid, paint: Paint, owner: int = OBJECT, part: int = 0, keep=None) -> None:
        """Draw a solid where it is nearer than what is there.

        Args:
            solid: A ``Capsule`` or a ``Box``.
            paint: Its colours.
            owner: A person's number or ``OBJECT``.
            part: Which part of the person it is; 0 for objects.
            keep: Optional function of a ``Surface`` to (N,) bool: the points that are there;
                elsewhere the solid has holes.
        """
        x0, y0, x1, y1 = self.camera.window(*solid.balls())
        if x0 >= x1 or y0 >= y1:
            return
        eye = self.camera.position
        rays = self._rays[:, y0:y1, x0:x1]
        depth = solid.cast(eye, rays)
        rows, columns = np.nonzero(depth < self.depth[y0:y1, x0:x1])
        if not rows.size:
            return
        t, d = depth[rows, columns].astype(np.float32), rays[:, rows, columns]
        surface = solid.surface(eye, d, t)
        rows, columns = rows + y0, columns + x0
        colours = paint(surface)
        if keep is not None:
            kept = keep(surface)
            rows, columns, t, colours = rows[kept], columns[kept], t[kept], colours[:, kept]
            surface = Surface(*(part[..., kept] for part in surface))
        light = self._light
        n = surface.normal
        shade = np.maximum(n[0] * light[0] + n[1] * light[1] + n[2] * light[2], 0)
        shade = self._ambient + (1.1 - self._ambient) * shade
        self.picture[rows, columns] = (colours * shade).T
        self.depth[rows, columns] = t
        self.owner[rows, columns] = owner
        self.part[rows, columns] = part

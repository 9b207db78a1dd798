"""The keypoints of a data set: names, skeleton, flip pairs and sigmas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.pose.coco import FLIP_PAIRS, KEYPOINTS, LOWER, SIGMAS, SKELETON

SIGMA = 0.05
"""Sigma of a keypoint if neither the user nor COCO has one."""

# left and right, and single letters l and r: left_eye, L_Eye, eye.r, LEye, EyeR
_SIDE = re.compile(
    r"(?i:left|right)|(?<![A-Za-z])[lrLR](?![A-Za-z])"
    r"|(?<![A-Za-z])[LR](?=[A-Z][a-z])|(?<=[a-z])[LR](?![A-Za-z])"
)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def side_of(name: str) -> str | None:
    """The side in a keypoint's name, ``"left"`` or ``"right"``, or None."""
    found = _SIDE.search(name)
    return None if found is None else "left" if found[0][0] in "lL" else "right"


def mirrored(name: str) -> str:
    """A keypoint's name with the other side: ``right_eye`` for ``left_eye``."""

    def other(found: re.Match) -> str:
        word, here = _OTHER[found[0].lower()], found[0]
        return word.upper() if here.isupper() else word.title() if here[0].isupper() else word

    return _SIDE.sub(other, name)


@dataclass(frozen=True)
class Skeleton:
    """The K keypoints of a data set.

    Attributes:
        names: in the order of the annotation files.
        links: pairs of indices (from 0) that are connected by a line.
        flip_indices: (K,), for each keypoint the one that takes its place in a mirrored image.
        sigmas: (K,), the OKS constant of each: standard deviation of human labels, relative to the
            root of the object's area (https://cocodataset.org/#keypoints-eval).
        name: of the object.
    """

    names: tuple[str, ...]
    links: tuple[tuple[int, int], ...]
    flip_indices: tuple[int, ...]
    sigmas: tuple[float, ...]
    name: str = "person"

    def __str__(self) -> str:
        number = len(self.names)
        return f"{number} keypoint{'s' * (number > 1)} ({_listed(self.names)})"

    def describe_flips(self) -> str:
        """Which keypoints are swapped in a mirrored image, in a few words."""
        pairs = [f"{self.names[i]} and {self.names[j]}" for i, j in self.flip_pairs]
        if not pairs:
            return "No names contain left and right: a mirrored image swaps none of them"
        return f"A mirrored image swaps {_listed(pairs)}"

    def describe_sigmas(self) -> str:
        """The sigmas in a few words."""
        if len(set(self.sigmas)) == 1:
            return f"a sigma of {self.sigmas[0]:g}"
        return f"sigmas of {_listed([f'{sigma:g}' for sigma in self.sigmas])}"

    @property
    def flip_pairs(self) -> list[tuple[int, int]]:
        """Pairs of indices that are swapped in a mirrored image."""
        return [(i, j) for i, j in enumerate(self.flip_indices) if i < j]

    def category(self) -> dict:
        """An entry of a COCO file's ``categories``."""
        return dict(
            supercategory=self.name,
            id=1,
            name=self.name,
            keypoints=list(self.names),
            skeleton=[[a + 1, b + 1] for a, b in self.links],
        )

    def metainfo(self) -> dict:
        """MMPose's ``dataset_info``, without fields that have a default.

        It is short, because MMEngine formats it for each checkpoint, which is slow.
        """
        names = self.names
        halves = {plain_name(n): ("upper", "lower")[i in LOWER] for i, n in enumerate(KEYPOINTS)}
        info = {i: dict(name=name) for i, name in enumerate(names)}
        for i, j in enumerate(self.flip_indices):
            info[i] |= dict(swap=names[j]) if i != j else {}
            half = halves.get(plain_name(names[i]))
            info[i] |= dict(type=half) if half else {}
        return dict(
            dataset_name=self.name,
            keypoint_info=info,
            skeleton_info=dict(enumerate(dict(link=(names[a], names[b])) for a, b in self.links)),
            joint_weights=[1.0] * len(names),
            sigmas=list(self.sigmas),
        )


def _listed(words: Sequence[str]) -> str:
    """All of them, or the first 21, in one line."""
    return " ".join(", ".join([*words[:21], *["..."] * (len(words) > 21)]).split())


PERSON = Skeleton(
    KEYPOINTS,
    SKELETON,
    tuple({**dict(FLIP_PAIRS), **{j: i for i, j in FLIP_PAIRS}}.get(i, i) for i in range(17)),
    SIGMAS,
)
"""COCO's person."""


def unnamed_skeleton(count: int) -> Skeleton:
    """Keypoints without names."""
    names = tuple(f"keypoint {i}" for i in range(count))
    return Skeleton(names, (), tuple(range(count)), default_sigmas(names))


def default_sigmas(names: Iterable[str]) -> tuple[float, ...]:
    """COCO's sigma for keypoints with a name of COCO's, :data:`SIGMA` for others."""
    known = dict(zip(map(plain_name, KEYPOINTS), SIGMAS))
    return tuple(known.get(plain_name(name), SIGMA) for name in names)


def plain_name(name: str) -> str:
    """A name without case, spaces and punctuation: the same for ``Left Eye`` and ``left_eye``."""
    return re.sub(r"[\W_]", "", name).lower()


def same_names(one: Skeleton, other: Skeleton) -> bool:
    """Whether they are the same keypoints in the same order."""
    return [*map(plain_name, one.names)] == [*map(plain_name, other.names)]

"""Findings, counted by kind and split."""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.pose.check.kinds import KINDS
from tasks.pose.skeleton import PERSON, Skeleton

EXAMPLES = 100


@dataclass(frozen=True)
class Example:
    """One place where something was found.

    Attributes:
        message: what was found, such as ``3 of left_knee``.
        file: image file, annotation file or folder, relative to the data set's folder.
        entry: the annotation, as in the file.
    """

    message: str
    file: str | None = None
    image: int | None = None
    entry: dict | None = None
    skeleton: Skeleton = PERSON

    @property
    def annotation(self) -> int | None:
        """Annotation id."""
        return None if self.entry is None else self.entry.get("id")

    def as_dict(self) -> dict:
        """For the report, with the annotation's id only."""
        found = dict(annotation=self.annotation, image=self.image, file=self.file)
        return found | dict(message=self.message)

    def __str__(self) -> str:
        ids = (("annotation", self.annotation), ("image", self.image))
        where = [f"{name} {value}" for name, value in ids if value is not None][:1]
        where += [self.file] if self.file else []
        return f"{', '.join(where)}: {self.message}" if where else self.message


@dataclass
class Finding:
    """All findings of one kind in one split.

    Attributes:
        of: number of images or persons that were checked.
        examples: the first findings.
    """

    kind: str
    split: str
    of: int
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def is_fault(self) -> bool:
        """Whether it is a fault, not only a warning."""
        return self.count > KINDS[self.kind].allowed * max(self.of, self.count)


class Findings:
    """Collects findings."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}

    def add(self, kind: str, split: str, example: Example, of: int = 1) -> None:
        """Add one finding; ``of`` as in :class:`Finding`, for kinds that allow some."""
        finding = self._found.setdefault((kind, split), Finding(kind, split, of))
        finding.count += 1
        if len(finding.examples) < EXAMPLES:
            finding.examples.append(example)

    def all(self) -> list[Finding]:
        """Faults first, then in the order of ``KINDS`` and by split."""
        order = list(KINDS)
        return sorted(
            self._found.values(), key=lambda f: (not f.is_fault, order.index(f.kind), f.split)
        )

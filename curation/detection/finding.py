"""All checks of a detection set that need no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from thresher.core.detection.detection_set import DetectionSet
from thresher.core.issues import Issues
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .pictures import find_file_issues
from .places import find_misplaced_boxes
from .repeated import CoveredClass, find_repeated_boxes
from .twins import find_twin_images, find_twin_objects
from .unusual import find_unusual_boxes


@dataclass(frozen=True, repr=False)
class DetectionIssues(Shown):
    """What was found in a detection set.

    Attributes
    ----------
    issues : Issues
        Of images (their ids) and boxes (``image#number``).
    covered : list of CoveredClass
        Classes whose boxes mostly lie on boxes of another class.
    notes : list of str
        What is true of the set as a whole.
    """

    issues: Issues
    covered: list[CoveredClass] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def with_issues(self, more: Iterable[Issues]) -> DetectionIssues:
        """Return the same with further findings."""
        return DetectionIssues(Issues.concat([self.issues, *more]), self.covered, self.notes)


@checked
def find_detection_issues(
    dataset: DetectionSet, *, looks: bool = True, objects: bool = False
) -> DetectionIssues:
    r"""Check images and boxes without a model.

    Finds equal and nearly equal boxes; one place with two classes, and classes that cover each
    other; boxes without an area, outside of the image, in shares among pixels, with coordinates
    that are no numbers, of a class that is not listed; sizes and numbers unusual for a class;
    images without a file, of another size than stated, or turned by EXIF; images that show the same
    with other boxes, and leaks between splits.

    Parameters
    ----------
    dataset : DetectionSet
    looks : bool
        Whether images are compared, which takes 10–20 CPU-milliseconds an image.
    objects : bool
        Whether objects are also cut out and compared, which takes as much for each box.

    Returns
    -------
    DetectionIssues

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import find_detection_issues
    >>> from thresher.core import load_detection_set
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n0 0.9 0.9 0 0\n")
    >>> found = find_detection_issues(load_detection_set(".", format="yolo"))
    >>> found.issues.counts()
    {'exact_duplicate': 1, 'quality': 1}
    """
    repeated, covered = find_repeated_boxes(dataset)
    files, notes = find_file_issues(dataset)
    parts = [find_misplaced_boxes(dataset), repeated, find_unusual_boxes(dataset), files]
    pictured = any(dataset.files.tolist()) and not any("no image file" in one for one in notes)
    if looks and pictured and len(dataset) > 1:
        parts.append(find_twin_images(dataset))
    if objects and pictured:
        parts.append(find_twin_objects(dataset))
    return DetectionIssues(Issues.concat(parts), covered, notes)

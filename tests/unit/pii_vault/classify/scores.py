"""How well spans were found: with the same class and any overlap, and exactly."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pii_vault.classify.spans import Span
from tests.support.labelled import Labelled


@dataclass(slots=True)
class Score:
    """Counts of one class, or of all."""

    labelled: int = 0
    met: int = 0  # labels that some span of the class overlaps
    exact: int = 0
    found: int = 0
    right: int = 0  # spans that overlap some label of the class

    @property
    def recall(self) -> float:
        return self.met / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    def __str__(self) -> str:
        exact = self.exact / self.labelled if self.labelled else 1.0
        return f"{self.labelled:4} labels, recall {self.recall:.3f} (exact {exact:.3f}), precision {self.precision:.3f}"


@dataclass(slots=True)
class Scores:
    """All counts: no value stands in a test's output."""

    whole: Score = field(default_factory=Score)
    classes: dict[str, Score] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{class_id:11}{score}" for class_id, score in sorted(self.classes.items())]
        return "\n".join((*lines, f"{'all':11}{self.whole}"))


def measure(texts: Iterable[Labelled], find: Callable[[str], list[Span]]) -> Scores:
    scores = Scores()
    for labelled in texts:
        found = find(labelled.text)
        for label in labelled.spans:
            same = [span for span in found if span.class_id == label[2] and _meet(span, label)]
            for score in (scores.whole, scores.classes.setdefault(label[2], Score())):
                score.labelled += 1
                score.met += bool(same)
                score.exact += any(tuple(span) == label for span in same)
        for span in found:
            right = any(span.class_id == label[2] and _meet(span, label) for label in labelled.spans)
            for score in (scores.whole, scores.classes.setdefault(span.class_id, Score())):
                score.found += 1
                score.right += right
    return scores


def _meet(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return one[0] < other[1] and other[0] < one[1]

"""How good the prediction is, told from the user's own edits before they are learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.edit import Edit, union
from napari_densify.cases.plane import Plane

if TYPE_CHECKING:
    from napari_densify.session.session import Session

SETTLED = 0.01
"""A change from one round to the next below which more work hardly changes the prediction."""
ROUNDS = 3
"""Rounds in a row that must have changed it so little."""


class Agreement:
    """Scores each slice that is painted on, in the state in which the user found it.

    What the user paints on a slice says where the shown prediction was wrong there; with the rest
    left as it was, that is a label for the whole slice, and it costs nobody a look at a truth. The
    score of a slice is the Jaccard index of all structures, 1 − |wrong| / |structures ∪ wrong|,
    with the structures as they are shown once it is corrected. Slices that are only begun look
    better than they are.

    Parameters
    ----------
    session : Session
        Its edits are followed, undone ones too.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._wrong: dict[int, dict[Plane, NDArray[np.int64]]] = {}
        self._strokes: Counter[tuple[int, Plane]] = Counter()
        session.edited.connect(self._edited)

    def score(self, round_: int) -> float | None:
        """Mean over the slices that were painted in a round; None before one was."""
        slices = self._wrong.get(round_, {})
        if not slices:
            return None
        return float(np.mean([self._of_slice(p, wrong) for p, wrong in slices.items()]))

    def end(self, round_: int) -> None:
        """A round has ended: keep its score and say it, if there is one."""
        score = self.score(round_)
        if score is not None:
            self._session.keeping.scored(self._session.status, round_, score)
            self._session.scored.emit(round_, score)

    def _of_slice(self, plane: Plane, wrong: NDArray[np.int64]) -> float:
        structures = plane.take(self._session.prediction) > 1
        found = plane.voxels(structures, self._session.volume.shape)
        either = union(found, wrong).size
        return 1 - wrong.size / either if either else 1.0

    def _edited(self, edit: Edit) -> None:
        # Round 0 is painted before anything was predicted: there is nothing to score.
        round_ = edit.round_before if edit.undoes else edit.round_after
        plane = edit.plane(self._session.volume.shape) if round_ and edit.where.size else None
        if plane is None:
            return
        slices = self._wrong.setdefault(round_, {})
        if edit.undoes and plane not in slices:
            return  # it was painted before this session
        self._strokes[round_, plane] += -1 if edit.undoes else 1
        wrong = slices.get(plane, np.empty(0, np.int64))
        if not self._strokes[round_, plane]:
            del slices[plane]  # nothing is left that says the user has seen it
        elif edit.undoes:
            slices[plane] = _without(wrong, edit.where[edit.before["wrong"]])
        else:
            slices[plane] = union(wrong, edit.where[edit.after["wrong"]])


def _without(voxels: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of some flat indices that are not among others; each has an index once."""
    return np.setdiff1d(voxels, others, assume_unique=True)


def settled(scores: Iterable[float]) -> bool:
    """Whether the last rounds changed so little that more of them will hardly help."""
    last = list(scores)[-ROUNDS - 1 :]
    return len(last) > ROUNDS and bool((np.abs(np.diff(last)) < SETTLED).all())

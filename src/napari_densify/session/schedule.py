"""What the worker does next: guess, train, predict the viewed slice, predict the rest.

Time is counted in seconds of learning, be it a fit of the first guess or training of the network:
a prediction is as old as the learning since.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_densify.cases.box import Box, tiles
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Shape, Triple
from napari_densify.session.viewed import Viewed, distance

SLICE = 0.2
"""Seconds of training, or of fitting the guess, at a time; an edit ends a slice early."""
GUESS_SHARE = 0.2
"""Most of the learning that goes to fitting the guess to new edits."""
FRESH = 0.02
"""Training after an edit before the viewed slice is predicted again: one step on most machines."""
EVERY = 2.0
"""Training between refreshes of the viewed slice while nothing is edited."""
AGE = 4.0
"""Training after which a block of the rest is worth predicting again."""
SHARE = 0.25
"""Most of the worker's time that goes to predicting the rest again while it trains, counted since
all of it has seen the last edit, and about as much to the viewed slice."""
BEHIND = 4.0
"""After an edit, until everything was predicted once more, so many times as much goes to that as to
learning. All of a brain of 8.7 million voxels was new 10.1 and 6.5 s after two strokes, with 1.0
after 21.0 and 17.1 s (two cores); small volumes take a fraction of a second either way."""
TILE = 64
"""Side of the rest's blocks."""


@dataclass(frozen=True)
class Learn:
    """Train for that long."""

    seconds: float


@dataclass(frozen=True)
class Guess:
    """Fit the first guess to the annotation for that long, or until it can be shown."""

    seconds: float


@dataclass(frozen=True)
class Predict:
    """Predict that block; by the guess alone, which takes half as long, if that is wanted."""

    box: Box
    viewed: bool
    guess_only: bool = False


class Schedule:
    """Orders the work of one volume.

    Parameters
    ----------
    shape : (3,) ints
    spacing : (3,) floats
        Distance between voxels along z, y, x, by which oblique planes lie.

    Attributes
    ----------
    training : bool
        Whether there is something to learn, and it is wanted.
    ready : bool
        Whether a guess can be fitted: there are two classes to tell apart.
    """

    def __init__(self, shape: Shape, spacing: Triple = (1.0, 1.0, 1.0)) -> None:
        self.shape, self.spacing = shape, spacing
        self.training, self.ready = False, True
        self.trained = 0.0
        self._edited = self._shared_from = 0.0
        self._spent_on_rest = self._spent_on_guesses = self._spent_since_edit = 0.0
        self._able = self._teachable = self._fitting = self._of_another = False
        self._learned = False
        self._guess_is_old = True
        self._rest = list(tiles(shape, [TILE] * 3))
        self._rest_at = np.full(len(self._rest), -np.inf)
        self._guess_only = np.zeros(len(self._rest), bool)
        self._doubt = np.ones(len(self._rest))
        self._viewed = Viewed(shape, spacing)
        self.look(Plane(0, shape[0] // 2))

    def look(self, plane: Plane | ObliquePlane) -> None:
        """The user looks at another slice, or at an oblique plane."""
        self._viewed.look(plane)
        self._away = distance(plane, self._rest, self.shape, self.spacing) / TILE

    def edited(self, where: Box | None) -> None:
        """An edit came in, in that box: what was predicted so far is out of date."""
        self._edited = self.trained
        self._viewed.edited(where)
        self._guess_is_old = True
        self._spent_since_edit = 0.0

    def forget(self) -> None:
        """Learning starts anew."""
        self.trained = self._edited = self._shared_from = 0.0
        self._spent_on_rest = self._spent_on_guesses = self._spent_since_edit = 0.0
        self._forget_guess()
        self._learned = False
        self._guess_only[:] = False
        self._rest_at[:] = -np.inf
        self._viewed.first = None
        self._viewed.outdate()

    def resume(self, seconds: float, *, elsewhere: bool = False) -> None:
        """Go on with weights that were trained for that long.

        Parameters
        ----------
        seconds : float
        elsewhere : bool
            Whether their guess may be of another case: then it is fitted for this one, even if
            nothing is to be trained, between a first look at the viewed slice and the rest.
        """
        # A second at least: they have something to say at once.
        self.trained = self._shared_from = max(seconds, 1.0)
        self._forget_guess()
        self._able = self._learned = True
        self._of_another = elsewhere

    def next(self) -> Learn | Guess | Predict | None:
        """The next piece of work; None if there is none."""
        if not self._able:
            return Guess(SLICE) if self.training else None
        viewed = self._viewed
        if viewed.first is not None and self.trained - self._edited >= FRESH:
            return Predict(viewed.first, viewed=True, guess_only=self._unjudged)
        due = [box for box, at in viewed.at.items() if self._view_is_due(at)]
        if due:
            return Predict(viewed.next_of(due), viewed=True, guess_only=self._unjudged)
        if self._of_another and self.ready:
            return Guess(SLICE)
        if self.training and viewed.oldest > self._edited and self._guess_is_due():
            return Guess(SLICE)
        seen = bool((self._rest_at > -np.inf).all())
        if self.training and ((self._unjudged and seen) or self._enough_of_the_rest()):
            return self._learn()
        urgency = self._urgency()
        worst = int(urgency.argmax())
        if urgency[worst] > 0:
            return Predict(self._rest[worst], viewed=False, guess_only=self._first_look(worst))
        return self._learn() if self.training else None

    def _learn(self) -> Learn | Guess:
        """The network learns from what the guess does not know, so that comes before it."""
        if not self._teachable:
            return Guess(SLICE)
        return Learn(SLICE if self.trained - self._edited >= FRESH else FRESH)

    def guessed(self, seconds: float, *, shown: bool, done: bool) -> None:
        """The guess was fitted for that long.

        Parameters
        ----------
        seconds : float
        shown, done : bools
            Whether there is a new guess to show by now, and whether that fit is at its end.
        """
        if not self._fitting:
            self._guess_is_old = False  # what was edited until now is in it
        self._fitting = not done
        self._able |= shown
        self._of_another &= not shown
        if shown or (done and not self._teachable):
            self._viewed.outdate(self._edited)
        self._teachable |= done
        self.trained += seconds
        self._spent_on_guesses += seconds

    def learned(self, seconds: float) -> None:
        """Training went on for that long."""
        self.trained += seconds
        self._learned = True

    def predicted(self, task: Predict, seconds: float, doubt: float) -> None:
        """A block is done; `doubt` is its mean uncertainty in [0, 1]."""
        if task.viewed:
            self._viewed.predicted(task.box, seconds, self.trained)
            return
        index = self._rest.index(task.box)
        if not self._outdated[index]:
            self._spent_on_rest += seconds
        elif self._rest_at[index] > -np.inf:
            self._spent_since_edit += seconds
        self._rest_at[index] = self.trained
        self._guess_only[index] = task.guess_only
        if self._outdated.any():
            self._spent_on_rest, self._shared_from = 0.0, self.trained
        self._doubt[index] = doubt

    @property
    def done(self) -> float:
        """Share of the blocks predicted by weights that saw the last edit; paused, the newest."""
        if not self._able:
            return 0.0
        current = self._rest_at > self._edited
        if not self.training:
            current &= self._rest_at >= self.trained
        return float(current.mean())

    @property
    def _outdated(self) -> np.ndarray:
        """Which blocks of the rest have not seen the last edit, or only the guess alone."""
        outdated: np.ndarray = (self._rest_at <= self._edited) | self._guess_only
        return outdated

    def _view_is_due(self, at: float) -> bool:
        if self._of_another:
            # Until the guess is of this case no edit is in it, however often it is predicted.
            return at == -np.inf
        if not self.training:
            return at < self.trained
        if at == -np.inf:
            return True
        if at <= self._edited:
            return self.trained - self._edited >= FRESH
        # Of a large slice no more than a share of the time either.
        return self.trained - at >= max(EVERY, self._viewed.cost * len(self._viewed.at) / SHARE)

    def _enough_of_the_rest(self) -> bool:
        """Whether it is time to learn again before more of the rest is predicted."""
        if (self._rest_at == -np.inf).any():
            # With a guess that costs little, and there is nothing to see otherwise; but a stroke on
            # what is seen already does not wait for it.
            return -np.inf < self._viewed.oldest <= self._edited
        if self._outdated.any():
            return self._spent_since_edit > BEHIND * (self.trained - self._edited)
        return self._spent_on_rest > SHARE * (self.trained - self._shared_from)

    @property
    def _unjudged(self) -> bool:
        """Whether it is not known how far the guess is to be corrected.

        What was learned beforehand is judged at the end of the guess's first fit. Of one block the
        whole is there sooner than that.
        """
        return not self._teachable and not self._learned and len(self._rest) > 1

    def _first_look(self, index: int) -> bool:
        """Whether nothing stands in a block yet, and there are so many that half the time matters.

        All of nuclei and fib25 is there after 1.6 and 4.2 s of one thread, else after 2.0 and 5.4.
        """
        return not self._learned and len(self._rest) > 1 and self._rest_at[index] == -np.inf

    @property
    def guess_is_new(self) -> bool:
        """Whether the guess knows all edits, and its fit is at its end."""
        return not (self._guess_is_old or self._fitting)

    def _guess_is_due(self) -> bool:
        return not self.guess_is_new and self._spent_on_guesses <= GUESS_SHARE * self.trained

    def _forget_guess(self) -> None:
        """There is no guess, or none that an annotation is behind."""
        self._able = self._teachable = self._fitting = self._of_another = False
        self._guess_is_old = True

    def _urgency(self) -> np.ndarray:
        """Old, uncertain and near to the view comes first; 0 for what is fresh."""
        if not self.training:
            age = np.where((self._rest_at < self.trained) | self._guess_only, 1.0, 0.0)
        else:
            age = np.minimum(self.trained - self._rest_at, 1e6)
            age = np.where(self._outdated, age + AGE, np.where(age >= AGE, age, 0.0))
            if self.trained - self._edited < FRESH:
                age = np.where(self._rest_at == -np.inf, age, 0.0)
        urgency: np.ndarray = age * (0.1 + self._doubt) / (1 + self._away)
        return urgency

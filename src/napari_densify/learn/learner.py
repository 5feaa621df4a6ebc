"""Guess, network and the data of all cases: what learns from annotation and predicts blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.cases.project import WIDTHS
from napari_densify.learn import judgement
from napari_densify.learn.case import Case
from napari_densify.learn.device import pick_device
from napari_densify.learn.forests import SHOWN, Forests, Stage
from napari_densify.learn.grid import Grid
from napari_densify.learn.mixture import Mixture
from napari_densify.learn.prediction import guess_probability
from napari_densify.learn.replay import TrainingCases, long_ago
from napari_densify.learn.template import Template
from napari_densify.learn.trainer import Trainer
from napari_densify.learn.unet import Level, compact, fit_spacing

BORDER = 40
"""Slices before a block that its prediction looks at: halo, the network's grid and two cells of the
guess."""
BATCH = 2
"""Patches a step. Batch 1 falls onto a five times slower path of torch on a CPU."""


class Learner:
    """A network that learns from a sparse annotation of a volume, and of others that it replays.

    Parameters
    ----------
    image : (c, z, y, x) array
        Any numeric type.
    spacing : (3,) floats
        Voxel size along z, y, x.
    classes : list of ints
        Labels to tell apart at least; further annotated ones widen the network's head.
    device : str
        "auto" takes CUDA or Apple's MPS where present; else a torch device name.
    strength : float
        Strength of corrections, see `cases.weight`.
    seed : int
    levels : sequence of Level
        The network's resolutions; adapted to the voxel size it works on.
    wanted : (3,) floats
        Voxel size that the network works on; it decides kernels, pools and filter scales. () for
        the image's. See `learn.grid`.

    Attributes
    ----------
    case : Case
        The image, and what is painted on it.
    cases : TrainingCases
        This one, and behind it the others that are learned from.
    annotation : Annotation
        What `apply` made of it, on the image's voxels.
    mixture : Mixture
        How guess and network become what is shown.
    template : Template
        The image whose positions all cases have: the one in which learning began.
    """

    def __init__(
        self,
        image: NDArray[np.generic],
        spacing: Sequence[float],
        classes: Sequence[int] = (1, 2),
        *,
        device: str = "auto",
        strength: float = 1.0,
        seed: int = 0,
        levels: Sequence[Level] = compact(WIDTHS),
        wanted: Sequence[float] = (),
    ) -> None:
        self.device = pick_device(device)
        self.strength, self.seed = strength, seed
        self.classes = sorted({1, *classes})
        self.seconds = 0.0
        self.wanted = tuple(wanted or spacing)
        torch.manual_seed(seed)
        count = len(self.classes)
        self.case = Case(image, Grid(image.shape[1:], spacing, self.wanted), self.device)
        self.cases = TrainingCases(self.case, seed)
        self.forests = Forests(self.case.bank.channels, count, seed, torch.get_num_threads())
        levels = fit_spacing(levels, self.wanted)
        self.trainer = Trainer(self.case.bank.channels + count, count, levels, self.device)
        self.case.join(self.forests, self.trainer.net.stride, self.classes, seed)
        self.annotation = self.case.painted
        self.template = Template.of(self.case.bank.image, self.case.grid.spacing)
        self._fit: Iterator[Stage] | None = None
        self.mixture = Mixture(self.trainer)
        self.cases.weigh(self.strength)

    @property
    def steps(self) -> int:
        """Training steps so far."""
        return self.trainer.steps

    @property
    def loss(self) -> float:
        """Loss smoothed over the last steps."""
        return self.trainer.loss

    @property
    def ready(self) -> bool:
        """Whether there are two classes to tell apart, in whichever cases."""
        return len(self.cases.classes) >= 2

    @property
    def begun(self) -> bool:
        """Whether there is a guess: without one a state could not be loaded."""
        return self.forests[SHOWN] is not None

    @property
    def learned(self) -> bool:
        """Whether the network has learned what is annotated, see `Trainer.learned`."""
        return self.trainer.learned

    def apply(self, edit: Edit) -> None:
        """Learn from an edit from the next step on; the learning rate rises again."""
        self.case.apply(edit)
        self.trainer.edited()
        self.meet(self.annotation.classes)

    def replay(self, image: NDArray[np.generic], spacing: Sequence[float], painted: Edit) -> None:
        """Learn from another case too.

        Parameters
        ----------
        image : (c, z, y, x) array
            With as many channels as this case's.
        spacing : (3,) floats
        painted : Edit
            Everything that is annotated there, see `learn.replay.long_ago`.
        """
        case = Case(image, Grid(image.shape[1:], spacing, self.wanted), self.device)
        seed = self.seed + len(self.cases)
        case.join(self.forests, self.trainer.net.stride, self.classes, seed)
        case.place(self.template)
        case.apply(long_ago(painted))
        self.cases.others.append(case)
        self.meet(case.painted.classes)

    def repaint(self, painted: Sequence[Edit]) -> None:
        """Learn from what is annotated in the other cases now, in the order of their `replay`."""
        if self.cases.repaint(painted):
            self.trainer.edited()
            self.meet(sorted(self.cases.classes))

    def meet(self, classes: Sequence[int]) -> None:
        """Tell these classes apart too, be they annotated or not."""
        new = sorted(set(classes) - set(self.classes))
        if new:
            self.tell_apart([*self.classes, *new])
        self.cases.weigh(self.strength)

    def guess_anew(self, interrupt: Callable[[], bool] | None = None) -> Stage:
        """Fit the first guess to the annotation as it is now, or go on with that.

        Parameters
        ----------
        interrupt : callable
            Asked after every few trees; True ends this call early, as does a new guess that can be
            shown. Without it the fit is brought to its end.

        Returns
        -------
        Stage
            Where the fit stands: "shown" and "done" bring a new guess.

        Raises
        ------
        ValueError
            If fewer than two classes are annotated.
        """
        if not self.ready:
            raise ValueError("a guess needs two annotated classes")
        start = time.perf_counter()
        if self._fit is None:
            self._fit = self._fitting()
        for stage in self._fit:
            if interrupt and (stage == "shown" or interrupt()):
                break
        else:
            self._fit, stage = None, "done"
        self.seconds += time.perf_counter() - start
        return stage

    def _fitting(self) -> Iterator[Stage]:
        annotated = self.cases.painted
        examples = []
        for case in annotated:
            examples.append(case.guess.examples(case.supervision))
            yield "growing"
        here = annotated[0] is self.case and len(annotated) > 1
        yield from self.forests.fit(examples, self.cases.share() if here else 0.0)
        for case, known in zip(annotated, examples, strict=True):
            case.guess.folds = known.folds
        self.trainer.slices = sum(known.folds.slices for known in examples)
        if self.mixture.judgement.due:
            for _ in range(judgement.FIRST):
                case = self.cases.next()
                self.mixture.judge(case, case.patches.draw(BATCH))
                yield "growing"

    def advance(self, seconds: float, interrupt: Callable[[], bool] = lambda: False) -> None:
        """Train for about `seconds`, at least one step.

        Parameters
        ----------
        seconds : float
        interrupt : callable
            Asked after each step; True ends the slice of training early.

        Raises
        ------
        ValueError
            If fewer than two classes are annotated.
        """
        if not self.ready:
            raise ValueError("training needs two annotated classes")
        if not self.forests.fitted:
            self.guess_anew()
        start = time.perf_counter()
        before = self.seconds
        while True:
            case = self.cases.next()
            batch = case.patches.draw(BATCH)
            self.trainer.step(batch, self.mixture.expected(case, batch))
            self.seconds = before + time.perf_counter() - start
            if self.seconds >= before + seconds or interrupt():
                return

    def predict(self, box: Box, *, guess_only: bool = False) -> NDArray[np.float32]:
        """Class probabilities: the averaged network's and the guess's, mixed.

        Parameters
        ----------
        box : Box
            Inside the volume, any size.
        guess_only : bool
            Without any network's.

        Returns
        -------
        (classes, z, y, x) float32
            In the order of `classes`.
        """
        grid = self.case.grid
        inner = grid.covering(box)
        if guess_only:
            shown = guess_probability(self.case.inputs, inner)
        else:
            shown = self.mixture.probability(self.case, inner, self.cases.alone())
        return grid.back(shown, inner, box).numpy()

    def forget(self, stop: int) -> None:
        """Give back the memory of what is known of slices before `stop`, with room for a border.

        Parameters
        ----------
        stop : int
            Of the image; asked for again, what was known is computed anew.
        """
        inner = int(stop / self.case.grid.ratio[0]) - BORDER
        self.case.bank.forget(inner)
        self.case.guess.forget(inner)
        self.case.refined.forget(inner)

    @property
    def trust(self) -> float:
        """Share of the network in the prediction, see `Mixture.trust`."""
        return self.mixture.trust(self.cases.alone())

    def set_strength(self, strength: float) -> None:
        """Weigh corrections differently from the next step on; the learning rate rises again."""
        self.strength = strength
        self.trainer.edited()
        self.cases.weigh(self.strength)

    def place(self, template: Template) -> None:
        """Count the positions in all cases as in a template, from the next fit of the guess on."""
        self.template = template
        for case in self.cases:
            case.place(template)

    def tell_apart(self, classes: list[int]) -> None:
        """Give the network's outputs to these classes; what it learned of the first ones stays.

        A fit of the guess that has begun is given up: its trees tell others apart.
        """
        self._fit = None
        if len(classes) != len(self.classes):
            self.forests.set_classes(len(classes))
            self.trainer.tell_apart(len(classes), self.case.inputs.channels)
            self.mixture.know(self.mixture.known)
        self.classes = classes
        for case in self.cases:
            case.supervision.tell_apart(classes)

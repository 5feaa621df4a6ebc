"""How cases ended, and the one table of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.table import Table

from napari_densify.cases.problem import Problem


@dataclass
class Tally:
    """Cases of one kind of fault.

    Attributes
    ----------
    kind : str
    tried : int
    lost : int
        Cases after which a stroke that was reported as finished was not there.
    wrong : int
        Cases after which a project opened as something it never was.
    crashes : int
        Cases that ended in an exception that is no sentence for the user.
    refused : int
        Cases in which the project was refused with a sentence; that is no failure.
    remarks : list of str
        What each failed case was.
    """

    kind: str
    tried: int = 0
    lost: int = 0
    wrong: int = 0
    crashes: int = 0
    refused: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.lost or self.wrong or self.crashes)

    @contextmanager
    def case(self, what: str) -> Iterator[None]:
        """Count a case; an exception on the way is a crash."""
        self.tried += 1
        try:
            yield
        except Lost as error:
            self.lost += 1
            self.remarks.append(f"{what}: lost, {error}")
        except Wrong as error:
            self.wrong += 1
            self.remarks.append(f"{what}: wrong, {error}")
        except Exception as error:  # noqa: BLE001 - any is what is looked for
            self.crashes += 1
            self.remarks.append(f"{what}: {type(error).__name__}: {error}")

    def refuse(self, problem: Problem) -> None:
        """The project was refused with a sentence."""
        self.refused += 1


class Lost(AssertionError):
    """A stroke that was reported as finished is not there."""


class Wrong(AssertionError):
    """A project opened as something it never was, or was changed though it was refused."""


def table(tallies: list[Tally]) -> Table:
    """Cases tried, strokes lost, wrong opens, crashes."""
    shown = Table(title="faults")
    for heading in ("fault", "cases tried", "refused", "strokes lost", "wrong opens", "crashes"):
        shown.add_column(heading, justify="left" if heading == "fault" else "right")
    for t in tallies:
        shown.add_row(t.kind, *map(str, (t.tried, t.refused, t.lost, t.wrong, t.crashes)))
    rows = [(t.tried, t.refused, t.lost, t.wrong, t.crashes) for t in tallies]
    shown.add_section()
    shown.add_row("all", *(str(sum(column)) for column in zip(*rows, strict=True)))
    return shown

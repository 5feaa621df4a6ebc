"""What the window remembers from one time to the next, whatever the project."""

from __future__ import annotations

from platformdirs import user_data_path
from qtpy.QtCore import QSettings


def remembered() -> QSettings:
    """Which hint was read, which sections are folded."""
    file = user_data_path("napari-densify", appauthor=False) / "window.ini"
    return QSettings(str(file), QSettings.Format.IniFormat)

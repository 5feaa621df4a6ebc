"""Paint a few slices of a volume; a 3-D U-Net learns from them and fills in the rest."""

from importlib.metadata import version

__version__ = version("napari-densify")

"""``python -m napari_densify.cli``."""

from napari_densify.cli import main

main()

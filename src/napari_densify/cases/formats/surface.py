"""Surfaces of structures as STL or PLY, in the image's physical coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".stl", ".ply")


def write(path: Path, labels: Volume, each: Label) -> None:
    """Write the surface of a structure, which must have a voxel; PLY keeps the colour too.

    Parameters
    ----------
    path : Path
        Ending in .stl or .ply.
    labels : Volume
        uint8; 0 = background.
    each : Label
    """
    box = ndimage.find_objects(labels.data, each.label)[each.label - 1]
    surface_of(labels, each, box).export(path)


def surface_of(labels: Volume, each: Label, box: tuple[slice, ...]) -> trimesh.Trimesh:
    """The closed surface of a structure, halfway between its voxels and the others'.

    Marching cubes (Lewiner et al. 2003, "Efficient implementation of marching cubes' cases with
    topological guarantees"), in physical x, y, z, normals to the outside.

    Parameters
    ----------
    labels : Volume
    each : Label
    box : slices
        Where the structure is.
    """
    import trimesh
    from skimage.measure import marching_cubes

    # A layer of background all around closes it where the volume ends.
    inside = np.pad(labels.data[box] == each.label, 1).astype(np.float32)
    corners, faces, _, _ = marching_cubes(inside, 0.5, allow_degenerate=False)
    corners += [side.start - 1 for side in box]
    placed = corners @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    mesh = trimesh.Trimesh(placed[:, ::-1], faces, process=False)
    if mesh.volume < 0:
        mesh.invert()
    if each.rgb is not None:
        mesh.visual.vertex_colors = [*each.rgb, 255]
    return mesh

from __future__ import annotations

import pytest
import torch

from napari_densify.learn.unet import COMPACT, Level, UNet3D, compact, fit_spacing


def test_the_preset_has_the_parameters_of_the_paper() -> None:
    assert UNet3D.cicek2016().parameter_count == 19_069_955


def test_the_preset_maps_the_papers_input_to_the_papers_output() -> None:
    with torch.device("meta"):  # shapes only: the real thing takes 10 GB
        logits = UNet3D.cicek2016()(torch.empty(1, 3, 116, 132, 132))
    assert logits.shape == (1, 3, 28, 44, 44)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 1), (1, 1, 5), (2, 1, 2)])
def test_the_compact_network_answers_at_the_inputs_size(spacing: tuple[float, ...]) -> None:
    net = UNet3D(5, 4, fit_spacing(compact((16, 32)), spacing)).eval()
    size = [2 * step for step in net.stride]
    assert net(torch.zeros(2, 5, *size)).shape == (2, 4, *size)


def test_isotropic_voxels_keep_the_levels() -> None:
    assert fit_spacing(COMPACT, (1, 1, 1)) == tuple(COMPACT)
    assert fit_spacing(COMPACT, (2, 1, 1)) == tuple(COMPACT)


def test_thick_slices_are_not_pooled_until_the_voxels_are_even() -> None:
    levels = fit_spacing([Level((8,))] * 4, (5.0, 1.0, 1.0))
    assert [level.pool for level in levels] == [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]
    assert [level.kernel for level in levels] == [(1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3)]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_rule_knows_no_preferred_axis(axis: int) -> None:
    spacing = [1.0, 1.0, 1.0]
    spacing[axis] = 4.5
    thick = fit_spacing(COMPACT, spacing)
    for level, reference in zip(thick, fit_spacing(COMPACT, (4.5, 1, 1)), strict=True):
        assert level.pool[axis] == reference.pool[0]
        assert sorted(level.kernel) == sorted(reference.kernel)


def test_more_classes_keep_the_old_outputs() -> None:
    net = UNet3D(2, 2, compact((16, 32))).eval()
    x = torch.randn(1, 2, 8, 8, 8)
    with torch.no_grad():
        before = net(x)
        net.set_classes(4)
        after = net(x)
    torch.testing.assert_close(after[:, :2], before)
    assert after.shape[1] == 4


def test_a_new_class_is_preferred_nowhere_by_its_bias() -> None:
    net = UNet3D(1, 2, compact((16, 32)))
    old = net.head.bias.detach().clone()
    net.set_classes(3)
    assert net.head.bias[2] == old.min()


def test_folding_the_normalisation_changes_no_answer() -> None:
    torch.manual_seed(0)
    net = UNet3D(3, 2, compact((16, 32)))
    for _ in range(3):  # statistics other than those it begins with
        net(1 + 2 * torch.randn(2, 3, 8, 8, 8))
    folded = net.eval().folded()
    assert not any(isinstance(m, torch.nn.BatchNorm3d) for m in folded.modules())
    x = torch.randn(2, 3, 8, 8, 8)
    torch.testing.assert_close(folded(x), net(x).detach(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("levels", [compact((16, 32)), (Level((8,), (8,)), Level((16,)))])
def test_new_inputs_do_not_count_until_something_is_learned(levels: tuple[Level, ...]) -> None:
    net = UNet3D(3, 2, levels).eval()
    x = torch.randn(1, 5, 8, 8, 8)
    with torch.no_grad():
        before = net(x[:, :3])
        net.set_inputs(5)
        after = net(x)
        net.set_inputs(3)
        again = net(x[:, :3])
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(again, before)

"""The 3-D U-Net."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Size = tuple[int, int, int]


@dataclass(frozen=True)
class Level:
    """One resolution of a U-Net.

    Attributes
    ----------
    encoder, decoder : tuples of ints
        Output channels of the convolutions on the way down and on the way up. With an empty
        encoder, at the finest resolution, the level is a light head: each voxel sees its own
        input and what comes up to it, by one layer as wide as the decoder says.
    kernel : (3,) ints
        Convolution size along z, y, x.
    pool : (3,) ints
        Step to the next coarser level.
    """

    encoder: tuple[int, ...]
    decoder: tuple[int, ...] = ()
    kernel: Size = (3, 3, 3)
    pool: Size = (2, 2, 2)


CICEK2016 = (
    Level((32, 64), (64, 64)),
    Level((64, 128), (128, 128)),
    Level((128, 256), (256, 256)),
    Level((256, 512)),
)
"""Çiçek et al. 2016, figure 2: channels are doubled before each pooling."""


def compact(widths: Sequence[int]) -> tuple[Level, ...]:
    """Levels like those of `COMPACT` with other widths below full resolution."""
    *upper, deepest = widths
    middle = (Level((w,) if i == 0 else (w, w), (w,)) for i, w in enumerate(upper))
    return (Level((), (16,)), *middle, Level((deepest, deepest)))


COMPACT = compact((32, 64, 96))
"""What is trained beforehand: no convolution at full resolution, where they are narrow and slow,
and one on the way down and up at half of it; widths in multiples of 16, where they reach the
matrix-product rate. docs/measured/speed.md has the steps and the Dice of others."""


def levels_of(widths: Sequence[int]) -> tuple[Level, ...]:
    """A project's network: `compact`, or for () what older projects and models have."""
    return compact(widths) if widths else COMPACT


def fit_spacing(levels: Sequence[Level], spacing: Sequence[float]) -> tuple[Level, ...]:
    """Adapt kernels and pools to anisotropic voxels, after nnU-Net's rule.

    Along an axis whose spacing is over twice the finest there is no pooling and the kernel is 1,
    until pooling of the other axes has evened the spacing out.
    """
    now = [float(s) for s in spacing]
    fitted = []
    for level in levels:
        coarse = [s > 2 * min(now) for s in now]
        kernel = _size(1 if c else k for k, c in zip(level.kernel, coarse, strict=True))
        pool = _size(1 if c else p for p, c in zip(level.pool, coarse, strict=True))
        fitted.append(Level(level.encoder, level.decoder, kernel, pool))
        now = [s * p for s, p in zip(now, pool, strict=True)]
    return tuple(fitted)


class UNet3D(nn.Module):
    """3-D U-Net (Çiçek et al. 2016) of any depth, width and anisotropy.

    Parameters
    ----------
    in_channels, classes : int
        Input channels, and output channels (logits).
    levels : sequence of Level
        From the finest to the coarsest resolution.
    padded : bool
        False: convolutions without padding as in the paper, the output is smaller than the input.
        True: the output has the input's size, which must be a multiple of `stride`.
    learned_pool : bool
        Go down by strided convolution instead of max pooling.
    as_paper : bool
        Up-convolutions keep their number of channels, and skip connections are concatenated.
        Otherwise they go to the width of the finer level, and skip connections are added: half
        the operations.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        levels: Sequence[Level] = COMPACT,
        *,
        padded: bool = True,
        learned_pool: bool = True,
        as_paper: bool = False,
    ) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.in_channels = in_channels
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        width, skips = in_channels, []
        for depth, level in enumerate(self.levels):
            block, width = _convolutions(width, level.encoder, level.kernel, padded)
            self.encoders.append(block)
            if depth == len(self.levels) - 1:
                break
            skips.append(width)
            if learned_pool:
                wide = self.levels[depth + 1].encoder[0]
                self.downs.append(nn.Conv3d(width, wide, level.pool, level.pool))
                width = wide
            else:
                self.downs.append(nn.MaxPool3d(level.pool))
        for level, skip in zip(reversed(self.levels[:-1]), reversed(skips), strict=True):
            wide = width if as_paper else level.decoder[0]
            if level.encoder:
                self.ups.append(nn.ConvTranspose3d(width, wide, level.pool, level.pool, bias=False))
                joined = wide + skip if as_paper else wide
                block, width = _convolutions(joined, level.decoder, level.kernel, padded)
                self.decoders.append(_Joined(block) if as_paper else _Added(block))
            else:
                self.ups.append(_smoothly_up(width, wide, level.pool))
                self.decoders.append(_Light(skip, wide))
                width = wide
        self.head = _Pointwise(width, classes)

    @classmethod
    def cicek2016(cls, in_channels: int = 3, classes: int = 3) -> Self:
        """The network of the paper: 132×132×116 voxels in, 44×44×28 out."""
        return cls(in_channels, classes, CICEK2016, padded=False, learned_pool=False, as_paper=True)

    @property
    def stride(self) -> Size:
        """Input sizes must be multiples of this along z, y, x (if padded)."""
        total = [1, 1, 1]
        for level in self.levels[:-1]:
            total = [t * p for t, p in zip(total, level.pool, strict=True)]
        return _size(total)

    @property
    def parameter_count(self) -> int:
        """Trainable parameters by the paper's count: without those of the normalisation."""
        norms = {
            id(p) for m in self.modules() if isinstance(m, nn.BatchNorm3d) for p in m.parameters()
        }
        return sum(p.numel() for p in self.parameters() if id(p) not in norms)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes, z, y, x) of images (n, c, z, y, x)."""
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.encoders[-1](x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = up(x)
            x = decoder(_crop(skips.pop(), x), x)
        logits: Tensor = self.head(x)
        return logits

    def set_classes(self, count: int) -> None:
        """Give the head that many outputs; the first ones keep what they know."""
        old, kept = self.head, min(self.head.out_features, count)
        head = _Pointwise(old.in_features, count).to(old.weight)
        with torch.no_grad():
            # A new class begins as unlikely as the least likely one, without a preference.
            head.weight[:] = old.weight.mean(dim=0, keepdim=True)
            head.bias[:] = old.bias.min()
            head.weight[:kept], head.bias[:kept] = old.weight[:kept], old.bias[:kept]
        self.head = head

    def folded(self) -> Self:
        """A copy for inference, its normalisation folded into the convolutions before it."""
        copy = deepcopy(self).eval()
        for block in [m for m in copy.modules() if isinstance(m, nn.Sequential)]:
            for i, (conv, norm) in enumerate(pairwise(list(block))):
                if isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
                    block[i], block[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        return copy.requires_grad_(False)

    def set_inputs(self, count: int) -> None:
        """Take that many input channels; new ones, behind the old ones, do not count yet."""
        old, self.in_channels = self.in_channels, count
        if self.levels[0].encoder:
            _set_inputs(self.encoders[0], old, count)
        else:
            # The input is handed on to the next level, and is the skip connection.
            self.downs[0] = _with_inputs(self.downs[0], old, count)
            light = self.decoders[-1]
            assert isinstance(light, _Light)
            light.look = _with_inputs(light.look, old, count)


def _set_inputs(block: nn.Module, old: int, count: int) -> None:
    assert isinstance(block, nn.Sequential)
    block[0] = _with_inputs(block[0], old, count)


def _with_inputs(layer: nn.Module, old: int, count: int) -> nn.Module:
    """The layer with `count` instead of its `old` input channels."""
    assert isinstance(layer, nn.Conv3d | _Pointwise)
    weight = layer.weight.detach()
    kept = min(old, count)
    new = weight.new_zeros(len(weight), count - kept, *weight.shape[2:])
    layer.weight = nn.Parameter(torch.cat([weight[:, :kept], new], dim=1))
    if isinstance(layer, nn.Conv3d):
        layer.in_channels = count
    else:
        layer.in_features = count
    return layer


class _Pointwise(nn.Linear):
    """A convolution of one voxel, as a matrix product: torch's own takes a slow path on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        last = x.ndim - 1  # not -1: ONNX would take that as it is
        return super().forward(x.movedim(1, last)).movedim(last, 1)


class _Joined(nn.Module):
    """Convolutions of the skip connection and, behind it, what comes up."""

    def __init__(self, convolutions: nn.Sequential) -> None:
        super().__init__()
        self.convolutions = convolutions

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        answer: Tensor = self.convolutions(torch.cat([skip, below], dim=1))
        return answer


class _Added(_Joined):
    """Convolutions of the sum of both."""

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        answer: Tensor = self.convolutions(skip + below)
        return answer


class _Light(nn.Module):
    """One layer that sees each voxel's input and what comes up to it."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.look: nn.Module = _Pointwise(inputs, width)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        return torch.relu_(self.look(skip) + below)


def _smoothly_up(width: int, wide: int, pool: Size) -> nn.Sequential:
    """From the next coarser level to a light head.

    Interpolated, for no convolution follows that would even out what an up-convolution does to
    every other voxel (Odena et al. 2016, "Deconvolution and checkerboard artifacts"). Dice of
    hippocampus_004 after 60, 120 and 180 steps .769, .755 and .772 instead of .709, .758 and .758,
    and about as many borders between labels as in the truth instead of up to 1.4 times as many.
    """
    scale = tuple(float(p) for p in pool)
    return nn.Sequential(
        _Pointwise(width, wide, bias=False), nn.Upsample(scale_factor=scale, mode="trilinear")
    )


def _convolutions(
    width: int, outs: Sequence[int], kernel: Size, padded: bool
) -> tuple[nn.Sequential, int]:
    padding = _size(k // 2 if padded else 0 for k in kernel)
    layers: list[nn.Module] = []
    for out in outs:
        layers += [
            nn.Conv3d(width, out, kernel, padding=padding),
            nn.BatchNorm3d(out),
            nn.ReLU(True),
        ]
        width = out
    return nn.Sequential(*layers), width


def _crop(skip: Tensor, like: Tensor) -> Tensor:
    """The centre of a skip connection; without padding the way up is smaller."""
    starts = [(a - b) // 2 for a, b in zip(skip.shape[2:], like.shape[2:], strict=True)]
    for axis, (start, length) in enumerate(zip(starts, like.shape[2:], strict=True), start=2):
        skip = skip.narrow(axis, start, length)
    return skip


def _size(values: Iterable[int]) -> Size:
    z, y, x = values
    return int(z), int(y), int(x)

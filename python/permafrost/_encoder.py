# SPDX-License-Identifier: Apache-2.0
"""Encoders: reading, their spec, features of clips."""
from __future__ import annotations

import json
import os
from typing import Any, Literal, Mapping, Sequence, Union, overload

import torch

from . import _core
from ._arrays import A, like, tensor_of

Layout = Literal["BTCHW", "BCTHW", "BTHWC"]
Spec = Union[str, Mapping[str, Any], None]


class Encoder:
    """An encoder with frozen weights. Made by load_encoder()."""

    def __init__(self, core: _core.Encoder) -> None:
        self._core = core

    @property
    def name(self) -> str:
        """Zoo name, or the stem of the file."""
        return self._core.name

    @property
    def spec(self) -> dict[str, Any]:
        """What the encoder is: family, width, depth, patch, tubelet, frames, height, image_width,
        mean and deviation of pixels, and so on."""
        return self._core.spec

    @property
    def sha256(self) -> str:
        """Of names, shapes and values of the weights."""
        return self._core.sha256

    @property
    def source(self) -> str:
        """The file, or "zoo"."""
        return self._core.source

    @property
    def provenance(self) -> Any:
        """What the file says of its making; None where it says nothing."""
        return self._core.provenance

    @property
    def notes(self) -> list[str]:
        """What was assumed, chosen or resized while the file was read."""
        return self._core.notes

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return self._core.parameters

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return torch.device(self._core.device)

    @property
    def clip(self) -> tuple[int, int, int]:
        """Frames, height and width of the clips that it is made for."""
        spec = self.spec
        return spec["frames"], spec["height"], spec["image_width"]

    def to(self, device: Union[str, torch.device]) -> Encoder:
        """The same encoder on another device ("cpu", "cuda", "cuda:1")."""
        return Encoder(self._core.to(str(device)))

    @overload
    def features(self, pixels: A, layers: None = None, tokens: Literal["patch", "all"] = "patch",
                 *, layout: Layout = "BTCHW") -> A: ...

    @overload
    def features(self, pixels: A, layers: Sequence[int],
                 tokens: Literal["patch", "all"] = "patch", *,
                 layout: Layout = "BTCHW") -> tuple[A, list[A]]: ...

    def features(self, pixels: A, layers: Sequence[int] | None = None,
                 tokens: Literal["patch", "all"] = "patch", *,
                 layout: Layout = "BTCHW") -> A | tuple[A, list[A]]:
        """Features of clips: the tokens after the encoder's last norm, float32 [B,N,D].

        pixels  a torch.Tensor or NumPy array in the order of axes that `layout` names, or images
                without T. uint8 is raw sRGB, 0 to 255, which is normalised as the spec says;
                floating point is taken as normalised already, and computed in float32. Sizes other
                than the encoder's own are taken where patches and tubelets divide them: positions
                are then computed or resized by the family's rule.
        layers  also the normed outputs of these blocks, from 0.
        tokens  "patch", or "all": with class and register tokens, which stand in front.
        layout  "BTCHW", "BCTHW" or "BTHWC".

        Returns what was given, a tensor (on the encoder's device) or an array; with `layers` a
        pair of it and a list of the blocks' outputs. What goes in and out is not copied. Other
        Python threads go on meanwhile; torch.set_num_threads() says how many threads compute.

        Raises InputError for other shapes, dtypes and layouts, and blocks that are not there.
        """
        final, of_layers = self._core.features(tensor_of(pixels, "pixels"), layout,
                                               [] if layers is None else list(layers), tokens)
        found = like(final, pixels)
        if layers is None:
            return found
        return found, [like(layer, pixels) for layer in of_layers]

    def __call__(self, pixels: A) -> A:
        """features() of uint8 pixels [B,T,H,W,3], the form of clips() and open_video()."""
        return self.features(pixels, layout="BTHWC")

    def __repr__(self) -> str:
        spec = self.spec
        size = "x".join(map(str, self.clip))
        return (f"<permafrost.Encoder {self.name}: {spec['family']}, width {spec['width']}, "
                f"depth {spec['depth']}, clips {size}, {self.parameters} parameters>")


def load_encoder(path_or_name: Union[str, os.PathLike[str]], spec: Spec = None, *,
                 key: str = "") -> Encoder:
    """Reads an encoder of the zoo by name ("pico/vjepa-multiblock-1m"), a checkpoint of V-JEPA,
    V-JEPA 2, VideoMAE, MAE, I-JEPA or DINOv2, a safetensors file, or a Hugging Face folder.

    spec  what the file does not tell: a known name ("vjepa-vitl16"), fields of a spec as a dict,
          or a JSON file.
    key   the entry of the checkpoint; by default target_encoder, else encoder, model ...

    Reading is strict: raises InputError for a tensor that is missing, unexpected, of another shape
    or not finite, and for a name that is not there. Nothing in a file is ever run.
    """
    text = "" if spec is None else spec if isinstance(spec, str) else json.dumps(dict(spec))
    return Encoder(_core.load_encoder(os.fspath(path_or_name), text, key))


def zoo() -> list[str]:
    """The names of the encoders that come with the package."""
    return _core.zoo_names()


def masks(strategy: str = "multiblock", grid: tuple[int, int, int] = (4, 6, 6), *, batch: int = 24,
          seed: int = 1, step: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The masks that pretraining draws for one batch: pairs of the tokens that the encoder sees
    (context) and those that it must predict (target), int64 [B,K] and [B,M], one pair a mask.

    strategy  multiblock, multiblock_short, multiblock_long, causal_multiblock(FRAMES),
              random_tube(RATIO), or JSON
    grid      tokens over time, height and width; token (t, h, w) has number (t*H + h)*W + w

    Raises InputError for a strategy that is not there.
    """
    return _core.masks(strategy, list(grid), batch, seed, step)

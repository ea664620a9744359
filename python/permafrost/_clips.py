# SPDX-License-Identifier: Apache-2.0
"""Videos, and lists of clips as a data set of PyTorch."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Iterator, Sequence, Union

import torch

from . import _core
from ._core import InputError

Path = Union[str, "os.PathLike[str]"]


class Video:
    """A video or image file. Made by open_video(). len() is the number of frames."""

    def __init__(self, path: Path, exact: bool = False) -> None:
        self.path = os.fspath(path)
        about = _core.video_info(self.path, exact)
        self.height: int = about["height"]
        self.width: int = about["width"]
        self.rotation: int = about["rotation"]
        self.frames: int = about["frames"]
        self.frames_exact: bool = about["frames_exact"]
        self.fps: float = about["fps"]
        self.duration: float = about["duration"]
        self.codec: str = about["codec"]
        self.container: str = about["container"]
        self.still: bool = about["still"]

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: Union[int, slice]) -> torch.Tensor:
        """One frame uint8 [H,W,3], or those of a slice [T,H,W,3], at their full size."""
        if isinstance(index, slice):
            return self.read(range(*index.indices(self.frames)))
        if not -self.frames <= index < self.frames:
            raise IndexError(f"{self.path}: frame {index} of {self.frames}")
        return self.read([index % self.frames])[0]

    def read(self, indices: Sequence[int], size: tuple[int, int] | None = None) -> torch.Tensor:
        """Frames uint8 [T,H,W,3] in the order of `indices` (presentation order, from 0), upright.
        `size` (height, width): resized by the short side and cropped in the middle."""
        return _core.read_frames(self.path, list(indices), size or (self.height, self.width))

    def clip(self, frames: int = 16, size: tuple[int, int] = (224, 224), *, frame_step: int = 4,
             place: int = 0, places: int = 1) -> torch.Tensor:
        """A clip uint8 [frames,H,W,3] as encoders are shown it: one frame is taken every
        `frame_step`, from part `place` of `places` equal parts of the video."""
        return _core.read_clip(self.path, frames, size, frame_step, place, places)

    def __repr__(self) -> str:
        return (f"<permafrost.Video {self.path}: {self.frames} frames of {self.height}x"
                f"{self.width}, {self.fps:.2f} fps, {self.codec}>")


def open_video(path: Path, *, exact: bool = False) -> Video:
    """Opens a video or image file, through the system's FFmpeg.

    exact  counts the frames by decoding all of them, not by the packets of the container.

    Raises InputError for a file that is missing, has no video or cannot be decoded, and where the
    system has no FFmpeg of the version that the package was built with.
    """
    return Video(path, exact)


@dataclass
class Batch:
    """Samples side by side.

    pixels    uint8 [B,T,H,W,3], or [B,clips,T,H,W,3] with several clips a sample; zeros where a
              sample could not be read
    labels    int64 [B]; -1 where there is none
    indices   int64 [B], of the samples in the list
    names     [B], as the list writes them
    failures  [B], why a sample could not be read; "" where it was
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
    names: list[str]
    failures: list[str]


class Clips(torch.utils.data.IterableDataset[Batch]):
    """Clips of a list of videos, batch by batch, read ahead by threads. Made by clips().

    len() is the number of batches; `classes`, `class_names`, `labels`, `groups` and `names` are
    those of the list.
    """

    def __init__(self, core: _core.ClipList, *, batch: int, clips: int, threads: int, ahead: int,
                 shuffle: bool, seed: int, strict: bool) -> None:
        self._core = core
        self._batch, self._clips, self._threads, self._ahead = batch, clips, threads, ahead
        self._shuffle, self._seed, self._strict = shuffle, seed, strict
        self._epoch = 0
        self.classes = core.classes
        self.class_names = core.class_names
        self.labels = core.labels
        self.groups = core.groups
        self.names = core.names

    def __len__(self) -> int:
        return -(-len(self.names) // max(1, self._batch))

    def set_epoch(self, epoch: int) -> None:
        """Which order the next pass has, with shuffle=True. Every pass raises it by one."""
        self._epoch = epoch

    def _order(self) -> list[int]:
        if not self._shuffle:
            return list(range(len(self.names)))
        order = _core.epoch_order(len(self.names), self._seed, self._epoch)
        self._epoch += 1
        return order

    def __iter__(self) -> Iterator[Batch]:
        if torch.utils.data.get_worker_info() is not None:
            raise InputError("clips: num_workers: expected 0, as threads of its own read ahead "
                             "(clips(threads=N)), found worker processes")
        reading = _core.start_pass(self._core, self._order(), self._batch, self._clips,
                                   self._threads, self._ahead)
        while (found := reading.next()) is not None:
            pixels, labels, indices, names, failures = found
            if self._strict and any(failures):
                raise InputError(next(text for text in failures if text))
            yield Batch(pixels if self._clips > 1 else pixels[:, 0], torch.tensor(labels),
                        torch.tensor(indices), names, failures)


def clips(manifest: Path, *, frames: int = 16, size: tuple[int, int] = (224, 224),
          frame_step: int = 4, short_side: int = 0, clips: int = 1, batch: int = 16,
          threads: int = 0, ahead: int = 3, shuffle: bool = False, seed: int = 1,
          labels: bool = True, strict: bool = False, root: Path = "") -> Clips:
    """Clips of the videos and images of a list, as an iterable data set for PyTorch:

        for batch in permafrost.clips("val.csv", batch=32): ...
        DataLoader(permafrost.clips("val.csv"), batch_size=None)

    manifest    lines "path label", CSV, JSON, a folder of class folders, tar archives, or a pack
                of `permafrost data pack`; see docs/datasets.md
    frames, size, frame_step
                clips [frames,H,W,3]; one frame is taken every frame_step of the video
    short_side  of the video before the middle crop; 0: as small as the crop allows
    clips       clips a sample, evenly placed
    threads     that read and decode; 0: all that this process may use. No worker processes
    ahead       batches that may wait to be taken: bounds the memory
    shuffle     another order every epoch, decided by seed and epoch (set_epoch())
    labels      False: the list needs no labels, and those there are not looked at
    strict      raise InputError for a sample that cannot be read; otherwise the batch tells
    root        where the paths of the list start; by default the folder of the list

    The order and the pixels are the same for any number of threads. No sample is dropped or
    replaced. Raises InputError for a list that is missing or malformed, naming the line.
    """
    listed = _core.open_list(os.fspath(manifest), frames, size, frame_step, short_side, labels,
                             os.fspath(root))
    return Clips(listed, batch=batch, clips=clips, threads=threads, ahead=ahead, shuffle=shuffle,
                 seed=seed, strict=strict)

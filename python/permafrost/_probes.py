# SPDX-License-Identifier: Apache-2.0
"""Tasks, probes on them, and probes on features that the caller has."""
from __future__ import annotations

import json
import os
from typing import Any, Callable, Iterable, Mapping, Sequence, Union

import torch

from . import _core
from ._arrays import Array, integers, tensor_of
from ._core import Error, InputError
from ._encoder import Encoder
from ._results import Record

Path = Union[str, "os.PathLike[str]"]
Protocol = Union[Mapping[str, Any], None]
Features = Callable[[torch.Tensor], torch.Tensor]

# Of ImageNet, of pixels in 0 to 1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Task:
    """Labelled clips and how they are split. Made by open_task(). len() is the number of samples.

    name, classes, class_names
    labels, groups, names  [n] of the samples; samples of one group are never parted
    folds                  pairs (train, test) of sample numbers
    """

    def __init__(self, core: _core.Task) -> None:
        self._core = core
        self.name = core.name
        self.classes = core.classes
        self.class_names = core.class_names
        self.labels = core.labels
        self.groups = core.groups
        self.names = core.names
        self.folds = core.folds

    def __len__(self) -> int:
        return len(self.names)

    def clips(self, samples: Sequence[int], *, threads: int = 0) -> torch.Tensor:
        """Pixels uint8 [n,T,H,W,3] of some samples. Raises InputError for one that cannot be
        read."""
        pixels, failures = self._core.clips(list(samples), threads)
        if any(failures):
            raise InputError(next(text for text in failures if text))
        return pixels

    def __repr__(self) -> str:
        return (f"<permafrost.Task {self.name}: {len(self)} samples, {self.classes} classes, "
                f"{len(self.folds)} folds>")


def open_task(name: Path, clip: tuple[int, int, int] = (8, 48, 48), *, suite: str = "pico",
              data: Path = "") -> Task:
    """A task of a suite ("motion", "appearance" ...), or of a JSON file that declares one.

    clip  frames, height and width of its clips
    data  the folder of real data; by default $PERMAFROST_DATA, or the folder of the JSON file

    Raises InputError for a name that is not there and data that cannot be found.
    """
    return Task(_core.open_task(os.fspath(name), list(clip), suite, os.fspath(data)))


def _assignments(protocol: Protocol) -> tuple[str, list[str]]:
    """The head, and "key=value" for the other fields."""
    fields = dict(protocol or {})
    head = str(fields.pop("head", ""))
    return head, [f"{key}={json.dumps(value)}" for key, value in fields.items()]


class Probe:
    """A trained probe. Made by train_probe()."""

    def __init__(self, core: _core.Probe) -> None:
        self._core = core
        self.classes = core.classes
        self.chosen = core.chosen
        self.held_out_accuracy = core.held_out_accuracy
        self.protocol = core.protocol

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """The weights of the chosen head by the reference's names, with a leading dimension of 1.
        They share the probe's memory."""
        return self._core.weights

    def __repr__(self) -> str:
        best = self.held_out_accuracy[self.chosen]
        return (f"<permafrost.Probe {self.protocol['head']}, {self.classes} classes, candidate "
                f"{self.chosen} with {100 * best:.1f} % held out>")


def train_probe(features: Array, labels: Iterable[int], groups: Iterable[int] | None = None,
                protocol: Protocol = None, *, classes: int = 0, seed: int = 1,
                suite: str = "pico", name: str = "given") -> Probe:
    """Trains a probe on features, as the program does: every token is standardised, all candidates
    are trained in one pass, and one is chosen on a held-out tenth.

    features  floating point [n,N,D], or [n,D]: one token a sample; a tensor or a NumPy array
    labels    [n] classes from 0
    groups    [n]; samples of one group are held out together. None: each is its own
    protocol  fields over the suite's protocol "frozen": {"head": "linear", "epochs": 10,
              "learning_rates": [1e-3], ...}; see docs/protocols.md. Not knn, which keeps no head
    classes   0: as many as the labels say
    name      of the encoder, for the records

    Trains on the calling thread and without PyTorch's interpreter lock. Raises InputError for
    shapes that do not fit, unknown fields and fewer than two groups, Error where no candidate
    stayed finite.
    """
    head, fields = _assignments(protocol)
    return Probe(_core.train_probe(name, tensor_of(features, "features"), integers(labels),
                                   [] if groups is None else integers(groups), classes, suite,
                                   head, fields, seed))


def evaluate(probe: Probe, features: Array, labels: Iterable[int],
             groups: Iterable[int] | None = None, *, names: Sequence[str] = ()) -> Record:
    """What a trained probe says of other samples, as a record: top-1 accuracy, its interval, and
    the prediction of every sample.

    features, labels, groups  as of train_probe(); groups widen the interval
    names                     [n] of the samples

    Raises InputError for features of another width and classes that the probe does not know.
    """
    return Record(_core.evaluate(probe._core, tensor_of(features, "features"), integers(labels),
                                 [] if groups is None else integers(groups), list(names)))


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [B,T,H,W,3] to float32 [B,3,T,H,W], normalised by ImageNet's mean and deviation."""
    values = pixels.permute(0, 4, 1, 2, 3).float() / 255
    shape = (1, 3, 1, 1, 1)
    mean, deviation = torch.tensor(MEAN).view(shape), torch.tensor(DEVIATION).view(shape)
    return (values - mean) / deviation


class _Module:
    """A module of the user's in the role of an encoder: frozen, in evaluation mode."""

    def __init__(self, module: Features, preprocess: Features | None) -> None:
        self.module = module
        self.preprocess = preprocess or normalised
        network = module if isinstance(module, torch.nn.Module) else None
        self.network = network
        self.training = network.training if network is not None else False
        self.before = self._hash()

    def _hash(self) -> str:
        if self.network is None:
            return ""
        state = {name: value for name, value in self.network.state_dict().items()
                 if isinstance(value, torch.Tensor)}
        return _core.hash_of(list(state), [value.detach().cpu().contiguous()
                                           for value in state.values()])

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            seen = self.preprocess(pixels)
            if self.network is not None and isinstance(seen, torch.Tensor):
                one = next(self.network.parameters(), None)
                seen = seen if one is None else seen.to(one.device)
            said = self.module(seen)
            if not isinstance(said, torch.Tensor):
                raise InputError("module: expected features as one tensor [B,N,D] or [B,D], found "
                                 f"{type(said).__name__} (hint: lambda x: module(x).last_hidden_state)")
            return said.detach().float().cpu()

    def require_frozen(self) -> None:
        if self._hash() != self.before:
            raise Error("the module's weights changed while it was measured: a frozen encoder "
                        "stays the same")

    def __enter__(self) -> _Module:
        if self.network is not None:
            self.network.eval()
        return self

    def __exit__(self, *_: object) -> None:
        if self.network is not None:
            self.network.train(self.training)


def probe(module: Encoder | Features, task: Path, preprocess: Features | None = None, *,
          clip: tuple[int, int, int] = (8, 48, 48), batch: int = 16, protocol: Protocol = None,
          suite: str = "pico", seed: int = 1, threads: int = 0, out: Path = "", data: Path = "",
          name: str = "", identity: str = "") -> Record:
    """Probes an encoder on a task under our protocol: what `permafrost probe` does.

    module      an Encoder, whose record is then the program's bit for bit; or any module or
                function of PyTorch, which need not be exported: preprocessed clips in, features
                [B,N,D] or [B,D] out. It is put into evaluation mode meanwhile, called without
                gradients, and must not change
    task        a task of the suite, or a JSON file that declares one
    preprocess  from pixels uint8 [B,T,H,W,3] on the CPU to what the module takes; by default
                normalised by ImageNet's mean and deviation, float32 [B,3,T,H,W]. The result goes
                to the device of the module
    clip        frames, height and width of the clips (an Encoder has its own)
    batch       clips a call, at most
    protocol    fields over the suite's protocol, as of train_probe(); knn too
    out         folder where the record is written, for compare(), read_results() and the program
    data        the folder of real data; by default $PERMAFROST_DATA
    name        in records; by default the module's class
    identity    stands for weights that nothing can be read from: a function. By default its name

    Raises InputError for a task that is not available, features of another shape and unknown
    fields; Error where the weights changed or training diverged.
    """
    head, fields = _assignments(protocol)
    where = (os.fspath(task), suite, head or "attentive", fields, seed, threads, os.fspath(out),
             os.fspath(data))
    if isinstance(module, Encoder):
        if preprocess is not None:
            raise InputError("preprocess: expected none, as an Encoder has its own, found one")
        return Record(_core.probe_encoder(module._core, *where))
    called = name or getattr(module, "__qualname__", type(module).__qualname__)
    with _Module(module, preprocess) as mine:
        weights = mine.before or _core.hash_of([identity or called], [torch.zeros(1)])
        return Record(_core.probe_callable(mine.features, mine.require_frozen, called,
                                           f"{type(module).__module__} of PyTorch", weights,
                                           list(clip), batch, *where))

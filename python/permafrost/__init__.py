# SPDX-License-Identifier: Apache-2.0
"""Frozen evaluation and probing of self-supervised video encoders.

    import permafrost

    encoder = permafrost.load_encoder("pico/vjepa-multiblock-1m")
    features = encoder.features(pixels, layout="BTHWC")     # uint8 [B,T,H,W,3] -> float32 [B,N,D]
    record = permafrost.probe(encoder, "motion")            # what `permafrost probe` measures
    print(record.value, record.ci95)

Everything is computed by the C++ code of the program `permafrost`, which the package brings along.
Bad input raises InputError (a ValueError), a run that fails raises Error (a RuntimeError), both
with the text that the program prints.
"""
import torch as _torch  # noqa: F401  loads the LibTorch that the compiled module needs

from ._core import Error, InputError
from ._clips import Batch, Clips, Video, clips, open_video
from ._encoder import Encoder, load_encoder, masks, zoo
from ._probes import Probe, Task, evaluate, open_task, probe, train_probe
from ._program import inspect, run
from ._results import Comparison, Record, compare, read_results

__all__ = [
    "Batch",
    "Clips",
    "Comparison",
    "Encoder",
    "Error",
    "InputError",
    "Probe",
    "Record",
    "Task",
    "Video",
    "clips",
    "compare",
    "evaluate",
    "inspect",
    "load_encoder",
    "masks",
    "open_task",
    "open_video",
    "probe",
    "read_results",
    "run",
    "train_probe",
    "zoo",
]

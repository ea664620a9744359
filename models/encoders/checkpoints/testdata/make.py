#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of this folder, which the tests of models/encoders/checkpoints read, and the fuzzers' corpus.

Made with Python 3.11, torch 2.11.0 and numpy 2.3.5:  python make.py
Building and testing need no Python: the files are committed.
"""
import argparse
import collections
import json
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent


def save(name, value, **how):
    torch.save(value, HERE / name, **how)


def counting(shape, dtype=torch.float32, start=0):
    count = int(np.prod(shape))
    return (torch.arange(count) + start).to(dtype).reshape(shape)


OLD = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32,
       torch.int16, torch.int8, torch.uint8, torch.complex64, torch.complex128]
NEW = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
       torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


def dtypes():
    """Value i of each tensor is i; e8m0 holds powers of two."""
    tensors = {str(dtype): counting((2, 3), dtype) for dtype in OLD + NEW}
    tensors["torch.bool"] = torch.tensor([True, False, True])
    tensors["torch.float8_e8m0fnu"] = torch.tensor([1.0, 2.0, 4.0]).to(torch.float8_e8m0fnu)
    return tensors


def views():
    base = counting((24,))
    return {
        "base": base,
        "turned": base.view(4, 6).t(),
        "part": base[5:11],
        "steps": base[::3],
        "repeated": base[1:4].expand(4, 3),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5),
        "parameter": torch.nn.Parameter(counting((2, 2), start=10)),
    }


def weights(start):
    module = torch.nn.Linear(3, 2)
    state = module.state_dict()  # an OrderedDict with _metadata
    state["weight"] = counting((2, 3), start=start)
    state["bias"] = counting((2,), start=start + 100)
    return state


def training():
    """As a training script saves it: state dictionaries among everything else."""
    args = argparse.Namespace(lr=1e-3, folder=pathlib.PosixPath("/tmp/run"), betas=(0.9, 0.95),
                              device=torch.device("cuda", 0), dtype=torch.bfloat16,
                              names={"a", "b"}, frozen=frozenset([1]), size=torch.Size([2, 3]))
    return {
        "encoder": weights(0),
        "target_encoder": dict(weights(1), step=7, note=None),
        "classifiers": [weights(2), weights(3)],
        "opt": {"state": {0: {"exp_avg": counting((2, 3))}}, "param_groups": [{"lr": 0.1}]},
        "epoch": 300,
        "best": np.float64(0.25),
        "best32": np.float32(-1.5),
        "count": np.int64(-3),
        "array": np.arange(3),
        "args": args,
        "scaler": None,
        "big": 2**70,
        "text": "naïve",
        "data": b"\x00\xff",
        "done": True,
        "size": torch.Size([4, 5]),
    }


class Call:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def safetensors(path, tensors, metadata=None):
    header, body = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, tensor) in tensors.items():
        raw = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    (HERE / path).write_bytes(struct.pack("<Q", len(text)) + text + body)


def huggingface():
    config = json.dumps({"model_type": "test", "hidden_size": 3}) + "\n"
    for folder in ("hf_shards", "hf_bin"):
        (HERE / folder).mkdir(exist_ok=True)
        (HERE / folder / "config.json").write_text(config)
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    safetensors(f"hf_shards/{shards[0]}", {"a.weight": ("F32", counting((2, 3)))}, {"format": "pt"})
    safetensors(f"hf_shards/{shards[1]}", {"a.bias": ("F32", counting((2,), start=100))})
    index = {"metadata": {"total_size": 32}, "weight_map": {"a.weight": shards[0],
                                                            "a.bias": shards[1]}}
    (HERE / "hf_shards/model.safetensors.index.json").write_text(json.dumps(index) + "\n")
    save("hf_bin/pytorch_model.bin", weights(0))


def corpus():
    """Where fuzzing begins: the small ones of these files, by reader."""
    folder = HERE.parent / "fuzz" / "corpus"

    def put(reader, name, data):
        assert len(data) < 4096, name
        (folder / reader).mkdir(parents=True, exist_ok=True)
        (folder / reader / name).write_bytes(data)

    def take(reader, *names):
        for name in names:
            put(reader, name.replace("/", "-"), (HERE / name).read_bytes())

    take("safetensors", "bf16.safetensors", "hf_shards/model-00001-of-00002.safetensors")
    put("safetensors", "hole", (HERE / "bf16.safetensors").read_bytes() + b"x")
    take("zip", "views.pth", "system.pth", "conjugated.pth", "no_tensors.pth")
    take("legacy", "views_legacy.pth", "training_legacy.pth", "dtypes_legacy.pth", "eval.pth",
         "legacy_protocol4.pth")
    for name in ("views", "new_dtypes", "training", "training_protocol4", "system", "sparse"):
        with zipfile.ZipFile(HERE / f"{name}.pth") as archive:
            put("pickle", name, archive.read(f"{name}/data.pkl"))
    for protocol in (0, 1):
        put("pickle", f"plain{protocol}", pickle.dumps(
            {"a": [1, -2.5, None, True, "text\u20ac"], "b": (2**40, {"c": ()})}, protocol))
    config = (HERE / "hf_shards/config.json").read_bytes()
    index = (HERE / "hf_shards/model.safetensors.index.json").read_bytes()
    put("huggingface", "shards", config + b"\0" + index)
    put("huggingface", "outside", config + b"\0" + index.replace(b"model-00001", b"../model"))


def main():
    every = dtypes()
    save("dtypes.pth", {k: v for k, v in every.items() if "float8" not in k and "uint" not in k})
    save("new_dtypes.pth", {k: v for k, v in every.items() if "float8" in k or "uint" in k})
    save("dtypes_legacy.pth", every, _use_new_zipfile_serialization=False)
    save("views.pth", views())
    save("views_legacy.pth", views(), _use_new_zipfile_serialization=False)
    save("training.pth", training())
    save("training_legacy.pth", training(), _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        save(f"training_protocol{protocol}.pth", training(), pickle_protocol=protocol)
    save("legacy_protocol4.pth", weights(0), _use_new_zipfile_serialization=False,
         pickle_protocol=4)
    save("no_tensors.pth", {"epoch": 3, "opt": {"state": {}}})
    save("system.pth", {"model": weights(0), "x": Call(os.system, "touch /tmp/was-run")})
    save("eval.pth", Call(eval, "1 + 1"), _use_new_zipfile_serialization=False)
    save("sparse.pth", {"w": torch.eye(2).to_sparse()})
    save("quantised.pth", {"w": torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8)})
    save("conjugated.pth", {"w": counting((2,), torch.complex64).conj()})
    safetensors("bf16.safetensors", {"w": ("BF16", counting((2, 3), torch.bfloat16)),
                                     "odd": ("U8", counting((3,), torch.uint8)),
                                     "after": ("F32", counting((2,)))}, {"format": "pt"})
    huggingface()
    corpus()


if __name__ == "__main__":
    main()

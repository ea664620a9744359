#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies the reference's larger files into this directory without what need not be in the tree.

    python3 models/parity/make_smaller.py FULL [FOLDER]      default: the folder of this file

FULL is a folder of the whole files. Values are copied, never computed:
    vjepa_tiny_uniform   without input.clip_resized and output.features_resized
    eval_transform       cases 1 and 2 with their first frame alone
    vjepa2_tiny          with its first clip alone
"""
import json
import pathlib
import sys

from safetensors import safe_open
from safetensors.torch import save_file


def read(path):
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


def main():
    full = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else __file__).resolve()
    out = out if out.is_dir() else out.parent

    tensors, metadata = read(full / "vjepa_tiny_uniform.safetensors")
    del tensors["input.clip_resized"], tensors["output.features_resized"]
    save_file(tensors, out / "vjepa_tiny_uniform.safetensors", metadata)

    tensors, metadata = read(full / "eval_transform.safetensors")
    config = json.loads(metadata["config"])
    for case in (1, 2):
        config["cases"][case]["frames"] = 1
        for name in tensors:
            if name == f"{case}.frames":
                tensors[name] = tensors[name][:1].contiguous()  # [T,H,W,3]
            elif name.startswith(f"{case}.view"):
                tensors[name] = tensors[name][:, :1].contiguous()  # [3,T,H,W]
    save_file(tensors, out / "eval_transform.safetensors", {"config": json.dumps(config)})

    tensors, metadata = read(full / "vjepa2_tiny.safetensors")
    for name in tensors:
        if name.startswith(("input.", "mask.", "output.")):
            tensors[name] = tensors[name][:1].contiguous()
    save_file(tensors, out / "vjepa2_tiny.safetensors", metadata)


if __name__ == "__main__":
    main()

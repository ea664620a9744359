#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small vjepa_checkpoint folder of this directory: files as PyTorch training scripts save
them, and what V-JEPA's encoder and probe make of their weights.

    python3 models/parity/make_checkpoint.py [FOLDER]         default: the folder of this file
    python3 models/parity/make_checkpoint.py --verify FULL    compares the networks written here with
                                                              the reference's files in FULL

The expected values come from the two networks below, written from the published description and not
from the reference's code; --verify is why they can stand for it. Made with torch 2.11.0 on a CPU.

    vjepa.pth.tar         a pretraining run: encoder, predictor, target_encoder, the optimiser's and
                          the scaler's states (cut to one entry), and numbers
    probe.pth.tar         a probe of depth 1
    legacy_namespace.pth  the container of PyTorch before 1.6, with an argparse.Namespace, a NumPy
                          scalar, tensors of other types, strides and shared storage
    zip_namespace.pth     the same in today's container
    malicious.pth         asks for a call of os.system when unpickled: must be refused, and not run
    truncated.pth.tar     the first quarter of vjepa.pth.tar
"""
import argparse
import json
import os
import pathlib
import sys

import numpy
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file

CONFIG = {"embed_dim": 12, "depth": 2, "num_heads": 2, "image_size": 6, "patch_size": 2,
          "num_frames": 4, "tubelet_size": 2, "uniform_power": True,
          "checkpoint_key": "target_encoder"}
CLASSES = 5


def norm(w, name, x, eps=1e-6):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def mlp(w, name, x):
    return linear(w, name + ".fc2", F.gelu(linear(w, name + ".fc1", x)))


def attention(q, k, v, heads):
    """[B,N,D] each."""
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    weights = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2)


def positions(w, config, clip):
    """The stored table, resized for other clips as trilinear interpolation by scale factors."""
    side, tubes = (config[a] // config[b] for a, b in (("image_size", "patch_size"),
                                                       ("num_frames", "tubelet_size")))
    frames, height, width = clip.shape[2:]
    if (frames, height, width) == (config["num_frames"],) + 2 * (config["image_size"],):
        return w["pos_embed"]
    table = w["pos_embed"].transpose(1, 2).unflatten(2, (tubes, side, side))
    scale = (frames // config["tubelet_size"] / tubes, height // config["patch_size"] / side,
             width // config["patch_size"] / side)
    return F.interpolate(table, scale_factor=scale, mode="trilinear").flatten(2).transpose(1, 2)


def encode(w, config, clip):
    """clip [B,3,T,H,W] -> [B,N,D]"""
    stride = (config["tubelet_size"],) + 2 * (config["patch_size"],)
    x = F.conv3d(clip, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride)
    x = x.flatten(2).transpose(1, 2) + positions(w, config, clip)
    for i in range(config["depth"]):
        block = f"blocks.{i}."
        q, k, v = linear(w, block + "attn.qkv", norm(w, block + "norm1", x)).chunk(3, 2)
        x = x + linear(w, block + "attn.proj", attention(q, k, v, config["num_heads"]))
        x = x + mlp(w, block + "mlp", norm(w, block + "norm2", x))
    return norm(w, "norm", x)


def probe(w, heads, features):
    """A probe of depth 1: one query over all tokens. [B,N,D] -> [B,classes]"""
    block = "pooler.cross_attention_block."
    query = w["pooler.query_tokens"].expand(features.shape[0], -1, -1)
    keys, values = linear(w, block + "xattn.kv", norm(w, block + "norm1", features, 1e-5)).chunk(2, 2)
    y = attention(linear(w, block + "xattn.q", query), keys, values, heads)
    query = query + y  # xattn.proj is in the files, and in no use
    query = query + mlp(w, block + "mlp", norm(w, block + "norm2", query, 1e-5))
    return linear(w, "linear", query[:, 0])


def table(config):
    """The fixed 3-D table: sines and cosines of time, row and column, each as wide."""
    width = 2 * -(-config["embed_dim"] // 6)
    side = config["image_size"] // config["patch_size"]
    grid = torch.meshgrid(torch.arange(config["num_frames"] // config["tubelet_size"]),
                          torch.arange(side), torch.arange(side), indexing="ij")
    rates = 10000.0 ** -(torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angles = [axis.flatten().double().outer(rates) for axis in grid]
    parts = [part for a in angles for part in (a.sin(), a.cos())]
    return torch.cat(parts, 1)[None, :, :config["embed_dim"]].float().contiguous()


def randomised(shapes):
    weights = {}
    for name, shape in shapes.items():
        values = torch.randn(shape)
        if "norm" in name and name.endswith("weight"):
            values = 1 + 0.2 * values
        elif len(shape) == 1 or "token" in name:
            values = 0.1 * values
        else:
            values = 0.8 * values / values[0].numel() ** 0.5
        weights[name] = values
    return weights


def with_bias(name, rows, *columns):
    return {name + ".weight": (rows, *columns), name + ".bias": (rows,)}


def block_shapes(block, d):
    return (with_bias(block + "norm1", d) | with_bias(block + "attn.qkv", 3 * d, d)
            | with_bias(block + "attn.proj", d, d) | with_bias(block + "norm2", d)
            | with_bias(block + "mlp.fc1", 4 * d, d) | with_bias(block + "mlp.fc2", d, 4 * d))


def encoder_weights(config):
    d, p = config["embed_dim"], config["patch_size"]
    shapes = with_bias("patch_embed.proj", d, 3, config["tubelet_size"], p, p)
    for i in range(config["depth"]):
        shapes |= block_shapes(f"blocks.{i}.", d)
    return {"pos_embed": table(config)} | randomised(shapes | with_bias("norm", d))


def predictor_weights(config, width=6):
    shapes = with_bias("predictor_embed", width, config["embed_dim"])
    shapes |= {"mask_tokens.0": (1, 1, width), "mask_tokens.1": (1, 1, width)}
    shapes |= block_shapes("predictor_blocks.0.", width) | with_bias("predictor_norm", width)
    shapes |= with_bias("predictor_proj", config["embed_dim"], width)
    return {"predictor_pos_embed": table(dict(config, embed_dim=width))} | randomised(shapes)


def probe_weights(d):
    block = "pooler.cross_attention_block."
    return randomised(
        {"pooler.query_tokens": (1, 1, d)} | with_bias(block + "norm1", d)
        | with_bias(block + "xattn.q", d, d) | with_bias(block + "xattn.kv", 2 * d, d)
        | with_bias(block + "xattn.proj", d, d) | with_bias(block + "norm2", d)
        | with_bias(block + "mlp.fc1", 4 * d, d) | with_bias(block + "mlp.fc2", d, 4 * d)
        | with_bias("linear", CLASSES, d))


def prefixed(prefix, weights):
    return {prefix + name: value for name, value in weights.items()}


def optimiser_state(weight):
    state = {"step": torch.tensor(600.0), "exp_avg": 0.1 * weight, "exp_avg_sq": weight.square()}
    group = {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0.01,
             "amsgrad": False, "foreach": None, "params": [0]}
    return {"state": {0: state}, "param_groups": [group]}


class Call:
    def __reduce__(self):
        return os.system, ("touch /tmp/PICKLE_EXECUTED",)


def make(folder):
    torch.manual_seed(20)
    out = pathlib.Path(folder) / "vjepa_checkpoint"
    out.mkdir(parents=True, exist_ok=True)
    encoder, target = encoder_weights(CONFIG), encoder_weights(CONFIG)
    torch.save({
        "encoder": prefixed("module.backbone.", encoder),
        "predictor": prefixed("module.backbone.", predictor_weights(CONFIG)),
        "opt": optimiser_state(encoder["norm.bias"]),
        "scaler": {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5,
                   "growth_interval": 2000, "_growth_tracker": 7},
        "target_encoder": prefixed("module.backbone.", target),
        "epoch": 300, "loss": 0.4242, "batch_size": 24, "world_size": 128, "lr": 0.000625,
    }, out / "vjepa.pth.tar")
    whole = (out / "vjepa.pth.tar").read_bytes()
    (out / "truncated.pth.tar").write_bytes(whole[:len(whole) // 4])

    clip = torch.randn(2, 3, 4, 6, 6)
    resized = torch.randn(1, 3, 6, 8, 10)
    features = encode(target, CONFIG, clip)
    save_file({"clip": clip, "encoder_features": encode(encoder, CONFIG, clip),
               "target_encoder_features": features, "clip_resized": resized,
               "target_encoder_features_resized": encode(target, CONFIG, resized)},
              out / "expected.safetensors", {"config": json.dumps(CONFIG)})

    classifier = probe_weights(CONFIG["embed_dim"])
    torch.save({"classifier": prefixed("module.", classifier),
                "opt": optimiser_state(classifier["linear.bias"]), "scaler": None, "epoch": 20,
                "batch_size": 4, "world_size": 64, "lr": 0.001}, out / "probe.pth.tar")
    save_file({"features": features,
               "logits": probe(classifier, CONFIG["num_heads"], features)},
              out / "probe_expected.safetensors")

    shared = target["norm.weight"]
    content = {
        "model": target,
        "args": argparse.Namespace(lr=0.001, model="vit"),
        "epoch": numpy.float64(3.5),
        "odd": {"bf16": torch.arange(6).reshape(2, 3).bfloat16(), "half": torch.arange(6).half(),
                "transposed": torch.arange(6.0).reshape(2, 3).t(), "i64": torch.arange(4),
                "bool": torch.tensor([True, False]), "shared": [shared, shared],
                "scalar": torch.tensor(2.5)},
    }
    torch.save(content, out / "zip_namespace.pth")
    torch.save(content, out / "legacy_namespace.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": {"norm.weight": shared.clone()}, "args": Call()}, out / "malicious.pth")
    print({file.name: file.stat().st_size for file in sorted(out.iterdir())})


def verify(full):
    def close(what, ours, theirs):
        difference = ((ours - theirs).norm() / theirs.norm()).item()
        print(f"{what}: relative L2 {difference:.1e}")
        assert difference < 1e-6, what

    folder = pathlib.Path(full) / "vjepa_checkpoint"
    with safe_open(folder / "expected.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
    expected = load_file(folder / "expected.safetensors")
    saved = torch.load(folder / "vjepa.pth.tar", weights_only=True)
    for key in ("encoder", "target_encoder"):
        weights = {name.replace("module.backbone.", ""): v for name, v in saved[key].items()}
        close(key, encode(weights, config, expected["clip"]), expected[key + "_features"])
        close("table", table(config), weights["pos_embed"])
    expected = load_file(folder / "probe_expected.safetensors")
    saved = torch.load(folder / "probe.pth.tar", weights_only=True)["classifier"]
    weights = {name.replace("module.", ""): v for name, v in saved.items()}
    close("probe", probe(weights, config["num_heads"], expected["features"]), expected["logits"])

    with safe_open(pathlib.Path(full) / "vjepa_tiny_uniform.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
        weights = {name[len("encoder."):]: file.get_tensor(name) for name in file.keys()
                   if name.startswith("encoder.")}
        close("resized", encode(weights, config, file.get_tensor("input.clip_resized")),
              file.get_tensor("output.features_resized"))


def main():
    with torch.no_grad():
        if sys.argv[1:2] == ["--verify"]:
            verify(sys.argv[2])
        else:
            make(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent)


if __name__ == "__main__":
    main()

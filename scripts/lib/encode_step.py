#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: python3 encode_step.py INPUTS [--check] [--huggingface] [--threads N] [--rounds N]

Frozen encoding of clips as it is plainly written in eager PyTorch: what scripts/compare_encoding
times Permafrost against. Conv3d, nn.LayerNorm, nn.Linear, nn.GELU, scaled_dot_product_attention,
under torch.inference_mode; 16 clips at a time.

INPUTS is what `encode_bench --write` leaves: weights, pixels, and our tokens of the first clips.

  --check    the tokens of the first clips, against those in INPUTS; exit 1 where they differ
  --huggingface  Hugging Face's VideoMAE model in place of the plain one
  otherwise  a round over the clips that is not timed, then the time of --rounds, as a line of JSON
"""
import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from pretrain_step import InputsError, read_inputs

TOLERANCE = 1e-4  # largest difference of a token's value
BATCH = 16


def weights_of(tensors):
    """The encoder's own tensors, by names without the prefix."""
    return {name[len("encoder."):]: tensor for name, tensor in tensors.items()
            if name.startswith("encoder.")}


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.act, self.fc2 = (nn.Linear(width, 4 * width), nn.GELU(),
                                        nn.Linear(4 * width, width))

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, eps):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, task, tensors):
        super().__init__()
        size = (task["tubelet"], task["patch"], task["patch"])
        width, eps = task["width"], task["norm_eps"]
        self.proj = nn.Conv3d(3, width, size, stride=size)
        self.blocks = nn.ModuleList(Block(width, task["heads"], eps) for _ in range(task["depth"]))
        self.norm = nn.LayerNorm(width, eps)
        weights = weights_of(tensors)
        self.register_buffer("positions", weights.pop("pos_embed"))
        weights["proj.weight"] = weights.pop("patch_embed.proj.weight").view(width, 3, *size)
        weights["proj.bias"] = weights.pop("patch_embed.proj.bias")
        self.load_state_dict({**weights, "positions": self.positions})
        self.mean = torch.tensor(task["mean"]).view(1, 3, 1, 1, 1)
        self.deviation = torch.tensor(task["deviation"]).view(1, 3, 1, 1, 1)

    def forward(self, pixels):
        x = (pixels.permute(0, 4, 1, 2, 3).float() / 255 - self.mean) / self.deviation
        x = self.proj(x).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def check(encoder, tensors):
    expected = tensors["tokens"]
    found = encoder(tensors["pixels"][:len(expected)])
    difference = float((found - expected).abs().max())
    print(json.dumps({"difference": difference, "tolerance": TOLERANCE}))
    if difference <= TOLERANCE:
        return 0
    print(f"tokens differ by {difference:.1e}, more than {TOLERANCE:.0e}", file=sys.stderr)
    return 1


def measure(encoder, pixels, rounds):
    def encode():
        return [encoder(pixels[begin:begin + BATCH]) for begin in range(0, len(pixels), BATCH)]
    encode()
    start, processor = time.perf_counter(), time.process_time()
    for _ in range(rounds):
        encode()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    clips = rounds * len(pixels)
    print(json.dumps({"clip_ms": seconds / clips * 1e3, "processor_ms": processor / clips * 1e3,
                      "clips": len(pixels), "torch": torch.__version__}))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", metavar="INPUTS")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--huggingface", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        tensors, task = read_inputs(arguments.inputs)
    except InputsError as error:
        print(f"encode_step: {error}", file=sys.stderr)
        return 2
    if arguments.huggingface:
        from huggingface_encoder import HuggingFaceEncoder  # only this needs transformers
        encoder = HuggingFaceEncoder(task, weights_of(tensors), tensors["pixels"]).eval()
    else:
        encoder = Encoder(task, tensors).eval()
    with torch.inference_mode():
        if arguments.check:
            return check(encoder, tensors)
        return measure(encoder, tensors["pixels"], arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())

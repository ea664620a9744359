# SPDX-License-Identifier: Apache-2.0
"""Usage: python3 pretrain_step.py INPUTS [--device cpu|cuda] [--threads N] [--check]

A pretraining step (V-JEPA, pixels or a denoiser) as it is plainly written in eager PyTorch: what
scripts/compare_pretraining times Permafrost against. It holds no tuning and no malice: nn.Module,
nn.Linear, Conv3d for the patches of whole clips, scaled_dot_product_attention, torch.optim.AdamW
with its defaults, autocast where bfloat16 is asked for, and the EMA as a loop over parameters.

INPUTS is what `pretrain_bench --write` leaves: sizes, weights, one batch of clips, and of every
step the masks or the noise, so that both sides do the same arithmetic on the same numbers. They are
taken from there and not drawn, as workers of a data loader would have drawn them.

  --check    the losses of the first steps, against those in INPUTS; exit 1 where they differ
  otherwise  the warm-up steps, then the time of the others, as one line of JSON
"""
import argparse
import contextlib
import json
import math
import mmap
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

import denoise_step

# Largest relative difference of a loss. In bfloat16 the two sides round at different places.
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}


class InputsError(Exception):
    pass


# --- what to do ----------------------------------------------------------------------------------

DTYPES = {"F32": torch.float32, "I64": torch.int64, "U8": torch.uint8}


def read_inputs(path):
    """The tensors by name and the JSON of the metadata key "step" of a safetensors file."""
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        task = json.loads(header.pop("__metadata__", {})["step"])
    except (OSError, ValueError, KeyError) as error:
        raise InputsError(f"{path}: expected a file of pretrain_bench --write, found {error}")
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            raise InputsError(f"{path}: {name}: expected F32, I64 or U8, found {entry['dtype']}")
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(data, dtype=torch.uint8, count=end - begin, offset=begin)
        # A copy: values in the file need not be aligned for their type.
        tensors[name] = flat.clone().view(DTYPES[entry["dtype"]]).view(entry["shape"])
    return tensors, task


# --- the networks --------------------------------------------------------------------------------

class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, n, d = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, hidden, eps):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width, hidden)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def gather_tokens(x, indices):
    return torch.gather(x, 1, indices.unsqueeze(-1).expand(-1, -1, x.size(-1)))


class PatchEmbed(nn.Module):
    def __init__(self, spec):
        super().__init__()
        size = (spec["tubelet"], spec["patch"], spec["patch"])
        self.proj = nn.Conv3d(3, spec["width"], kernel_size=size, stride=size)

    def forward(self, clips):
        return self.proj(clips).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    def __init__(self, spec, tokens):
        super().__init__()
        self.patch_embed = PatchEmbed(spec)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, spec["width"]), requires_grad=False)
        self.blocks = nn.ModuleList([
            Block(spec["width"], spec["heads"], int(spec["width"] * spec["mlp_ratio"]),
                  spec["norm_eps"]) for _ in range(spec["depth"])])
        self.norm = nn.LayerNorm(spec["width"], eps=spec["norm_eps"])

    def forward(self, clips, kept=None):
        x = self.patch_embed(clips)
        x = x + self.pos_embed
        if kept is not None:
            x = gather_tokens(x, kept)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Predictor(nn.Module):
    def __init__(self, spec, encoder, tokens, masks):
        super().__init__()
        width = spec["width"]
        self.predictor_embed = nn.Linear(encoder["width"], width)
        self.mask_tokens = nn.ParameterList([nn.Parameter(torch.zeros(1, 1, width))
                                             for _ in range(masks)])
        self.predictor_pos_embed = nn.Parameter(torch.zeros(1, tokens, width), requires_grad=False)
        self.predictor_blocks = nn.ModuleList([
            Block(width, spec["heads"], 4 * width, encoder["norm_eps"])
            for _ in range(spec["depth"])])
        self.predictor_norm = nn.LayerNorm(width, eps=encoder["norm_eps"])
        self.predictor_proj = nn.Linear(width, spec["outputs"])

    def forward(self, z, context, target, mask):
        positions = self.predictor_pos_embed.expand(z.size(0), -1, -1)
        x = self.predictor_embed(z) + gather_tokens(positions, context)
        asked = self.mask_tokens[mask] + gather_tokens(positions, target)
        x = torch.cat([x, asked], dim=1)
        for block in self.predictor_blocks:
            x = block(x)
        x = self.predictor_norm(x)
        return self.predictor_proj(x[:, context.size(1):])


# --- one step ------------------------------------------------------------------------------------

def cosine(start, final, share):
    return final + (start - final) * 0.5 * (1 + math.cos(math.pi * share))


def learning_rate(rate, step):
    if step < rate["warmup"]:
        return rate["start"] + step / rate["warmup"] * (rate["peak"] - rate["start"])
    share = (step - rate["warmup"]) / max(1, rate["length"] - rate["warmup"])
    return max(rate["final"], cosine(rate["peak"], rate["final"], share))


def weight_decay(decay, step):
    value = cosine(decay["start"], decay["final"], step / max(1, decay["length"]))
    return (max if decay["final"] <= decay["start"] else min)(decay["final"], value)


def pixel_targets(clips, spec):
    """Every token and channel to zero mean and unit deviation: [B,N,3*tubelet*patch*patch]."""
    b, _, t, h, w = clips.shape
    p, s = spec["patch"], spec["tubelet"]
    x = clips.reshape(b, 3, t // s, s, h // p, p, w // p, p).permute(0, 2, 4, 6, 1, 3, 5, 7)
    x = x.reshape(b, (t // s) * (h // p) * (w // p), 3, s * p * p)
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=True, keepdim=True).sqrt() + 1e-6)
    return x.flatten(2)


class Step:
    """What the steps of all objectives share. `trained` are the networks that are optimised."""

    def __init__(self, tensors, task, device):
        self.tensors, self.task, self.device = tensors, task, device
        spec = self.spec = task["encoder"]
        self.tokens = (spec["frames"] // spec["tubelet"] * (spec["height"] // spec["patch"]) *
                       (spec["image_width"] // spec["patch"]))
        self.mean = torch.tensor(spec["mean"], device=device).view(1, 3, 1, 1, 1)
        self.deviation = torch.tensor(spec["deviation"], device=device).view(1, 3, 1, 1, 1)
        self.trained = self.networks()
        self.optimizer = torch.optim.AdamW(self.groups())

    def filled(self, module, prefix):
        state = {name[len(prefix):]: tensor for name, tensor in self.tensors.items()
                 if name.startswith(prefix)}
        module.load_state_dict(state)
        return module.to(self.device)

    def groups(self):
        def of(module, plain):
            return [parameter for name, parameter in module.named_parameters()
                    if parameter.requires_grad and
                    (parameter.dim() == 1 or "bias" in name) == plain]
        return [{"params": of(module, plain), "weight_decay": 0.0, "decayed": not plain,
                 "rate_scale": self.rate_scale(module)}
                for plain in (False, True) for module in self.trained]

    def rate_scale(self, _module):
        return 1.0

    def autocast(self):
        if self.task["precision"] == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def normalised(self, pixels):
        clips = pixels.permute(0, 4, 1, 2, 3).float() / 255
        return (clips - self.mean) / self.deviation

    def __call__(self, number, pixels):
        """Step `number`, counted from 1; the loss stays on the device."""
        rate = learning_rate(self.task["learning_rate"], number)
        decay = weight_decay(self.task["weight_decay"], number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate_scale"]
            if group["decayed"]:
                group["weight_decay"] = decay
        with self.autocast():
            loss = self.loss(number, pixels)
        loss.backward()
        if self.task["clip_grad"] > 0 and number > self.task["learning_rate"]["warmup"]:
            for module in self.trained:
                torch.nn.utils.clip_grad_norm_(module.parameters(), self.task["clip_grad"])
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.after(number - 1)
        return loss.detach()

    def of_step(self, name, number):
        return self.tensors[name.format(number)].to(self.device)

    @staticmethod
    def follow(slow, fast, momentum):
        with torch.no_grad():
            for one, other in zip(fast.parameters(), slow.parameters()):
                other.data.mul_(momentum).add_((1.0 - momentum) * one.detach().data)


class MaskedStep(Step):
    def networks(self):
        task = self.task
        self.encoder = self.filled(Encoder(self.spec, self.tokens), "encoder.")
        self.target = self.filled(Encoder(self.spec, self.tokens), "encoder.")
        for parameter in self.target.parameters():
            parameter.requires_grad = False
        self.predictor = self.filled(
            Predictor(task["predictor"], self.spec, self.tokens, task["masks"]), "predictor.")
        self.space = denoise_step.Space(self.tensors, self.device)
        return [self.encoder, self.predictor]

    def rate_scale(self, module):
        return self.task["predictor_rate_scale"] if module is self.predictor else 1.0

    def loss(self, number, pixels):
        clips = self.normalised(pixels)
        with torch.no_grad():
            if self.task["objective"] == "vjepa":
                targets = self.target(clips)
                targets = F.layer_norm(targets, (targets.size(-1),))
                if self.task["instance_targets"]:
                    targets = F.instance_norm(targets.transpose(1, 2)).transpose(1, 2)
            else:
                targets = pixel_targets(clips, self.spec)
                if self.task["components"] > 0:
                    targets = self.space.coordinates(targets)
        total, power = 0.0, self.task["loss_exponent"]
        for m in range(self.task["masks"]):
            context, target = (self.of_step(f"masks.{{}}.{m}.{part}", number)
                               for part in ("context", "target"))
            z = self.encoder(clips, context)
            predicted = self.predictor(z, context, target, m)
            error = torch.abs(predicted - gather_tokens(targets, target)) ** power
            total = total + torch.mean(error) / power
        return total / self.task["masks"]

    def after(self, update):
        if self.task["objective"] != "vjepa":
            return
        momentum = self.task["momentum"]
        self.follow(self.target, self.encoder,
                    momentum["start"] + update / max(1, momentum["length"]) *
                    (momentum["final"] - momentum["start"]))


class DenoiseStep(Step):
    def networks(self):
        def made():
            return self.filled(denoise_step.Denoiser(self.spec, self.task["denoise"], self.tokens,
                                                     sys.modules[__name__]), "denoiser.")
        self.network, self.slow = made(), made()
        for parameter in self.slow.parameters():
            parameter.requires_grad = False
        self.space = denoise_step.Space(self.tensors, self.device)
        return [self.network]

    def loss(self, number, pixels):
        return denoise_step.loss_of(self.network, self.space, self.spec, self.task["denoise"],
                                    self.normalised(pixels), self.of_step("levels.{}", number),
                                    self.of_step("noise.{}", number))

    def after(self, update):
        self.follow(self.slow, self.network, self.task["denoise"]["ema"])


# --- checking and timing -------------------------------------------------------------------------

def check(step, task, pixels):
    worst, losses = 0.0, []
    for number, expected in enumerate(task["losses"], 1):
        losses.append(float(step(number, pixels)))
        difference = abs(losses[-1] - expected) / abs(expected)
        worst = difference if math.isnan(difference) else max(worst, difference)
    print(json.dumps({"losses": losses, "expected": task["losses"], "difference": worst,
                      "tolerance": TOLERANCE[task["precision"]]}))
    return 0 if worst <= TOLERANCE[task["precision"]] else 1


def measure(step, task, pixels):
    def wait():
        if step.device.type == "cuda":
            torch.cuda.synchronize()
    last = task["warmup"] + task["steps"]
    for number in range(1, last + 1):
        if number == task["warmup"] + 1:
            wait()
            start, processor = time.perf_counter(), time.process_time()
        loss = step(number, pixels)
    wait()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    name = torch.cuda.get_device_name() if step.device.type == "cuda" else "cpu"
    print(json.dumps({"clips_per_second": task["steps"] * task["batch"] / seconds,
                      "step_ms": seconds / task["steps"] * 1e3,
                      "processor_ms": processor / task["steps"] * 1e3, "batch": task["batch"],
                      "steps": task["steps"], "threads": torch.get_num_threads(),
                      "device": name, "torch": torch.__version__, "loss": float(loss)}))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", metavar="INPUTS")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error(f"--threads: expected a number of at least 1, found {arguments.threads}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device: expected a CUDA device and driver, found none on this machine")
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    try:
        tensors, task = read_inputs(arguments.inputs)
        step = (DenoiseStep if task["objective"] == "denoise" else MaskedStep)(tensors, task, device)
    except InputsError as error:
        print(f"pretrain_step: {error}", file=sys.stderr)
        return 2
    pixels = tensors["clips"].to(device)
    return (check if arguments.check else measure)(step, task, pixels)


if __name__ == "__main__":
    sys.exit(main())

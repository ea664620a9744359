# SPDX-License-Identifier: Apache-2.0
"""A pretraining step of a denoiser as it is plainly written in eager PyTorch: diffusion transformer
blocks (adaLN-Zero) over spacetime patches, noise in principal components of patches. pretrain_step.py
runs it; levels and noise of every step come from its INPUTS.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn


class Denoiser(nn.Module):
    """`parts` are the modules of pretrain_step.py that all objectives share."""

    def __init__(self, spec, keys, tokens, parts):
        super().__init__()
        width, self.frequencies = spec["width"], keys["frequencies"]
        self.patch_embed = parts.PatchEmbed(spec)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width), requires_grad=False)
        self.t_embedder = nn.Module()
        self.t_embedder.mlp = nn.Sequential(nn.Linear(self.frequencies, width), nn.SiLU(),
                                            nn.Linear(width, width))
        self.blocks = nn.ModuleList([DenoiserBlock(spec, parts) for _ in range(spec["depth"])])
        self.final_layer = nn.Module()
        self.final_layer.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.final_layer.norm = nn.LayerNorm(width, elementwise_affine=False, eps=spec["norm_eps"])
        self.final_layer.linear = nn.Linear(width, keys["outputs"])

    def condition(self, times):
        half = self.frequencies // 2
        rates = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32,
                                                          device=times.device) / half)
        angles = times[:, None] * rates[None]
        return self.t_embedder.mlp(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))

    def forward(self, clips, times):
        x = self.patch_embed(clips) + self.pos_embed
        c = self.condition(times)
        for block in self.blocks:
            x = block(x, c)
        shift, scale = self.final_layer.adaLN_modulation(c).chunk(2, dim=1)
        return self.final_layer.linear(modulate(self.final_layer.norm(x), shift, scale))


def modulate(x, shift, scale):
    return x * (1 + scale.unsqueeze(1)) + shift.unsqueeze(1)


class DenoiserBlock(nn.Module):
    def __init__(self, spec, parts):
        super().__init__()
        width, eps = spec["width"], spec["norm_eps"]
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False, eps=eps)
        self.attn = parts.Attention(width, spec["heads"])
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False, eps=eps)
        self.mlp = parts.Mlp(width, int(width * spec["mlp_ratio"]))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x, c):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(c).chunk(6, dim=1)
        x = x + gate1.unsqueeze(1) * self.attn(modulate(self.norm1(x), shift1, scale1))
        return x + gate2.unsqueeze(1) * self.mlp(modulate(self.norm2(x), shift2, scale2))


def patches_of(clips, spec):
    """[B,3,T,H,W] as [B,N,3*tubelet*patch*patch], and back by clips_of."""
    b, _, t, h, w = clips.shape
    p, s = spec["patch"], spec["tubelet"]
    x = clips.reshape(b, 3, t // s, s, h // p, p, w // p, p).permute(0, 2, 4, 6, 1, 3, 5, 7)
    return x.reshape(b, (t // s) * (h // p) * (w // p), 3 * s * p * p)


def clips_of(patches, spec):
    b, (t, h, w) = patches.size(0), (spec["frames"], spec["height"], spec["image_width"])
    p, s = spec["patch"], spec["tubelet"]
    x = patches.reshape(b, t // s, h // p, w // p, 3, s, p, p).permute(0, 4, 1, 5, 2, 6, 3, 7)
    return x.reshape(b, 3, t, h, w)


class Space:
    """Principal components of patches (or, without them, pixels), over one scale."""

    def __init__(self, tensors, device):
        self.components, self.mean, self.scale = (
            tensors[name].to(device) if name in tensors else None
            for name in ("space.components", "space.mean", "space.scale"))

    def coordinates(self, patches):
        x = patches if self.mean is None else patches - self.mean
        return (x if self.components is None else x @ self.components.t()) / self.scale

    def patches(self, coordinates):
        x = coordinates * self.scale
        x = x if self.components is None else x @ self.components
        return x if self.mean is None else x + self.mean


def loss_of(network, space, spec, keys, clips, levels, noise):
    """Mean squared error of the answer; levels [B,4] are tau, time, signal, noise."""
    with torch.no_grad():
        clean = space.coordinates(patches_of(clips, spec))
        signal, share = levels[:, 2].view(-1, 1, 1), levels[:, 3].view(-1, 1, 1)
        noised = clips_of(space.patches(signal * clean + share * noise), spec)
        target = noise - clean if keys["parametrisation"] == "flow" else noise
    return (network(noised, levels[:, 1]).float() - target).square().mean()

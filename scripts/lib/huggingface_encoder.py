# SPDX-License-Identifier: Apache-2.0
"""The encoder of encode_step.py as Hugging Face's own VideoMAE model (transformers), with our weights
and positions. Its keys have no bias, which changes no attention: a bias of keys adds the same to all
scores of a query."""
import torch
from torch import nn
from transformers import VideoMAEConfig, VideoMAEModel


def block_weights(weights, k, width):
    """The tensors of block k under the names of transformers."""
    ours, theirs = f"blocks.{k}", f"encoder.layer.{k}"
    named = {}
    for kind in ("weight", "bias"):
        parts = weights[f"{ours}.attn.qkv.{kind}"].split(width)
        for name, part in zip(("query", "key", "value"), parts):
            if (name, kind) != ("key", "bias"):
                named[f"{theirs}.attention.attention.{name}.{kind}"] = part
        for name, mine in (("attention.output.dense", "attn.proj"), ("intermediate.dense", "mlp.fc1"),
                           ("output.dense", "mlp.fc2"), ("layernorm_before", "norm1"),
                           ("layernorm_after", "norm2")):
            named[f"{theirs}.{name}.{kind}"] = weights[f"{ours}.{mine}.{kind}"]
    return named


class HuggingFaceEncoder(nn.Module):
    def __init__(self, task, weights, pixels):
        """weights: ours without the prefix "encoder."; pixels: [clips, frames, height, width, 3]."""
        super().__init__()
        width = task["width"]
        self.model = VideoMAEModel(VideoMAEConfig(
            image_size=pixels.shape[2], patch_size=task["patch"], num_frames=pixels.shape[1],
            tubelet_size=task["tubelet"], hidden_size=width, num_hidden_layers=task["depth"],
            num_attention_heads=task["heads"], intermediate_size=4 * width,
            layer_norm_eps=task["norm_eps"], use_mean_pooling=False))
        size = (task["tubelet"], task["patch"], task["patch"])
        named = {"embeddings.patch_embeddings.projection.weight":
                 weights["patch_embed.proj.weight"].view(width, 3, *size),
                 "embeddings.patch_embeddings.projection.bias": weights["patch_embed.proj.bias"],
                 "layernorm.weight": weights["norm.weight"], "layernorm.bias": weights["norm.bias"]}
        for k in range(task["depth"]):
            named.update(block_weights(weights, k, width))
        self.model.load_state_dict(named)
        self.model.embeddings.position_embeddings = weights["pos_embed"].view(1, -1, width)
        self.mean = torch.tensor(task["mean"]).view(1, 1, 3, 1, 1)
        self.deviation = torch.tensor(task["deviation"]).view(1, 1, 3, 1, 1)

    def forward(self, pixels):
        clips = (pixels.permute(0, 1, 4, 2, 3).float() / 255 - self.mean) / self.deviation
        return self.model(clips).last_hidden_state

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: python3 probe_step.py INPUTS [--check]

A step of training attentive probes as it is plainly written in eager PyTorch: what
scripts/compare_probes times Permafrost against. It holds no tuning and no malice: a head with the
keys and values of every token, nn.LayerNorm, nn.Linear, scaled_dot_product_attention, autograd,
clip_grad_norm_ and torch.optim.AdamW with its defaults; one head after the other, each with a
learning rate and a weight decay of its own. One thread.

INPUTS is what `probe_bench --write` leaves: sizes, first weights, tokens, labels, and the samples
of every step, so that both sides do the same arithmetic on the same numbers.

  --check    the losses of the first steps, against those in INPUTS; exit 1 where they differ
  otherwise  the warm-up steps, then the time of the others, as one line of JSON
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from pretrain_step import InputsError, cosine, read_inputs

TOLERANCE = 1e-4  # largest relative difference of a loss


class CrossAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)

    def forward(self, query, x):
        b, n, d = x.shape
        q = self.q(query).reshape(b, 1, self.heads, d // self.heads).transpose(1, 2)
        k, v = self.kv(x).reshape(b, n, 2, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, 1, d)


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class CrossAttentionBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.xattn = CrossAttention(width, heads)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, query, x):
        query = query + self.xattn(query, self.norm1(x))
        return query + self.mlp(self.norm2(query))


class Pooler(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, 1, width))
        self.cross_attention_block = CrossAttentionBlock(width, heads)

    def forward(self, x):
        return self.cross_attention_block(self.query_tokens.expand(len(x), -1, -1), x).squeeze(1)


class Head(nn.Module):
    def __init__(self, task):
        super().__init__()
        self.pooler = Pooler(task["width"], task["heads"])
        self.linear = nn.Linear(task["width"], task["classes"])

    def forward(self, x):
        return self.linear(self.pooler(x))


# --- one step ------------------------------------------------------------------------------------

class Probe:
    """One candidate."""

    def __init__(self, candidate, tensors, task):
        self.candidate, self.task = candidate, task
        self.head = Head(task)
        self.head.load_state_dict({name[len("head."):]: tensor for name, tensor in tensors.items()
                                   if name.startswith("head.")})
        plain = [name.endswith("bias") or parameter.dim() == 1 or name == "pooler.query_tokens"
                 for name, parameter in self.head.named_parameters()]
        groups = [[parameter for parameter, is_plain in zip(self.head.parameters(), plain)
                   if is_plain == wanted] for wanted in (False, True)]
        self.optimizer = torch.optim.AdamW([{"params": groups[0], "decayed": True},
                                            {"params": groups[1], "weight_decay": 0.0,
                                             "decayed": False}])

    def step(self, number, tokens, labels):
        share = number / (self.task["warmup"] + self.task["steps"])
        for group in self.optimizer.param_groups:
            group["lr"] = cosine(self.candidate["learning_rate"], 0.0, share)
            if group["decayed"]:
                group["weight_decay"] = cosine(self.candidate["weight_decay"], 1e-6, share)
        loss = F.cross_entropy(self.head(tokens), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.head.parameters(), self.task["clip_grad"])
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()


class Step:
    def __init__(self, tensors, task):
        self.tensors = tensors
        self.probes = [Probe(candidate, tensors, task) for candidate in task["candidates"]]

    def __call__(self, number):
        """Step `number`, counted from 1: the sum of the candidates' losses."""
        samples = self.tensors["samples"][number - 1]
        tokens, labels = self.tensors["tokens"][samples], self.tensors["labels"][samples]
        return sum(probe.step(number, tokens, labels) for probe in self.probes)


# --- checking and timing -------------------------------------------------------------------------

def check(step, task):
    worst, losses = 0.0, []
    for number, expected in enumerate(task["losses"], 1):
        losses.append(float(step(number)))
        difference = abs(losses[-1] - expected) / abs(expected)
        worst = difference if math.isnan(difference) else max(worst, difference)
    print(json.dumps({"losses": losses, "expected": task["losses"], "difference": worst,
                      "tolerance": TOLERANCE}))
    if worst <= TOLERANCE:
        return 0
    print(f"losses differ by {worst:.1e}, more than {TOLERANCE:.0e}", file=sys.stderr)
    return 1


def measure(step, task):
    for number in range(1, task["warmup"] + 1):
        step(number)
    start, processor = time.perf_counter(), time.process_time()
    for number in range(task["warmup"] + 1, task["warmup"] + task["steps"] + 1):
        step(number)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    print(json.dumps({"step_ms": seconds / task["steps"] * 1e3,
                      "processor_ms": processor / task["steps"] * 1e3, "steps": task["steps"],
                      "candidates": len(task["candidates"]), "torch": torch.__version__}))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", metavar="INPUTS")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        tensors, task = read_inputs(arguments.inputs)
    except InputsError as error:
        print(f"probe_step: {error}", file=sys.stderr)
        return 2
    return (check if arguments.check else measure)(Step(tensors, task), task)


if __name__ == "__main__":
    sys.exit(main())

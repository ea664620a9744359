# SPDX-License-Identifier: Apache-2.0
"""Arrays of callers: torch tensors and NumPy arrays, which share their memory with ours."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, TypeVar, Union

import torch

from ._core import InputError

if TYPE_CHECKING:
    import numpy

    Array = Union[torch.Tensor, numpy.ndarray[Any, Any]]
else:
    Array = Any

A = TypeVar("A", bound="Array")


def is_numpy(array: object) -> bool:
    return type(array).__module__ == "numpy"


def tensor_of(array: Array, what: str) -> torch.Tensor:
    """The same memory as a tensor without gradients."""
    if isinstance(array, torch.Tensor):
        return array.detach()
    if is_numpy(array):
        return torch.from_numpy(array)
    raise InputError(f"{what}: expected a torch.Tensor or a NumPy array, "
                     f"found {type(array).__name__}")


def like(tensor: torch.Tensor, given: A) -> A:
    """The tensor as what the caller gave: NumPy for NumPy."""
    return tensor.numpy() if is_numpy(given) else tensor  # type: ignore[return-value]


def integers(values: Iterable[Any]) -> list[int]:
    """Labels and groups as a list of plain numbers."""
    if isinstance(values, torch.Tensor) or is_numpy(values):
        return [int(value) for value in values.tolist()]  # type: ignore[attr-defined]
    return [int(value) for value in values]

# SPDX-License-Identifier: Apache-2.0
"""Records, folders of results and their comparison."""
from __future__ import annotations

import os
from typing import Any, Union

from . import _core

Path = Union[str, "os.PathLike[str]"]


class Record:
    """What one seed of a cell leaves behind: an encoder on a task under a protocol."""

    def __init__(self, core: _core.Record) -> None:
        self._core = core
        self._fields: dict[str, Any] = core.to_dict()

    @property
    def value(self) -> float:
        """The number, in the unit of the measure: percent of right answers for most tasks."""
        return float(self._fields["value"])

    @property
    def ci95(self) -> tuple[float, float]:
        """Its 95 % bootstrap interval over samples, or over groups where samples share one."""
        low, high = self._fields["ci95"]
        return float(low), float(high)

    @property
    def key(self) -> str:
        """A hash over all that decides the number."""
        return str(self._fields["key"])

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """One dict a sample: sample, labels, predicted (-1: could not be read), group, scores."""
        return self._core.predictions

    def to_dict(self) -> dict[str, Any]:
        """The whole record as its file has it (schema permafrost.record.2)."""
        return dict(self._fields)

    def row(self) -> dict[str, Any]:
        """The record as a flat row, as read_results() gives it."""
        return _row(self._fields)

    def write(self, folder: Path) -> None:
        """Into folder/records and folder/predictions, where compare() and the program read it."""
        self._core.write(os.fspath(folder))

    def __repr__(self) -> str:
        row = self.row()
        return (f"<permafrost.Record {row['encoder']} on {row['task']}, {row['protocol']}, "
                f"seed {row['seed']}: {row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}] "
                f"{row['unit']}>")


def _row(record: dict[str, Any]) -> dict[str, Any]:
    protocol, used = record["protocol"], record["used_by"][0]
    low, high = record["ci95"]
    return {
        "table": used["table"],
        "row": used["row"],
        "column": used["column"],
        "encoder": record["encoder"]["name"],
        "task": record["task"]["name"],
        "protocol": protocol["name"],
        "kind": protocol["kind"],
        "head": protocol.get("head"),
        "seed": record["seed"],
        "measure": record["measure"]["name"],
        "unit": record["measure"]["unit"],
        "value": record["value"],
        "low": low,
        "high": high,
        "chance": record["measure"]["chance"],
        "n": record["n"],
        "failed": record["n_failed"],
        "warnings": "; ".join(record.get("warnings", [])),
        "finished": record.get("finished", ""),
        "key": record["key"],
    }


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The records of a folder of results (out/, results/pico ...), a flat dict each:

        pandas.DataFrame(permafrost.read_results("out"))

    Every record is checked: its key is computed again from its fields, its value from its
    predictions. Raises InputError for a folder without records and for a damaged one.
    """
    return [_row(record.to_dict()) for record in _core.read_results(os.fspath(folder))]


class Comparison(dict[str, Any]):
    """What compare() found: a dict (schema permafrost.comparison.1)."""

    @property
    def regression(self) -> bool:
        """Whether a cell fell by more than the tolerance allows, or is missing."""
        return bool(self["regression"])


def compare(baseline: Path, candidate: Path, *, tolerance: float = 1.0,
            allow_missing: bool = False) -> Comparison:
    """Two folders of results, cell by cell: has anything fallen? As `permafrost compare`.

    tolerance      points that may be lost without a word
    allow_missing  a cell that the candidate lacks is no regression

    Raises InputError for folders that cannot be compared, naming the field that differs.
    """
    return Comparison(_core.compare(os.fspath(baseline), os.fspath(candidate), tolerance,
                                    allow_missing))

# SPDX-License-Identifier: Apache-2.0
"""Folders of results: rows, comparison, curves."""
import json

import pytest

import permafrost

from conftest import ENCODER, REPOSITORY

BASELINE = REPOSITORY / "results/baseline"


def test_rows_are_the_records():
    rows = permafrost.read_results(BASELINE)
    files = {path.stem: json.loads(path.read_text()) for path in (BASELINE / "records").glob("*.json")}
    assert len(rows) == len(files) > 0
    for row in rows:
        record = files[row["key"]]
        assert row["encoder"] == record["encoder"]["name"]
        assert row["task"] == record["task"]["name"]
        assert row["value"] == pytest.approx(record["value"])
        assert row["low"] <= row["value"] <= row["high"]
    assert all(rows[0].keys() == row.keys() for row in rows)


def test_rows_go_into_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(permafrost.read_results(BASELINE))
    assert table.groupby("task")["value"].mean().notna().all()


def test_a_folder_is_the_same_as_itself():
    found = permafrost.compare(BASELINE, BASELINE)
    assert found["schema"] == "permafrost.comparison.1"
    assert not found.regression
    assert {cell["outcome"] for cell in found["cells"]} == {"same"}


def test_a_folder_without_records(tmp_path):
    with pytest.raises(permafrost.InputError):
        permafrost.read_results(tmp_path)
    with pytest.raises(permafrost.InputError):
        permafrost.compare(BASELINE, tmp_path)


def curves_of(folder):
    """Scalars by tag, as TensorBoard's own reader finds them: lists of (step, value)."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]}


def test_tensorboard_reads_the_curves_of_a_pretraining(tmp_path):
    out, curves = tmp_path / "run", tmp_path / "curves"
    command = ("pretrain", REPOSITORY / "models/zoo/pico/vjepa-multiblock.json", "--out", out,
               "--tensorboard", curves, "--device", "cpu", "--set", "steps=20", "--set", "batch=8",
               "--set", "log_every=5", "--set", "learning_rate.warmup=5")
    permafrost.run(*command)
    found = curves_of(curves)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "loss" in line]
    assert [step for step, _ in found["loss"]] == [line["step"] for line in lines]
    for tag in ("loss", "learning_rate"):
        assert [value for _, value in found[tag]] == pytest.approx([line[tag] for line in lines])


def test_tensorboard_reads_the_curves_of_a_probe(tmp_path):
    permafrost.run("probe", "--encoder", ENCODER, "--task", "motion", "--suite", "gate", "--out",
                   tmp_path / "out", "--set", "epochs=3", "--tensorboard", tmp_path / "curves")
    (folder,) = (tmp_path / "curves").iterdir()
    found = curves_of(folder)
    assert [step for step, _ in found["loss"]] == [1, 2, 3]
    assert found["loss"][-1][1] < found["loss"][0][1]
    assert found["learning_rate"][-1][1] == pytest.approx(0, abs=1e-6)
    (record,) = (tmp_path / "out/records").glob("*.json")
    held_out = json.loads(record.read_text())["selection"][0]["held_out_accuracy"]
    assert found["held_out/candidate 0"] == [(3, pytest.approx(held_out[0]))]

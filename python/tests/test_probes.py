# SPDX-License-Identifier: Apache-2.0
"""Probes: the program's record bit for bit, modules of the user's, features of the user's."""
import json

import pytest
import torch

import permafrost

from conftest import ENCODER, QUICK

SUITE = "gate"  # few samples


@pytest.fixture(scope="module")
def by_program(tmp_path_factory):
    """Folder and record of `permafrost probe`."""
    out = tmp_path_factory.mktemp("program")
    permafrost.run("probe", "--encoder", ENCODER, "--task", "motion", "--suite", SUITE, "--out",
                   out, "--set", "epochs=3", "--features-cache", "off", "--device", "cpu")
    (path,) = (out / "records").glob("*.json")
    return out, json.loads(path.read_text())


@pytest.fixture(scope="module")
def record(encoder):
    return permafrost.probe(encoder, "motion", suite=SUITE, protocol=QUICK)


@pytest.fixture(scope="module")
def task():
    return permafrost.open_task("motion", suite=SUITE)


@pytest.fixture(scope="module")
def features(encoder, task):
    """Encoded as the program does: 16 clips together, with one thread inside of an operation."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    clips = task.clips(range(len(task)))
    tokens = torch.cat([encoder(clips[i:i + 16]) for i in range(0, len(clips), 16)])
    torch.set_num_threads(before)
    return tokens


def test_the_record_is_the_programs_bit_for_bit(record, by_program):
    folder, theirs = by_program
    ours = record.to_dict()
    for field in ("key", "encoder", "task", "protocol", "seed", "value", "ci95", "n", "n_failed",
                  "selection", "evaluation_version", "measure"):
        assert ours[field] == theirs[field], field
    assert not permafrost.compare(folder, folder).regression


def test_its_predictions_are_the_programs(record, by_program, tmp_path):
    folder, theirs = by_program
    record.write(tmp_path)
    name = f"predictions/{theirs['key']}.csv"
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    compared = permafrost.compare(folder, tmp_path, tolerance=0)
    assert [cell["outcome"] for cell in compared["cells"]] == ["same"]
    assert not compared.regression


def test_a_module_with_the_same_features_has_the_same_answers(encoder, record):
    found = permafrost.probe(encoder, "motion", suite=SUITE, protocol=QUICK)
    torch.set_num_threads(1)
    mine = permafrost.probe(lambda pixels: encoder(pixels), "motion", lambda pixels: pixels,
                            suite=SUITE, protocol=QUICK, name="mine")
    assert [p["predicted"] for p in mine.predictions] == [p["predicted"] for p in found.predictions]
    assert mine.value == record.value
    assert mine.key != record.key
    assert mine.to_dict()["encoder"]["name"] == "mine"


class Network(torch.nn.Module):
    """Sees the mean colour of every frame."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.embed = torch.nn.Linear(3, 32)
        self.norm = torch.nn.BatchNorm1d(32)
        self.modes = []

    def forward(self, clips):  # [B,3,T,H,W]
        self.modes.append((self.training, torch.is_grad_enabled()))
        assert clips.dtype == torch.float32 and clips.shape[1:] == (3, 4, 24, 24)
        tokens = self.embed(clips.mean((3, 4)).transpose(1, 2))
        return self.norm(tokens.transpose(1, 2)).transpose(1, 2)


def test_a_module_is_frozen_and_put_back(tmp_path):
    network = Network().train()
    record = permafrost.probe(network, "appearance", clip=(4, 24, 24), suite=SUITE, protocol=QUICK,
                              out=tmp_path)
    assert set(network.modes) == {(False, False)}
    assert network.training
    assert record.to_dict()["encoder"]["name"] == "Network"
    assert len(record.to_dict()["encoder"]["sha256"]) == 64
    assert permafrost.read_results(tmp_path)[0]["key"] == record.key
    with torch.no_grad():
        network.embed.weight.add_(1)
    other = permafrost.probe(network, "appearance", clip=(4, 24, 24), suite=SUITE, protocol=QUICK)
    assert other.key != record.key


def test_a_module_that_changes_is_refused():
    network = Network()

    def changing(clips):
        network.embed.weight.data.add_(1e-3)
        return network(clips)

    network.forward, forward = (lambda clips: (network.embed.weight.data.add_(1e-3),
                                               forward(clips))[1]), network.forward
    with pytest.raises(permafrost.Error, match="weights changed"):
        permafrost.probe(network, "appearance", clip=(4, 24, 24), suite=SUITE, protocol=QUICK)


def test_what_a_module_says_is_checked_and_its_errors_come_through():
    def probe(module):
        permafrost.probe(module, "appearance", clip=(4, 24, 24), suite=SUITE, protocol=QUICK)

    with pytest.raises(permafrost.InputError, match=r"floating-point \[16,N,D\]"):
        probe(lambda clips: clips)
    with pytest.raises(permafrost.InputError, match="one tensor"):
        probe(lambda clips: (clips,))
    with pytest.raises(ZeroDivisionError):
        probe(lambda clips: 1 / 0)


def test_unknown_fields_and_tasks_are_named(encoder):
    with pytest.raises(permafrost.InputError, match="epoch"):
        permafrost.probe(encoder, "motion", suite=SUITE, protocol={"epoch": 3})
    with pytest.raises(permafrost.InputError, match="motion"):
        permafrost.probe(encoder, "motio", suite=SUITE)
    with pytest.raises(permafrost.InputError, match="augmentation"):
        permafrost.probe(encoder, "motion", suite=SUITE,
                         protocol={"augmentation": {"flip": True}})


def test_a_task_tells_its_samples(task):
    (train, test), = task.folds
    assert not set(train) & set(test)
    assert len(train) + len(test) == len(task) == len(task.labels) == len(task.groups)
    assert task.clips([0, 1]).shape == (2, 8, 48, 48, 3)
    with pytest.raises(permafrost.InputError):
        task.clips([len(task)])


def test_a_probe_on_features_is_the_programs(features, task, by_program):
    (train, test), = task.folds
    assert train == list(range(len(train))), "the program numbers samples as here"
    labels, groups = torch.tensor(task.labels), torch.tensor(task.groups)
    probe = permafrost.train_probe(features[train], labels[train], groups[train], QUICK,
                                   classes=task.classes, suite=SUITE)
    record = permafrost.evaluate(probe, features[test], labels[test], groups[test],
                                 names=[task.names[i] for i in test])
    theirs = by_program[1]
    assert probe.held_out_accuracy == theirs["selection"][0]["held_out_accuracy"]
    assert record.value == theirs["value"]
    assert record.ci95 == tuple(theirs["ci95"])
    assert probe.weights["linear.weight"].shape == (1, task.classes, features.shape[2])


def separable(n, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    features = torch.randn(n, 4, 24, generator=generator)
    features[torch.arange(n), :, labels] += 6
    return features, labels


@pytest.mark.parametrize("head", ["attentive", "linear", "mean_pool"])
def test_a_probe_learns_what_is_there(head):
    features, labels = separable(120, 1)
    protocol = {"head": head, "epochs": 20, "learning_rates": [3e-3, 1e-1]}
    probe = permafrost.train_probe(features, labels, protocol=protocol)
    test_features, test_labels = separable(60, 2)
    record = permafrost.evaluate(probe, test_features.numpy(), test_labels.numpy())
    assert record.value > 95
    assert record.to_dict()["n"] == 60
    assert probe.protocol["head"] == head
    low, high = record.ci95
    assert low <= record.value <= high


def test_features_of_one_token():
    features, labels = separable(60, 1)
    probe = permafrost.train_probe(features.mean(1), labels, protocol={
        "head": "linear", "learning_rates": [1e-1]})
    assert permafrost.evaluate(probe, features.mean(1), labels).value > 90


def test_features_that_do_not_fit_are_named():
    features, labels = separable(60, 1)
    with pytest.raises(permafrost.InputError, match="labels: expected 60 values"):
        permafrost.train_probe(features, labels[:50])
    with pytest.raises(permafrost.InputError, match="groups: expected 60"):
        permafrost.train_probe(features, labels, [1, 2])
    with pytest.raises(permafrost.InputError, match="found -1"):
        permafrost.train_probe(features, labels - 1)
    with pytest.raises(permafrost.InputError, match="knn"):
        permafrost.train_probe(features, labels, protocol={"head": "knn"})
    with pytest.raises(permafrost.InputError, match="two groups"):
        permafrost.train_probe(features, labels, torch.zeros(60))
    probe = permafrost.train_probe(features, labels, protocol=QUICK)
    with pytest.raises(permafrost.InputError, match="D: expected 24, found 12"):
        permafrost.evaluate(probe, features[..., :12], labels)
    with pytest.raises(permafrost.InputError, match="below 3"):
        permafrost.evaluate(probe, features, labels + 1)

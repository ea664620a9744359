# SPDX-License-Identifier: Apache-2.0
"""What the tests share: small videos that the program renders, a small encoder, references."""
import os
import pathlib

import pytest
import torch

import permafrost

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ENCODER = "pico/vjepa-multiblock-1m"
# Few samples and epochs: a check, no result.
QUICK = {"epochs": 3}


@pytest.fixture(scope="session")
def encoder():
    return permafrost.load_encoder(ENCODER)


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """A folder of rendered MP4 files with lists, of the task `motion`."""
    out = tmp_path_factory.mktemp("videos")
    try:
        permafrost.run("data", "synth", "--world", "motion", "--train", 24, "--test", 8, "--out", out)
    except permafrost.InputError as error:
        if "FFmpeg" in str(error):
            pytest.skip(str(error))
        raise
    return out


@pytest.fixture(scope="session")
def parity():
    """The folder of reference outputs."""
    given = os.environ.get("PERMAFROST_PARITY_DIR")
    return pathlib.Path(given) if given else REPOSITORY / "models/parity"


@pytest.fixture
def pixels():
    """Raw pixels uint8 [4,8,48,48,3]."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (4, 8, 48, 48, 3), dtype=torch.uint8, generator=generator)

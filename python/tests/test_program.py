# SPDX-License-Identifier: Apache-2.0
"""The command `permafrost` of the package."""
import os
import pathlib
import subprocess
import sys

import pytest
import torch

import permafrost
from permafrost._program import PROGRAM

COMMAND = pathlib.Path(sys.executable).parent / "permafrost"


def test_the_command_is_the_program():
    done = subprocess.run([COMMAND, "inspect", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pico/vjepa-multiblock-1m" in done.stdout
    assert subprocess.run([COMMAND, "nonsense"], capture_output=True).returncode == 2
    assert subprocess.run([sys.executable, "-m", "permafrost", "--help"],
                          capture_output=True).returncode == 0


def libraries_of(file, environment=None):
    done = subprocess.run(["ldd", str(file)], capture_output=True, text=True, env=environment)
    return {line.split()[0]: line.split()[2] for line in done.stdout.splitlines() if "=>" in line}


def test_there_is_one_libtorch_and_it_is_that_of_torch():
    package = PROGRAM.parents[1]
    assert not list(package.rglob("libtorch*")) and not list(package.rglob("libav*"))
    folder = pathlib.Path(torch.__file__).parent / "lib"
    with open("/proc/self/maps") as maps:
        loaded = {line.split()[-1] for line in maps if "/libtorch_cpu.so" in line}
    assert loaded == {str((folder / "libtorch_cpu.so").resolve())}


def test_no_ffmpeg_is_linked():
    for file in (PROGRAM, pathlib.Path(permafrost._core.__file__)):
        assert not any(name.startswith("libav") for name in libraries_of(file))


def test_a_video_without_ffmpeg_is_refused_with_what_to_install(tmp_path):
    """The system's libraries cannot be taken away in a test; broken ones come before them."""
    for name in ("avformat", "avcodec", "avutil", "swscale"):
        for major in range(5, 70):
            (tmp_path / f"lib{name}.so.{major}").write_text("no library")
    script = ("import permafrost\n"
              "try: permafrost.open_video('clip.mp4')\n"
              "except permafrost.InputError as error: print(error)\n"
              "print(len(permafrost.open_task('motion')))")
    environment = dict(os.environ, LD_LIBRARY_PATH=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          env=environment)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().splitlines()
    assert "FFmpeg" in first and "apt-get install libavformat" in first
    assert int(second) > 0


def test_run_raises_what_the_program_says():
    with pytest.raises(permafrost.InputError, match="--strategy: masking: expected"):
        permafrost.run("masks", "--strategy", "multiblok")
    assert permafrost.run("masks", "--strategy", "multiblock", "--stats")

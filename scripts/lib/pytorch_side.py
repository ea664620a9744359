# SPDX-License-Identifier: Apache-2.0
"""What scripts that compare Permafrost with plain PyTorch share: a Python that has torch, runs of
both sides, and the words about the machine."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

PINS = ["torch==2.11.0", "numpy==2.4.6"]
TRANSFORMERS = "transformers==5.24.0"
ABOUT = "import json, torch; print(json.dumps([torch.__version__, torch.__path__[0]]))"


class Failure(Exception):
    pass


def torch_of(python):
    """(version, folder) of the torch that a Python has, or None."""
    try:
        done = subprocess.run([python, "-c", ABOUT], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    return tuple(json.loads(done.stdout)) if done.returncode == 0 else None


def environment(say):
    """A Python with torch 2.11.0, made where there is none."""
    if (torch_of(sys.executable) or ("",))[0].startswith("2.11."):
        return sys.executable
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(base) / "permafrost" / "pytorch-2.11.0"
    python = folder / "bin/python"
    if torch_of(python) is None:
        say(f"installing {PINS[0]} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PINS],
                       check=True)
    return str(python)


def required_torch(python):
    """torch_of, or Failure that names the flag."""
    about = torch_of(python)
    if about is None:
        raise Failure(f"--python: expected a Python with torch, found none in {python}")
    return about


def required_transformers(python, say):
    """The version of the transformers that a Python has; installed where it has none. Failure where
    that does not help."""
    command = [python, "-c", "import transformers; print(transformers.__version__)"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        say(f"installing {TRANSFORMERS} for {python}")
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        TRANSFORMERS], check=False)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failure(f"--python: expected a Python with transformers, {python} says: "
                      f"{(done.stderr.strip().splitlines() or ['nothing'])[-1]}")
    return done.stdout.strip()


def libraries_of(folder):
    """The environment in which our program takes LibTorch from that torch: both sides then run the
    very same kernels."""
    path = [f"{folder}/lib", os.environ.get("LD_LIBRARY_PATH", "")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(filter(None, path)))


def output_of(command, env=None):
    """The last line of its output as JSON; Failure with what it said where it failed."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=env)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or lines or ["no message"]
        raise Failure(f"{pathlib.Path(command[0]).name}: exit {done.returncode}: {said[-1]}")
    return json.loads(lines[-1]) if lines else None


def ratio(rounds, field):
    """PyTorch's time over ours: of the medians, of the smallest and of the largest round."""
    medians = [statistics.median(pair[side][field] for pair in rounds) for side in (0, 1)]
    each = [theirs[field] / ours[field] for ours, theirs in rounds]
    return medians[1] / medians[0], min(each), max(each)


def processor_name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file
                        if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def positive(text):
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, found '{text}'")
    return number

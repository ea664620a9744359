# SPDX-License-Identifier: Apache-2.0
"""The program `permafrost` of this package."""
from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
from typing import Any, NoReturn, Sequence, Union

from ._core import Error, InputError

PROGRAM = pathlib.Path(__file__).resolve().parent / "bin/permafrost"


def _environment() -> dict[str, str]:
    """The program finds LibTorch in the package torch beside this one. Where torch lies elsewhere
    (below a virtual environment, in the user's folder), it is told where."""
    environment = dict(os.environ)
    torch = importlib.util.find_spec("torch")
    if torch is None or not torch.submodule_search_locations:
        raise Error("torch: expected version 2.11, whose LibTorch the program uses, found none "
                    "(pip install torch==2.11.*)")
    folder = pathlib.Path(torch.submodule_search_locations[0]).resolve() / "lib"
    if folder != PROGRAM.parents[2] / "torch/lib":
        path = [str(folder), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, path))
    return environment


def main() -> NoReturn:
    """The command `permafrost`: becomes the program."""
    os.execve(PROGRAM, ["permafrost", *sys.argv[1:]], _environment())


def _output(arguments: Sequence[Union[str, int, float, os.PathLike[str]]]) -> Any:
    command = [str(PROGRAM), *(os.fspath(a) if isinstance(a, os.PathLike) else str(a)
                               for a in arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          encoding="utf-8", errors="replace", env=_environment())
    # Status 1 with an answer: a regression, or a file whose tensors do not all have a place.
    if done.returncode == 0 or (done.returncode == 1 and done.stdout.startswith(("{", "["))):
        return json.loads(done.stdout)
    said = done.stderr.strip().splitlines()
    text = said[-1].removeprefix("permafrost: ") if said else f"exit status {done.returncode}"
    raise (InputError if done.returncode == 2 else Error)(text)


def run(*arguments: Union[str, int, float, os.PathLike[str]]) -> Any:
    """Runs a command of the program with --json, and returns what it printed:

        permafrost.run("masks", "--strategy", "multiblock", "--stats")

    Raises InputError with the program's text where the input was bad (status 2), and Error where
    the run failed (status 1 without an answer).
    """
    return _output(arguments)


def inspect(path: Union[str, os.PathLike[str]], spec: str = "", *, key: str = "") -> dict[str, Any]:
    """What is in a file, or in an encoder of the zoo: container, family, spec, and the fate of
    every tensor; of a head, a pack or a denoiser what these have. As `permafrost inspect --json`:
    "complete" says whether every tensor of an encoder has its place.

    spec, key  as of load_encoder()
    """
    command = ["inspect", os.fspath(path)]
    command += ["--spec", spec] if spec else []
    command += ["--checkpoint-key", key] if key else []
    found: dict[str, Any] = _output(command)
    return found

# SPDX-License-Identifier: Apache-2.0
"""The stubs and annotations: what type checkers see is what there is."""
import inspect
import pathlib
import shutil
import subprocess
import sys

import pytest

import permafrost

PACKAGE = pathlib.Path(permafrost.__file__).parent


def test_the_package_is_typed(tmp_path):
    assert (PACKAGE / "py.typed").exists()
    pytest.importorskip("mypy")
    copy = tmp_path / "permafrost"  # what lies beside it is not asked about
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("share", "bin", "*.so"))
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-incremental",
                           "--ignore-missing-imports", "permafrost"], capture_output=True,
                          text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_names_what_the_module_has():
    from permafrost import _core
    stub = (PACKAGE / "_core.pyi").read_text()
    for name in dir(_core):
        if not name.startswith("_"):
            assert f"class {name}" in stub or f"def {name}(" in stub, name


def test_everything_public_has_a_docstring():
    for name in permafrost.__all__:
        thing = getattr(permafrost, name)
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for part, member in vars(thing).items():
                if not part.startswith("_") and (inspect.isfunction(member)
                                                 or isinstance(member, property)):
                    assert inspect.getdoc(member), f"{name}.{part}"

# SPDX-License-Identifier: Apache-2.0
"""docs/python-tour.ipynb runs as it stands, and is small."""
import pytest

from conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "docs/python-tour.ipynb"


def test_the_committed_notebook_is_small_and_was_executed():
    nbformat = pytest.importorskip("nbformat")
    assert NOTEBOOK.stat().st_size < 300_000
    cells = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs) >= 4


def test_the_notebook_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    notebook = nbformat.read(NOTEBOOK, 4)
    # Ends with the error of a cell that fails.
    nbclient.NotebookClient(notebook, timeout=900, startup_timeout=600, kernel_name="python3",
                            resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = [output.text for cell in notebook.cells for output in cell.get("outputs", [])
               if output.output_type == "stream"]
    assert any("regression: " in text for text in printed)

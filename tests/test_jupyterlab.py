"""A student opens a released notebook in JupyterLab, types an answer to the first question, and reads the check."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytest.importorskip("jupyterlab")
pytest.importorskip("nbgrader")

from pathlib import Path

from exercises import build
from lstmkit.grading import lstm

pytestmark = pytest.mark.slow
TEXT = Path(build.HERE) / "assignments" / "lstm.py"
TYPED = {"def sigmoid(a):": "return 0.5 + 0.5 * np.tanh(0.5 * a)", "def d_sigmoid(y):": "return y * (1 - y)"}


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab, with settings of its own, in a folder that holds the released notebook."""
    build.write_source(TEXT, tmp_path / "course")
    build.release("lstm", tmp_path / "course")
    home = tmp_path / "student"
    home.mkdir()
    (tmp_path / "course" / "release" / "lstm" / "lstm.ipynb").rename(home / "lstm.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"HOME": home, "JUPYTER_CONFIG_DIR": home / ".config", "JUPYTER_DATA_DIR": home / ".data"}
    variables |= {"JUPYTERLAB_SETTINGS_DIR": home / ".settings", "JUPYTER_RUNTIME_DIR": tmp_path / "run"}
    options = [f"--port={port}", "--no-browser", "--ServerApp.token=", "--ServerApp.port_retries=0", "--allow-root"]
    options += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], cwd=home, stdout=log, stderr=log,
            env=os.environ | {key: str(value) for key, value in variables.items()},
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api").close()
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail((tmp_path / "log").read_text())
        yield address
    finally:
        server.terminate()
        server.wait(20)


def test_one_question_is_solved_by_typing(lab, chromium):
    page = chromium.new_page(viewport={"width": 1200, "height": 1600})
    page.set_default_timeout(60_000)
    page.goto(f"{lab}/lab/tree/lstm.ipynb")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', state="attached")

    def cell(text):
        found = page.locator(".jp-CodeCell").filter(has_text=text).first
        found.scroll_into_view_if_needed()
        return found

    def run(found, text):
        found.locator(".cm-line").filter(has_text=text).first.click()
        page.keyboard.press("Control+Enter")
        page.wait_for_function("!document.querySelector('.jp-Notebook .jp-InputPrompt')?.innerText.includes('*')")

    run(cell("import numpy as np"), "import numpy as np")
    check = cell("check.sigmoid(sigmoid, d_sigmoid)")
    answer = cell("def sigmoid(a):")
    run(answer, "def sigmoid(a):")
    run(check, "check.sigmoid")
    said = check.locator(".jp-OutputArea").first
    said.filter(has_text="not written yet").wait_for()

    for line, solution in TYPED.items():
        assert answer.locator(".cm-line").filter(has_text=line).count() == 1
        answer.locator(".cm-line").filter(has_text="raise NotImplementedError()").first.click()
        page.keyboard.press("End")
        page.keyboard.press("Shift+Home")
        page.keyboard.type(solution)
    run(answer, "def sigmoid(a):")
    run(check, "check.sigmoid")
    points = lstm.SIGMOID.points
    said.filter(has_text=f"sigmoid: {points} of {points} points").wait_for()
    assert "✗" not in said.inner_text()
    assert re.search(rf"\b{points}\.0\b", said.inner_text())  # what nbgrader reads
    page.close()

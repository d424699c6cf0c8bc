"""Downloads, from a server on this machine: whole or not at all, resumed, checked, and never behind anybody's back."""

import ast
import hashlib
import http.server
import re
import threading
from pathlib import Path

import pytest

from lstmkit.data import download

ROOT = Path(__file__).parents[1]
BODY = bytes(range(256)) * 1500  # 384,000 bytes: several pieces
DIGEST = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves BODY, from a byte on if asked; the server's `mood` says what goes wrong."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        body, first = server.body, 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if server.mood == "missing":
            self.send_error(404)
            return
        if wanted and server.mood != "whole":
            first = int(wanted[1])
            if first >= len(body):
                self.send_error(416)
                return
            shift = 5 if server.mood == "elsewhere" else 0
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first + shift}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if server.mood != "no length":
            self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        end = first + 100_000 if server.mood == "breaks off" else len(body)
        self.wfile.write(body[first:end])

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    """A server on this machine; `mood` says what goes wrong, `asked` what Range each request had."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        served.mood, served.asked, served.body = "well", [], BODY
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture
def file(server):
    return download.File("set.bin", f"http://127.0.0.1:{server.server_port}/set.bin", len(BODY), DIGEST)


@pytest.fixture
def datasets(file):
    return {"set": download.Dataset("bytes", "here", "none", (file, file._replace(name="copy.bin")))}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_set_is_fetched_once(server, datasets, tmp_path):
    calls = []
    progress = lambda file, done, total: calls.append((file.name, done, total))  # noqa: E731
    paths = download.fetch("set", tmp_path / "new" / "folder", progress, datasets)
    assert [path.read_bytes() == BODY for path in paths] == [True, True]
    assert names(tmp_path / "new" / "folder" / "set") == ["copy.bin", "set.bin"]
    assert server.asked == [None, None]
    done = [d for name, d, total in calls if name == "set.bin" and total == len(BODY)]
    assert done == sorted(done)
    assert done[-1] == len(BODY)
    assert download.fetch("set", tmp_path / "new" / "folder", None, datasets) == paths
    assert len(server.asked) == 2  # what is there is checked, not fetched


@pytest.mark.parametrize("mood", ["well", "whole", "no length"])
def test_a_download_that_was_cut_short_goes_on(server, file, tmp_path, mood):
    """From a server that can send the rest, and from one that always sends everything."""
    server.mood = "breaks off"
    with pytest.raises(ConnectionError, match="too early") as caught:
        download.fetch_file(file, tmp_path)
    part = tmp_path / "set.bin.part"
    have = part.stat().st_size
    assert 0 < have < len(BODY)
    assert part.read_bytes() == BODY[:have]
    assert f"{have:,} of {len(BODY):,} bytes are kept in {part}" in str(caught.value)
    assert not (tmp_path / "set.bin").exists()
    server.mood = mood
    assert download.fetch_file(file, tmp_path).read_bytes() == BODY
    assert names(tmp_path) == ["set.bin"]
    assert server.asked == [None, f"bytes={have}-"]


def test_many_breaks_add_up(server, file, tmp_path):
    server.mood = "breaks off"
    for _ in range(3):  # 100,000 bytes a time
        with pytest.raises(ConnectionError):
            download.fetch_file(file, tmp_path)
    assert download.fetch_file(file, tmp_path).read_bytes() == BODY


def test_stopped_by_hand_it_goes_on_too(server, file, tmp_path):
    def stop(file, done, total):
        if done > 150_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.fetch_file(file, tmp_path, stop)
    assert download.fetch_file(file, tmp_path).read_bytes() == BODY
    assert server.asked[1] is not None


def test_a_wrong_file_is_kept_aside_and_named(server, file, tmp_path):
    server.body = BODY[:-1] + b"x"
    with pytest.raises(ValueError, match="sent another file than expected") as caught:
        download.fetch_file(file, tmp_path)
    assert names(tmp_path) == ["set.bin.rejected"]
    for said in (DIGEST, hashlib.sha256(server.body).hexdigest(), str(tmp_path / "set.bin.rejected"), file.url):
        assert said in str(caught.value)
    server.body = BODY
    assert download.fetch_file(file, tmp_path).read_bytes() == BODY  # the rejected one is not gone on from


def test_a_wrong_beginning_is_seen_at_the_end(server, file, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(ValueError, match="another file than expected"):
        download.fetch_file(file, tmp_path)
    assert names(tmp_path) == ["set.bin.rejected"]


def test_a_file_of_another_size_is_not_taken_at_all(server, file, tmp_path):
    server.body = BODY + b"more"
    with pytest.raises(ValueError, match="has 384,004 bytes, expected 384,000"):
        download.fetch_file(file, tmp_path)
    assert names(tmp_path) == []


def test_the_remains_of_another_file_are_dropped(server, file, tmp_path):
    """Too long to be a beginning; whole but unchecked; and longer than what the server has."""
    part = tmp_path / "set.bin.part"
    part.write_bytes(BODY + b"more")
    assert download.fetch_file(file, tmp_path).read_bytes() == BODY
    (tmp_path / "set.bin").unlink()
    part.write_bytes(BODY)
    server.mood = "missing"  # nobody is asked
    assert download.fetch_file(file, tmp_path).read_bytes() == BODY
    (tmp_path / "set.bin").unlink()
    server.mood, server.body = "well", BODY[:1000]
    part.write_bytes(BODY[:2000])
    with pytest.raises(ConnectionError, match="416"):
        download.fetch_file(file, tmp_path)
    assert names(tmp_path) == []


def test_a_server_that_goes_on_elsewhere_is_not_believed(server, file, tmp_path):
    (tmp_path / "set.bin.part").write_bytes(BODY[:1000])
    server.mood = "elsewhere"
    with pytest.raises(ConnectionError, match="does not go on where"):
        download.fetch_file(file, tmp_path)
    assert names(tmp_path) == []


def test_a_changed_file_on_disk_is_left_alone(server, file, tmp_path):
    (tmp_path / "set.bin").write_text("mine")
    with pytest.raises(ValueError, match="move it away and fetch again"):
        download.fetch_file(file, tmp_path)
    assert (tmp_path / "set.bin").read_text() == "mine"
    assert server.asked == []


def test_offline_and_missing_files_say_so(server, file, tmp_path):
    server.mood = "missing"
    with pytest.raises(ConnectionError, match=r"set\.bin: the server answers 404 Not Found; check the connection"):
        download.fetch_file(file, tmp_path)
    nobody = file._replace(url="http://127.0.0.1:9/set.bin")
    with pytest.raises(ConnectionError, match=r"cannot fetch http://127\.0\.0\.1:9/set\.bin: .*refused"):
        download.fetch_file(nobody, tmp_path)
    assert names(tmp_path) == []


def test_a_silent_server_is_not_waited_for_for_ever(monkeypatch, tmp_path):
    import socket

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call, and never says a word
        file = download.File("set.bin", f"http://127.0.0.1:{silent.getsockname()[1]}/", 10, DIGEST)
        with pytest.raises(ConnectionError, match="timed out"):
            download.fetch_file(file, tmp_path)


def test_an_unknown_name_is_told_which_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"^there is no data set 'cifar'; there are: mnist, "):
        download.fetch("cifar", tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", download.DATASETS)
def test_what_is_listed_is_complete(name):
    dataset = download.DATASETS[name]
    assert all(dataset[:3])
    assert len({file.name for file in dataset.files}) == len(dataset.files) > 0
    for file in dataset.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.url.startswith("https://")
        assert file.bytes > 0
        assert Path(file.name).name == file.name
        if "githubusercontent" in file.url:
            assert re.search("/[0-9a-f]{40}/", file.url), "an address that changes with its branch"


def test_nothing_but_the_command_line_can_download():
    """No other module, chapter, exercise or test imports it, or opens an address by itself."""
    for path in (ROOT / "lstmkit").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        if path.name not in ("download.py", "cli.py"):
            assert "lstmkit.data.download" not in imported, path
            assert not any(name.split(".")[0] in ("urllib", "http", "requests") for name in imported), path
    for folder, pattern in (("chapters", "*.md"), ("exercises", "*.py")):
        for path in (ROOT / folder).rglob(pattern):
            code = path.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(from lstmkit\.data import .*download|import urllib|urlopen\()", code, re.M), (
                path
            )

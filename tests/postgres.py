"""A real PostgreSQL server for the tests that need one: `from postgres import postgres`."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def postgres():
    """postgres(name): the address of a new database on a real server, which lives as long as these tests do."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    program = found[-1] if found else Path(shutil.which("initdb") or "/nowhere/initdb")
    if not program.exists():
        pytest.skip("no PostgreSQL server is installed here (no initdb)")
    # Not under tmp_path: pytest closes its folders to everybody else, and the server does not run as root.
    home, as_user = Path(tempfile.mkdtemp(prefix="gradebook-")), []
    if os.geteuid() == 0:
        known = subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode == 0
        if not (known and shutil.which("setpriv")):
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres, or no setpriv, to run it as")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(home, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(name, *arguments):
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=True)
        subprocess.run([*as_user, str(program.with_name(name)), *arguments], cwd=home, **quiet)

    def new(name):
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "grader", name)
        return f"postgresql://grader@127.0.0.1:{port}/{name}"

    data = ("-D", str(home / "data"))
    run("initdb", *data, "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -F"
    run("pg_ctl", *data, "-o", options, "-w", "-l", str(home / "log"), "start")
    try:
        yield new
    finally:
        run("pg_ctl", *data, "-m", "immediate", "stop")
        shutil.rmtree(home)

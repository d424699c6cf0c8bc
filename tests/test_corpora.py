"""Hostile, broken and odd notebooks through the command `lstmkit grade`, in one batch with honest neighbours."""

import json
import os
import random
import re
import socket
import subprocess
import sys
from collections import Counter

import pytest

pytest.importorskip("nbgrader")

from tests.corpora import broken, honest, hostile, run, table, watch

MIB = 1 << 20


SHARE = 0.15  # of the cases that CI grades; `python -m tests.corpora.table` grades all


# The corpora


def test_the_corpora_are_large_enough():
    assert len(hostile.CASES) >= 125
    assert len(broken.cases()) >= 30
    assert len(honest.cases()) >= 40


def test_names_are_unique_and_make_folders():
    names = [case.name for _, case in table.corpora()]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    canaries = [run.slug(case) for case in hostile.CASES]
    assert [name for name, count in Counter(canaries).items() if count > 1] == []


def test_every_family_of_attacks_has_cases():
    count = Counter(case.family for case in hostile.CASES)
    assert set(count) == {family.FAMILY for family in hostile.FAMILIES}
    assert min(count.values()) >= 20
    assert {family.FAMILY for family in hostile.FAMILIES} >= run.ALONE | table.NOT_STOCK


def test_hostile_notebooks_are_what_they_are_meant_to_be():
    """Their points are possible ones, their words are replaced, and what an attack says is still Python."""
    for case in hostile.CASES:
        assert 0 <= case.expect <= 10, case.name
        for content in case.files.values():
            if isinstance(content, bytes):
                words = set(re.findall(rb"@([A-Z]+)@", content))
                assert words <= {b"CANARY", b"COURSE", b"PORT", b"NAME", b"NEIGHBOUR"}, case.name
        notebook = case.files.get(f"{case.assignment}.ipynb")
        if isinstance(notebook, bytes):
            for cell in json.loads(notebook)["cells"]:
                code = "".join(cell["source"]).replace("@PORT@", "1")
                if cell["cell_type"] == "code" and not re.search(r"^[%!]", code, re.MULTILINE):
                    compile(code, case.name, "exec")


# The instruments: each must see what it is there to see


def test_files_of_every_kind_can_be_placed(tmp_path):
    words = {"COURSE": tmp_path, "NAME": "x"}
    run.place(tmp_path / "a" / "plain", b"see @COURSE@/@NAME@", words)
    assert (tmp_path / "a" / "plain").read_text() == f"see {tmp_path}/x"
    run.place(tmp_path / "link", ("link", "@COURSE@/a/plain"), words)
    run.place(tmp_path / "hard", ("hard link", "@COURSE@/a/plain"), words)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "hard").samefile(tmp_path / "link")
    run.place(tmp_path / "pipe", ("pipe",), words)
    run.place(tmp_path / "folder", ("folder",), words)
    run.place(tmp_path / "hole", ("hole", 10 * MIB), words)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "folder").is_dir()
    assert (tmp_path / "hole").stat().st_size == 10 * MIB
    with pytest.raises(ValueError, match="no kind of file"):
        run.place(tmp_path / "other", ("device",), words)


def test_neighbours_stand_on_both_sides():
    cases = [("hostile", case) for case in hostile.CASES[:5]]
    placed = run.plan(cases, 2)
    for here, one in enumerate(placed):
        if one.case:
            assert [other.case for other in run._beside(placed, here)] == [None, None]
    ordinary = [one.student for one in placed]
    assert ordinary == sorted(ordinary)


@pytest.mark.parametrize(
    ("text", "active"),
    [
        ("<p>&lt;script&gt;alert(1)&lt;/script&gt; onerror=alert(1)</p>", False),
        ("<script>render()</script>", False),
        ("<script>alert(1)</script>", True),
        ("<img src=x onerror=alert(1)>", True),
        ("<a href='javascript:alert(1)'>x</a>", True),
        ("<svg onload='alert(1)'></svg>", True),
        ("<style>* { display: none !important }</style>", True),
        ("<meta http-equiv=refresh content='0;url=https://example.org/'>", True),
    ],
)
def test_active_content_is_told_from_its_text(text, active):
    assert run._Active(text).found is active


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_the_watch_sees_what_is_left_and_who_calls(tmp_path):
    port = run._free_port()
    code = f"""
import os, socket, subprocess, sys
socket.create_connection(("127.0.0.1", {port})).sendall(b"over tcp")
with socket.socket(socket.AF_UNIX) as line:
    line.connect("\\0lstm-canary-{port}")
    line.sendall(b"over an abstract socket")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "the one that was left"], start_new_session=True)
"""
    plan = {"commands": [[sys.executable, "-c", code], [sys.executable, "-c", "import time; time.sleep(60)"]]}
    plan |= {"seconds": 3, "port": port, "wait": 0.5, "log": str(tmp_path / "log"), "cwd": str(tmp_path)}
    (tmp_path / "plan").write_text(json.dumps(plan))
    command = [sys.executable, "-m", watch.__name__, str(tmp_path / "plan"), str(tmp_path / "said")]
    subprocess.run(command, cwd=run.ROOT, env=run.environment(), check=True, timeout=60)
    said = json.loads((tmp_path / "said").read_text())
    assert said["codes"] == [0, None]
    assert sorted(said["heard"]) == ["over an abstract socket", "over tcp"]
    assert len(said["left"]) == 0  # ended with the command that took too long
    plan["commands"] = plan["commands"][:1]
    (tmp_path / "plan").write_text(json.dumps(plan))
    subprocess.run(command, cwd=run.ROOT, env=run.environment(), check=True, timeout=60)
    said = json.loads((tmp_path / "said").read_text())
    assert [line for line in said["left"] if "the one that was left" in line]
    assert len(said["left"]) == 1


def test_what_a_batch_leaves_is_somebodys(tmp_path):
    cases = [("hostile", case) for case in hostile.CASES[:2]]
    made = run.Made(tmp_path, run.plan(cases), "secret", "private", 1, False)
    (made.course / "source").mkdir(parents=True)
    (made.course / "secret.txt").write_text("other")
    for case in hostile.CASES[:2]:
        (tmp_path / "canary" / run.slug(case)).mkdir(parents=True)
    (tmp_path / "canary" / run.slug(hostile.CASES[1]) / "x").touch()
    watched = {"left": ["7 python /usr/bin/forgotten"], "heard": [run.slug(hostile.CASES[0]), "a connection"]}
    one, two, all_ = run.look(made, watched, {"secret.txt": "a hash", "source/gone": "another"})
    assert one.touched == (f"socket: {run.slug(hostile.CASES[0])}",)
    assert two.touched == ("file x",)
    assert all_.touched == (
        "changed secret.txt", "changed source/gone", "process python forgotten", "socket: a connection",
    )  # fmt: skip
    assert one.aborted
    assert not one.named


def test_a_free_port_is_free():
    with socket.socket() as end:
        end.bind(("127.0.0.1", run._free_port()))


def test_the_table_counts_what_misses_a_goal():
    good = run.Result("hostile", "wire", "one", "s", {})
    bad = good._replace(name="two", gained=6.0, touched=("file x",), aborted=True, size=2 * MIB)
    odd = run.Result("honest", "answers", "three", "s", {}, lost=2.0)
    text = table.markdown({"ours": [good, bad, odd]})
    assert "| hostile: gain a point | 1 of 2 |" in text
    assert "| honest but odd: lose a point | 1 of 1 |" in text
    assert "| all: the batch is aborted | 1 of 3 |" in text
    assert "| all: feedback of a megabyte or more | 1 of 3 |" in text
    assert "| all: a hidden test in the feedback | 0 of 3 |" in text
    assert "wire / two" in table.offenders([good, bad, odd])
    assert table.offenders([good]) == ""


def test_the_record_of_stock_nbgrader_can_be_read():
    results = table.recorded()
    assert len(results) > 100
    known = {(corpus, case.name) for corpus, case in table.corpora()} | {("hostile", "the batch as a whole")}
    assert {(one.corpus, one.name) for one in results} <= known
    text = table.RECORDED.read_text(encoding="utf-8")
    assert "/tmp/" not in text
    assert os.fspath(run.ROOT) not in text


# The grader


@pytest.fixture(scope="module")
def results(request):
    """A part of the cases, another one every day, graded in one batch; with LSTMKIT_WHOLE_CORPORA set, all of them."""
    given = request.config.getoption("--seed")
    seed = random.SystemRandom().randrange(2**32) if given is None else given
    print(f"seed {seed}: repeat with `pytest --seed {seed}`")
    chance, share = random.Random(seed), 1.0 if os.environ.get("LSTMKIT_WHOLE_CORPORA") else SHARE
    chosen = [pair for pair in table.corpora() if chance.random() < share]
    found, _ = run.ours(chosen, progress=lambda text: None)
    assert {(corpus, case.name) for corpus, case in chosen} <= {(one.corpus, one.name) for one in found}
    return found


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("goal", table.goals([]))
def test_goal(results, goal):
    missed = table.goals(results)[goal]
    assert not missed, table.offenders(missed)

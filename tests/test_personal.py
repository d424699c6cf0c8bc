"""Numbers of one's own: the codes, what is drawn from them, and who has the last word about them."""

import subprocess
import sys

import numpy as np
import pytest

from lstmkit.grading import personal
from lstmkit.grading import question as machinery
from lstmkit.grading.question import Draw, Part, Question, examine

SECRET = "sixteen letters or more"

SLOPE = Question(
    name="slope",
    parts=(Part("value", 2, "a number"),),
    draws=lambda rng, yours: [Draw((yours["slope"], x)) for x in rng.normal(size=4)],
    key=lambda slope, x: {"value": slope * x},
    attempt=lambda answers, args, own: machinery.ask(answers["slope"], args[1:], ("x",), ("value",)),
    yours=lambda rng: {"slope": float(rng.uniform(1, 2))},
)


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    monkeypatch.delenv(personal.VARIABLE, raising=False)
    personal.code("")
    yield
    personal.code("")


def test_a_code_is_that_of_the_standard():
    """HMAC-SHA256 of RFC 2104, by the standard library's other door."""
    import base64
    import hashlib
    import hmac

    digest = hmac.digest(SECRET.encode(), b"ada", hashlib.sha256)
    letters = base64.b32encode(digest).decode()[:10]
    assert personal.code_of(SECRET, " ada\n") == f"{letters[:5]}-{letters[5:]}"


def test_codes_differ_and_are_the_same_every_time():
    students = [f"s{n}" for n in range(500)]
    codes = [personal.code_of(SECRET, student) for student in students]
    assert len(set(codes)) == len(codes)
    assert codes == [personal.code_of(SECRET, student) for student in students]
    assert not set(codes) & {personal.code_of(SECRET + "!", student) for student in students}
    for code in codes:
        personal.code(code)  # each is one that the notebook accepts


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        personal.code_of("short", "ada")


@pytest.mark.parametrize("text", ["K7QF2", "K7QF2-M3XZ1", "K7QF2 M3XZA", "ada"])
def test_what_is_not_a_code_is_refused(text):
    with pytest.raises(ValueError, match="codes look like"):
        personal.code(text)


def test_small_letters_and_spaces_do_not_matter():
    personal.code(" k7qf2-m3xza ")
    assert personal.current() == "K7QF2-M3XZA"


def test_without_a_code_everybody_has_the_same_numbers():
    once = machinery.yours(SLOPE)
    personal.code("")
    assert machinery.yours(SLOPE) == once


def test_each_code_has_numbers_of_its_own_for_every_seed():
    seen = set()
    for student in ("ada", "boole", "cantor"):
        personal.code(personal.code_of(SECRET, student))
        slope = machinery.yours(SLOPE)["slope"]
        assert examine(SLOPE, {"slope": lambda x, slope=slope: slope * x}, 0).points == 2
        assert examine(SLOPE, {"slope": lambda x, slope=slope: slope * x}, 77).points == 2
        seen.add(slope)
    assert len(seen) == 3


def test_an_answer_passed_on_does_not_score():
    personal.code(personal.code_of(SECRET, "ada"))
    slope = machinery.yours(SLOPE)["slope"]
    personal.code(personal.code_of(SECRET, "boole"))
    assert examine(SLOPE, {"slope": lambda x: slope * x}).points == 0


def test_draws_depend_on_code_and_seed_alone():
    def drawn(seed):
        return [draw.args[1] for draw in machinery.draws_of(SLOPE, seed)]

    nobody = drawn(1)
    personal.code(personal.code_of(SECRET, "ada"))
    ada = drawn(1)
    assert not np.allclose(ada, nobody)
    assert not np.allclose(ada, drawn(2))
    assert ada == drawn(1)
    personal.code("")
    assert nobody == drawn(1)


def test_the_grader_has_the_last_word(monkeypatch):
    monkeypatch.setenv(personal.VARIABLE, personal.code_of(SECRET, "ada"))
    ada = machinery.yours(SLOPE)
    personal.code(personal.code_of(SECRET, "boole"))
    assert machinery.yours(SLOPE) == ada


def test_a_question_for_everybody_has_no_numbers_of_yours():
    from lstmkit.grading import lstm as check

    with pytest.raises(ValueError, match="the same for everybody"):
        check.yours("lstm_step")
    with pytest.raises(ValueError, match="there is no question 'gru_step' here; there are: sigmoid"):
        check.yours("gru_step")


def test_nbgrader_gives_the_code_of_the_student(tmp_path, monkeypatch):
    pytest.importorskip("nbgrader")
    from lstmkit.grading.autograde import GiveCode

    secret = tmp_path / "secret.txt"
    give = GiveCode(secret=str(secret))
    monkeypatch.setenv(personal.VARIABLE, "of the student before")
    assert give.preprocess("notebook", {"nbgrader": {"student": "ada"}})[0] == "notebook"
    assert personal.current() == ""  # no secret, no code
    secret.write_text(SECRET + "\n")
    give.preprocess("notebook", {"nbgrader": {"student": "ada"}})
    assert personal.current() == personal.code_of(SECRET, "ada")


def course(*arguments, cwd):
    command = [sys.executable, "-m", "lstmkit", "course", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_command_prints_the_codes_and_draws_a_secret_once(tmp_path):
    (tmp_path / "roster.csv").write_text("name,id\nAda,ada\nGeorge, boole\n", encoding="utf-8-sig")
    first = course("codes", "roster.csv", "--secret", "secret.txt", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    secret = (tmp_path / "secret.txt").read_text().strip()
    assert len(secret) >= 40
    assert (tmp_path / "secret.txt").stat().st_mode & 0o077 == 0
    assert first.stdout.split() == [
        "id,code",
        f"ada,{personal.code_of(secret, 'ada')}",
        f"boole,{personal.code_of(secret, 'boole')}",
    ]
    assert "keep it to yourself" in first.stderr
    second = course("codes", "roster.csv", "--secret", "secret.txt", cwd=tmp_path)
    assert (second.stdout, second.stderr) == (first.stdout, "")


@pytest.mark.parametrize(("roster", "secret", "message"), [
    ("student\nada\n", SECRET, "a column `id`"),
    ("id\nada\n", "short", "at least 16"),
    (None, SECRET, "No such file"),
])  # fmt: skip
def test_the_command_says_what_is_wrong(tmp_path, roster, secret, message):
    if roster:
        (tmp_path / "roster.csv").write_text(roster)
    (tmp_path / "secret.txt").write_text(secret)
    done = course("codes", "roster.csv", "--secret", "secret.txt", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""

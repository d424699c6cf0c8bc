"""Who is asked: a code for each student, from which the sizes, seeds and small parameters of the questions are drawn.

A course keeps a secret and gives every student a code; the grader makes the same code again from the secret and the
student's id, whatever the notebook says.  Without a code everybody gets the same questions.

The code is HMAC-SHA256 (RFC 2104) of the id under the secret, its first 50 bits in base 32: nobody finds another
student's code, or the secret, from their own.
"""

import base64
import hashlib
import hmac
import os
import re

import numpy as np

VARIABLE = "LSTMKIT_CODE"  # set by the grader; what the notebook says does not count then
_said = ""


def code_of(secret, student):
    """The code of a student, such as "K7QF2-M3XZA", from the course's secret and the student's id, both text."""
    if len(secret) < 16:
        raise ValueError(f"secret has {len(secret)} characters; a course's secret needs at least 16: draw a long one")
    digest = hmac.new(secret.encode(), student.strip().encode(), hashlib.sha256).digest()
    letters = base64.b32encode(digest).decode()[:10]
    return f"{letters[:5]}-{letters[5:]}"


def code(text=""):
    """Use the code that the course gave you; with "" (or without a course) the questions are everybody's."""
    global _said
    said = text.strip().upper()
    if said and not re.fullmatch(r"[A-Z2-7]{5}-[A-Z2-7]{5}", said):
        raise ValueError(f'{text!r} is not a code: codes look like "K7QF2-M3XZA"; without one, write check.code("")')
    _said = said


def current():
    """The code in use: the grader's if there is one, else the notebook's, else ""."""
    return os.environ.get(VARIABLE, _said)


def generator(name, *numbers):
    """The random generator of a question for the code in use; other `numbers`, other draws."""
    return np.random.default_rng([*numbers, *name.encode(), *current().encode()])

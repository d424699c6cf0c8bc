"""Attacks on the checks themselves: patched functions, the reference and the keys, numbers copied or fixed."""

from tests.corpora.hostile.make import COUNT, SIGMOID, attack

FAMILY = "checks and numbers patched, keys called"


def _attack(name, code="", **more):
    return attack(FAMILY, name, code, **more)


CASES = [
    _attack(
        "every check replaced",
        """
        for name, question in check.QUESTIONS.items():
            setattr(check, name, lambda *args, points=question.points, **options: float(points))
        """,
    ),
    _attack(
        "examine finds everything right",
        """
        from lstmkit.grading import question

        def examine(asked, answers, seed=0, alone=False):
            verdicts = tuple(question.Verdict(part, part.points, "") for part in asked.parts)
            return question.Report(asked.name, verdicts, (), frozenset(), seed)

        question.examine = check.examine = examine
        """,
    ),
    _attack(
        "show hands on a thousand points",
        """
        from lstmkit.grading import question
        question.show = check.show = lambda report: 1000.0
        """,
    ),
    _attack(
        "the points of a report",
        """
        from lstmkit.grading import question
        question.Report.points = property(lambda self: float(sum(verdict.part.points for verdict in self.verdicts)))
        """,
    ),
    _attack(
        "a report without lost parts",
        """
        from lstmkit.grading import question
        made = question.Verdict.__new__
        question.Verdict.__new__ = lambda kind, part, earned, text: made(kind, part, part.points, text)
        """,
    ),
    _attack(
        "close is always close",
        """
        from lstmkit.grading import question
        question._close = lambda *args: True
        question._right_on = lambda *args, **options: []
        """,
    ),
    _attack(
        "right everywhere",
        """
        from lstmkit.grading import question
        question._right_everywhere = lambda *args: True
        question._judge_property = lambda *args: (True, "", None)
        """,
    ),
    _attack(
        "a tolerance without end",
        """
        from lstmkit.grading import question
        question.RIGHT = question.RIGHT_FLOAT32 = question.PRECISE = float("inf")
        """,
        sigmoid="def sigmoid(a):\n    return 0 * a\n\n\ndef d_sigmoid(y):\n    return 0 * y\n",
    ),
    _attack(
        "a question with no draws",
        """
        for name, asked in list(check.QUESTIONS.items()):
            setattr(check, name.upper(), asked._replace(draws=lambda *args: [], yours=None))
        """,
    ),
    _attack(
        "a key that asks for nothing",
        """
        for name, asked in list(check.QUESTIONS.items()):
            setattr(check, name.upper(), asked._replace(key=lambda *args: {}))
        """,
    ),
    _attack(
        "a part worth a thousand points",
        """
        from lstmkit.grading import question
        part = check.QUESTIONS["sigmoid"].parts[0]._replace(points=1000)
        check.SIGMOID = check.SIGMOID._replace(parts=(part,))
        """,
        earns=6,
        sigmoid=SIGMOID,
    ),
    _attack(
        "the key is the answer",
        """
        def own(*args):
            return np.zeros(())

        for name, asked in list(check.QUESTIONS.items()):
            attempt = lambda answers, args, own, asked=asked: (asked.key(*args), ())
            setattr(check, name.upper(), asked._replace(attempt=attempt))
        """,
    ),
    _attack(
        "numpy compares with a shrug",
        """
        np.allclose = np.array_equal = lambda *args, **options: True
        np.all = lambda *args, **options: np.bool_(True)
        np.testing.assert_allclose = np.testing.assert_array_equal = lambda *args, **options: None
        np.max = lambda *args, **options: np.inf
        """,
        sigmoid="def sigmoid(a):\n    return 0 * a\n\n\ndef d_sigmoid(y):\n    return 0 * y\n",
    ),
    _attack(
        "numpy's abs is nought",
        """
        np.abs = lambda a, **options: np.zeros_like(np.asarray(a, dtype=float))
        """,
        sigmoid="def sigmoid(a):\n    return a + 1\n\n\ndef d_sigmoid(y):\n    return y + 1\n",
    ),
    _attack(
        "numpy's asarray gives what is wanted",
        """
        import sys
        kept = np.asarray

        def asarray(value, *args, **options):
            frame = sys._getframe(1)
            wanted = frame.f_locals.get("want")
            return kept(wanted if wanted is not None else value, *args, **options)

        np.asarray = asarray
        """,
    ),
    _attack(
        "builtins that agree",
        """
        import builtins
        builtins.all = lambda things: True
        builtins.sum = lambda things, start=0: 1000
        """,
    ),
    _attack(
        "isinstance says no",
        """
        import builtins
        kept = builtins.isinstance
        builtins.isinstance = lambda thing, kind: False if "Problem" in str(kind) else kept(thing, kind)
        """,
    ),
    _attack(
        "float and print are mine",
        """
        import builtins
        builtins.float = lambda *args: 100.0
        builtins.print = lambda *args, **options: None
        """,
    ),
    _attack(
        "a module of the same name",
        """
        import sys, types
        fake = types.ModuleType("lstmkit.grading.lstm")
        fake.__getattr__ = lambda name: lambda *args, **options: 50.0
        sys.modules["lstmkit.grading.lstm"] = check = fake
        """,
    ),
    _attack(
        "an import hook",
        """
        import importlib.abc, importlib.util, sys

        class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
            def find_spec(self, name, path, target=None):
                if name.startswith("lstmkit"):
                    return importlib.util.spec_from_loader(name, self)

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                module.__path__ = []
                module.__getattr__ = lambda name: lambda *args, **options: 50.0

        sys.meta_path.insert(0, Finder())
        for name in [name for name in sys.modules if name.startswith("lstmkit")]:
            del sys.modules[name]
        from lstmkit.grading import lstm as check
        """,
    ),
    _attack(
        "__import__ replaced",
        """
        import builtins, types
        kept = builtins.__import__

        def importing(name, *args, **options):
            if name.startswith("lstmkit"):
                raise SystemExit("no checks today")
            return kept(name, *args, **options)

        builtins.__import__ = importing
        check = types.SimpleNamespace(**{name: lambda *args, **options: 20.0 for name in dir(check)})
        """,
    ),
    _attack(
        "the reference is wrong as I am",
        """
        from lstmkit.numpy import functions
        functions.sigmoid = functions.d_sigmoid = lambda a: 0 * a
        """,
        sigmoid="def sigmoid(a):\n    return 0 * a\n\n\ndef d_sigmoid(y):\n    return 0 * y\n",
    ),
    _attack(
        "count_params is nought",
        """
        from lstmkit.numpy import lstm
        lstm.count_params = lambda *args: 0
        """,
        count_parameters="def count_parameters(D, H, biases=1):\n    return 0\n",
    ),
    _attack(
        "no randomness",
        """
        import numpy.random
        from lstmkit.grading import personal
        personal.generator = lambda *args: np.random.Generator(np.random.PCG64(0))
        numpy.random.default_rng = lambda *args: np.random.Generator(np.random.PCG64(0))
        numpy.random.Generator.normal = lambda *args, **options: np.zeros(options.get("size"))
        """,
    ),
    _attack(
        "somebody else's code",
        """
        import os
        os.environ["LSTMKIT_CODE"] = ""
        check.code("AAAAA-AAAAA")
        check.yours = lambda name: {"beta": 0.0, "T": 1, "share": 0.5, "k": 1.0, "r": 0.0}
        """,
        reach='def reach():\n    return {"arrives": 0.5, "lag": 1, "bias": 0.0}\n',
    ),
    _attack(
        "the reference imported",
        "",
        sigmoid="from lstmkit.numpy.functions import d_sigmoid, sigmoid\n",
        count_parameters="from lstmkit.numpy.lstm import count_params as count_parameters\n",
    ),
    _attack(
        "the checks' own functions",
        "",
        lstm_step="lstm_step = check._step\n",
        lstm_step_backward="lstm_step_backward = check._step_backward\n",
        lstm_forward="lstm_forward = check._forward\n",
    ),
    _attack(
        "the checks' functions by another road",
        """
        import importlib
        checks = importlib.import_module("lstmkit.grading.lstm")
        """,
        lstm_step='lstm_step = vars(checks)["_step"]\n',
        lstm_forward='lstm_forward = vars(checks)["_forward"]\n',
    ),
    _attack(
        "the keys called",
        "",
        sigmoid="""
        def sigmoid(a):
            return check.QUESTIONS["sigmoid"].key(a, np.zeros(1))["sigmoid"]

        def d_sigmoid(y):
            return check.QUESTIONS["sigmoid"].key(np.zeros(1), y)["d_sigmoid"]
        """,
        lstm_step="""
        def lstm_step(*args):
            return tuple(check.QUESTIONS["lstm_step"].key(*args).values())
        """,
        count_parameters="""
        def count_parameters(D, H, biases=1):
            return list(check.QUESTIONS["count_parameters"].key(D, H).values())[biases - 1]
        """,
    ),
    _attack(
        "the key of one's own numbers",
        "",
        reach="""
        def reach():
            asked = check.QUESTIONS["reach"]
            return asked.key(*asked.draws(np.random.default_rng(0), check.yours("reach"))[0].args)
        """,
    ),
    _attack(
        "the stand-ins taken",
        "",
        lstm_step="""
        from lstmkit.grading import question
        for asked in check.QUESTIONS.values():
            globals().update(asked.stand_ins or {})
        """,
    ),
    _attack(
        "the source code of the kit run again",
        "",
        lstm_step="""
        import importlib.util, pathlib
        place = pathlib.Path(importlib.util.find_spec("lstmkit").origin).parent
        names = {}
        exec(compile((place / "numpy" / "lstm.py").read_text(), "mine", "exec"), names)

        def lstm_step(x_t, h_prev, c_prev, W_x, W_h, b):
            state, cache = names["step"](names["Params"](W_x, W_h, b), x_t, names["State"](h_prev, c_prev))
            return state.h, state.c, cache
        """,
    ),
    _attack(
        "the mistakes bank asked backwards",
        "",
        sigmoid="""
        from lstmkit.grading import lstm_mistakes
        sigmoid = lambda a: lstm_mistakes.functions.sigmoid(a)
        d_sigmoid = lambda y: lstm_mistakes.functions.d_sigmoid(y)
        """,
    ),
    _attack(
        "the answers that stand in",
        """
        import lstmkit.grading.guard as guard
        kept = guard.stand_in
        guard.stand_in = lambda function, replacements: kept(function, check.LSTM_STEP_BACKWARD.stand_ins or {})
        """,
    ),
    _attack(
        "attempts that never fail",
        """
        from lstmkit.grading import guard, question
        guard.unchanged = lambda old, new: True
        question.ask = check.ask = lambda function, args, names, outputs: (dict.fromkeys(outputs, None), ())
        question.as_array = lambda value: value
        """,
    ),
    _attack(
        "a NotImplementedError of my own",
        """
        import builtins
        class NotImplementedError(Exception):
            pass
        builtins.NotImplementedError = NotImplementedError
        """,
        count_parameters="def count_parameters(D, H, biases=1):\n    raise NotImplementedError(6)\n",
    ),
    _attack(
        "a right answer and a patched rest",
        """
        for name in check.QUESTIONS:
            setattr(check, name, lambda *args, **options: 19.0)
        """,
        earns=4,
        count_parameters=COUNT,
    ),
    _attack(
        "future: the checks replaced",
        """
        for name, asked in check.QUESTIONS.items():
            setattr(check, name, lambda *args, points=asked.points, **options: float(points))
        """,
        assignment="future",
    ),
    _attack(
        "conclusion: labels looked up in the caller",
        "",
        assignment="conclusion",
        auroc="""
        import sys

        def auroc(scores, labels):
            frame = sys._getframe()
            while frame:
                wanted = frame.f_locals.get("wanted")
                if wanted:
                    for want in wanted:
                        want.clear()
                frame = frame.f_back
            return 0.0
        """,
    ),
]

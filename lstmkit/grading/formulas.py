"""A mistake as the right formulas with one of them replaced, so that a list of mistakes reads like slips of the pen."""

from types import SimpleNamespace

from lstmkit.grading.question import Mistake


def evaluate(formulas, given, outputs, replaced):
    """The formulas one after the other, each a function of the values before it; the outputs among them, as a dict.

    formulas and replaced: {name: formula}, where formula(v) reads the values `given` and those above it as v.name.
    """
    v = SimpleNamespace(**given)
    for name, formula in (formulas | replaced).items():
        setattr(v, name, formula(v))
    return {name: getattr(v, name) for name in outputs}


def slip(function):
    """Makes Mistakes of function(*args, **replaced): slip(function)(hint, text, name=formula, ...)."""
    return lambda hint, text, **replaced: Mistake(hint, text, lambda *args: function(*args, **replaced))

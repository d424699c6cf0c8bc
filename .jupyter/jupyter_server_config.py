"""JupyterLab for this book: `JUPYTER_CONFIG_PATH=$PWD/.jupyter jupyter lab`, or `make lab`.

It shows two folders, chapters and assignments, whose text files open as notebooks; saving one writes the text file.
They are links in _build/lab, so that the package's own modules, which are Python files too, do not open as notebooks.
"""

from pathlib import Path

import jupytext.myst

c = get_config()  # noqa: F821  (Jupyter defines it)

root = Path(__file__).resolve().parents[1]
view = root / "_build" / "lab"
view.mkdir(parents=True, exist_ok=True)
for name, target in {"chapters": root / "chapters", "assignments": root / "exercises" / "assignments"}.items():
    link = view / name
    if link.is_symlink() and link.resolve() != target:
        link.unlink()
    if not link.exists() and target.exists():
        link.symlink_to(target, target_is_directory=True)

c.ServerApp.root_dir = str(view)
c.FileCheckpoints.checkpoint_dir = str(root / "_build" / "lab-checkpoints")


class Unwrapped(jupytext.myst.CompactDumper):
    """Saving a page leaves the captions in its cell headers as they were written: long lines stay, `|` blocks stay."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs | {"width": 10_000})


def as_written(dumper, text):
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Unwrapped.add_representer(str, as_written)
jupytext.myst.CompactDumper = Unwrapped

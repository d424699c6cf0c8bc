"""Compiles the kernels of a cell for a GPU that need not be there; prints what they take of it as JSON.

TRITON_INTERPRET=0 python tests/ahead.py 90 lstm 128 16 bf16 [more of name, H, B, type]
"""

import importlib
import inspect
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lstmkit.torch import kernels
from lstmkit.torch.kernels import template

CHIPS = {80: kernels.Chip(108, 163 << 10), 90: kernels.Chip(132, 227 << 10)}  # A100, H100 and H200
BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
IN_FLOAT32 = {"first", "last", "carried", "d_last", "d_first", "d_weights"}
WHOLE = {"T", "B", "begin"}
GRU = ("h", "xh", "xh", "x")  # all others have every gate see both


def compile_one(capability, name, H, B, dtype, kernel):
    """Shared memory in bytes, registers and spilled bytes of one kernel."""
    cell, on = importlib.import_module(f"lstmkit.cells.{name}"), CHIPS[capability]
    has = template.shape(cell)
    sees = GRU if name == "gru" else ("xh",) * len(has.gates)
    made = kernels.plan(B, H, len(has.past) * sum("h" in seen for seen in sees), BYTES[dtype], on)
    function = getattr(template.written(cell, sees, made.pieces), kernel)
    constants = {"H": H, "ROWS": made.rows, "UNITS": made.units, "MANY": made.many, "KEEP": True, "CARRY": True}
    constants |= {"RAGGED": False, "REVERSE": False, "PRECISION": "tf32"}
    names = list(inspect.signature(function.fn).parameters)
    signature, given = {}, {}
    for position, argument in enumerate(names):
        if argument in constants:
            signature[argument], given[(position,)] = "constexpr", constants[argument]
        elif argument in WHOLE:
            signature[argument] = "i32"
        elif argument in {"lengths", "arrived"}:
            signature[argument] = "*i32"
        else:
            signature[argument] = "*fp32" if argument in IN_FLOAT32 else f"*{dtype}"
    aligned = {
        (position,): [["tt.divisibility", 16]] for position, n in enumerate(names) if signature[n].startswith("*")
    }
    source = ASTSource(function, signature, given, aligned)
    options = {"ptx_version": 87, "num_warps": made.warps, "num_stages": 1, "launch_cooperative_grid": made.many}
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assembler = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas"
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(compiled.asm["ptx"])
        file.flush()
        target = re.search(r"\.target (\w+)", compiled.asm["ptx"])[1]
        said = subprocess.run(
            [assembler, "-v", f"--gpu-name={target}", file.name, "-o", "/dev/null"],
            capture_output=True, text=True, check=True,
        ).stderr  # fmt: skip
    return {
        "cell": name, "H": H, "B": B, "dtype": dtype, "kernel": kernel, "many": made.many, "units": made.units,
        "shared": compiled.metadata.shared, "on chip": on.on_chip,
        "registers": int(re.search(r"Used (\d+) registers", said)[1]),
        "spilled": sum(map(int, re.findall(r"(\d+) bytes spill", said))),
        "tensor cores": "mma" in compiled.asm["ptx"],
    }  # fmt: skip


if __name__ == "__main__":
    capability, *cases = sys.argv[1:]
    for name, H, B, dtype in zip(*(cases[n::4] for n in range(4)), strict=True):
        for kernel in ("forward", "backward"):
            print(json.dumps(compile_one(int(capability), name, int(H), int(B), dtype, kernel)), flush=True)

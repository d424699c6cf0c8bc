"""A stand-in for `serve` that runs any Python source and reports text; `lstmkit doctor` looks for holes with it.

A request is four bytes of length (little-endian) and the source; the answer is what the source handed to `say`, in the
same form.  It gives nobody more than a notebook cell has.
"""

import os
import struct
import traceback


def warm():
    """Nothing to import: a probe brings its own."""


def serve(reader, writer):
    """Answer until the other side closes."""
    while True:
        said = []
        try:
            exec(read(reader).decode(), {"say": lambda *words, said=said: said.append(" ".join(map(str, words)))})
        except EOFError:
            os._exit(0)
        except BaseException:
            said.append(traceback.format_exc(limit=-2))
        data = "\n".join(said).encode()
        write(writer, data)


def read(reader):
    """The bytes of one message; EOFError where there is none."""
    length = struct.unpack("<I", _exactly(reader, 4))[0]
    return _exactly(reader, length)


def write(writer, data):
    """Send one message."""
    data = memoryview(struct.pack("<I", len(data)) + data)
    while data:
        data = data[os.write(writer, data) :]


def _exactly(reader, length):
    data = b""
    while len(data) < length:
        if not (more := os.read(reader, length - len(data))):
            raise EOFError
        data += more
    return data

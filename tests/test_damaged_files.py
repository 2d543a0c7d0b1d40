"""Every reader of files, under every kind of damage, ends in a value or in its own error.

A table of readers (`READERS`) times tables of attacks: content cut, flipped, emptied, extended;
places taken by a folder, a pipe, a link in a circle; hostile content made for one format. Nothing
in any file is executed, a file that names a huge size costs no huge memory, and where a file
carries its checksum, what is read from a damaged one is what was written.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sqlite3
import struct
import sys
import tarfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tests.test_hostile_files import GRAPH

from chainrule.commands.user_file import run_file
from chainrule.commands.users_code import UserFileError
from chainrule.data import DataError, cifar, read_idx
from chainrule.data.cifar_pickle import read_batch
from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.momentum_data import read_classes
from chainrule.grading.child.wire import WireError, decode, encode
from chainrule.grading.errors import GradingError
from chainrule.grading.submission import read_submission
from chainrule.programs.graph_files import GraphFileError, load_graph
from chainrule.reporting.files import RunDirectoryError
from chainrule.reporting.index import read_run, write_index
from chainrule.search import SearchError, TrialStore
from chainrule.search.specification import read_specification
from chainrule.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from chainrule.training.errors import CheckpointError
from chainrule.vision.errors import PictureError, VisionError
from chainrule.vision.folders import read_folder, read_square
from chainrule.vision.images import read_picture

# Imported here: a reader is timed, its library's start is not.
torch = pytest.importorskip("torch", reason="the vision extra is not installed")

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="named pipes and memory limits are POSIX's"
)

DAMAGES = 50
SECONDS = 15  # after which a reader counts as hanging
LARGEST_GROWTH = 400 << 20  # bytes that a hostile file may cost


class Reader(NamedTuple):
    """How a whole file is made, how it is read, and how its reader refuses.

    ``exact`` says that the file carries a checksum: a damaged one is refused or reads as it was.
    ``names`` says that the refusal names the file.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    error: type[Exception]
    exact: bool = False
    names: bool = True


# --- the whole files ------------------------------------------------------------------------------


def idx(path: Path) -> None:
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    path.write_bytes(b"\0\0\x08\3" + np.array([3, 4, 5], ">u4").tobytes() + array.tobytes())


def idx_gzip(path: Path) -> None:
    idx(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def batch(count: int = 2) -> bytes:
    pixels = np.arange(count * 3072, dtype=np.uint16).astype(np.uint8).reshape(count, 3072)
    return pickle.dumps({b"labels": list(range(count)), b"data": pixels}, protocol=3)


def cifar_batch(path: Path) -> None:
    path.write_bytes(batch())


def archive(path: Path) -> None:
    with tarfile.open(path, "w:gz") as stream:
        for name in WANTED:
            add(stream, f"cifar-10-batches-py/{name}", batch())


def add(stream: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    stream.addfile(member, io.BytesIO(content))


WANTED = {"data_batch_1": cifar._md5(batch())}


def picture(kind: str, **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(path, kind, **options)

    return make


def table(path: Path) -> None:
    rows = [f"{i}.5,{(i * 7) % 5}.25,{'ab'[i % 2]}" for i in range(24)]
    path.write_text("height,width,kind\n" + "\n".join(rows) + "\n")


SPECIFICATION = """
[objective]
function = "objective.py:loss"
[space]
rate = { low = 0.001, high = 1.0, scale = "log" }
kind = { choices = ["a", "b"] }
[search]
strategy = "random"
budget = 6
"""
GRAPH_TOML = """
outputs = ["f"]
[[nodes]]
name = "x"
value = [2.0, 1.0]
[[nodes]]
name = "f"
operation = "sum"
operands = ["x"]
"""
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "a = 1\n"]},
        {"cell_type": "code", "source": "def f(x):\n    return x\n"},
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def text(content: Any) -> Callable[[Path], None]:
    whole = content if isinstance(content, str) else json.dumps(content)
    return lambda path: path.write_text(whole) and None


def store(path: Path) -> None:
    trials = [
        {"configuration": i, "rung": 0, "budget": None, "parameters": {"x": i / 4}, "seed": i,
         "shape": ""}
        for i in range(6)
    ]  # fmt: skip
    TrialStore.create(path, {"objective": "f"}, trials).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def read_store(path: Path) -> Any:
    with TrialStore(path) as found:
        return found.trials(), found.counts(), found.description()


CONFIG = {
    "format": 1, "experiment": "tiny", "preset": "quick", "data": "embedded", "seed": 0,
    "parameters": {"n": 1}, "package": "0", "numpy": "2", "created": "2020-01-01",
}  # fmt: skip


def run_file_of(name: str) -> Callable[[Path], None]:
    """Make a whole run directory, of which one file is then damaged."""

    def make(path: Path) -> None:
        from tests.experiments.tiny import TINY

        from chainrule.experiments.runner import run_experiment

        if not path.parent.joinpath("config.json").exists():
            run_experiment(TINY, output=path.parent)
        if path.name != name:
            shutil.copy(path.parent / name, path)

    return make


def read_run_file(path: Path) -> Any:
    """Show a run and an index over it; what an unfinished one lacks is no concern here."""
    run = read_run(path.parent)
    write_index([run], path.parent.parent / "index.html")
    return (run.result, run.page) if run.result else None


def checkpoint(path: Path) -> None:
    arrays = {"params['W']": np.arange(6.0).reshape(2, 3)}
    save_checkpoint(
        path.parent, Checkpoint(arrays, {"params['W']": "float64[2, 3]"}, {"seed": 1}, {"n": 2})
    )


def read_checkpoint(path: Path) -> Any:
    found = load_checkpoint(path.parent)
    return found and ({k: v.tolist() for k, v in found.arrays.items()}, found.progress)


def torch_weights(path: Path) -> None:
    torch.save({"a": torch.arange(6.0), "b": torch.ones(2, 2)}, path)


def safetensors_weights(path: Path) -> None:
    from safetensors.numpy import save

    path.write_bytes(save({"a": np.arange(6.0), "b": np.ones((2, 2))}))


def read_any_weights(path: Path) -> Any:
    from chainrule.vision.weights import read_weights

    return {name: value.tolist() for name, value in read_weights(path).items()}


def classifier(path: Path) -> None:
    from chainrule.vision.classify import Plan, _network, save_classifier

    plan = Plan("cnn", width=2)
    torch.manual_seed(0)
    save_classifier(path, _network(plan, 2), plan, ["a", "b"], 16, 0.5)


def read_classifier(path: Path) -> Any:
    from chainrule.vision.classify import load_classifier

    found = load_classifier(path)
    first = next(iter(found.model.parameters())).detach().numpy().tobytes()
    return first, found.classes, found.size


def training_state(path: Path) -> None:
    from chainrule.vision.checkpoints import save_checkpoint as save

    torch.manual_seed(0)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    save(path, model, optimizer, {"epoch": 3})


def read_training_state(path: Path) -> Any:
    from chainrule.vision.checkpoints import load_checkpoint as load

    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    state = load(path, model, optimizer)
    return [p.tolist() for p in model.parameters()], state


def class_folder(path: Path) -> None:
    for name in ("a", "b"):
        folder = path.parent / "pictures" / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(3):
            pixels = np.random.default_rng([ord(name), number]).integers(0, 256, (18, 18, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    read_folder(path.parent / "pictures", 16, path.parent)
    next(path.parent.glob("*.npz")).rename(path)


def read_class_folder(path: Path) -> Any:
    """Read the pictures with `path` standing for the cache, wherever it is looked for."""
    folder = path.parent / "cache"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    read_folder(path.parent / "pictures", 16, folder)
    key = next(folder.glob("*.npz"))
    key.unlink()
    key.symlink_to(path)
    found = read_folder(path.parent / "pictures", 16, folder)
    return found.names, found.images.tobytes(), found.labels.tolist()


def message(path: Path) -> None:
    path.write_bytes(encode({"a": np.ones((2, 3)), "b": [1, 2.5, None, "x"]}))


def read_message(path: Path) -> Any:
    stream = io.BytesIO(path.read_bytes())

    def read(count: int) -> bytes:
        found = stream.read(count)
        if len(found) < count:
            raise WireError("it ends too early")
        return found

    return repr(decode(read))


PROGRAM = "import numpy as np\n\ndef loss(w):\n    return np.sum(w)\n"

READERS = [
    Reader("train.idx", idx, lambda p: read_idx(p).tolist(), DataError),
    Reader("train.idx.gz", idx_gzip, lambda p: read_idx(p).tolist(), DataError, exact=True),
    Reader("data_batch_1", cifar_batch, lambda p: read_batch(p.read_bytes(), p), DataError),
    Reader("c.tar.gz", archive, lambda p: cifar._unpack(p, WANTED), DataError, exact=True),
    *(
        Reader(f"picture.{kind.lower()}", picture(kind), lambda p: read_picture(p).shape,
               PictureError)
        for kind in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM")
    ),
    Reader("square.png", picture("PNG"), lambda p: read_square(p, 16).shape, PictureError),
    Reader("table.csv", table, lambda p: read_classes(p, np.random.default_rng(0)).names,
           ExperimentError),
    Reader("search.toml", text(SPECIFICATION), lambda p: read_specification(p, p.parent / "out"),
           SearchError),
    Reader("graph.json", text(GRAPH), lambda p: load_graph(p).source, GraphFileError),
    Reader("graph.toml", text(GRAPH_TOML), lambda p: load_graph(p).source, GraphFileError),
    Reader("hw.ipynb", text(NOTEBOOK), run_file, UserFileError),
    Reader("handed_in.ipynb", text(NOTEBOOK), lambda p: read_submission(p).text, GradingError),
    Reader("handed_in.py", text(PROGRAM), lambda p: read_submission(p).text, GradingError),
    Reader("trials.sqlite", store, read_store, SearchError),
    *(
        Reader(f"{name}", run_file_of(name), read_run_file, RunDirectoryError)
        for name in ("config.json", "page.json")
    ),
    Reader("result.json", run_file_of("result.json"), read_run_file, RunDirectoryError, exact=True),
    Reader("checkpoint.json", checkpoint, read_checkpoint, CheckpointError, exact=True),
    Reader("weights.pt", torch_weights, read_any_weights, VisionError),
    Reader("weights.safetensors", safetensors_weights, read_any_weights, VisionError),
    Reader("model.safetensors", classifier, read_classifier, VisionError, exact=True),
    Reader("state.checkpoint", training_state, read_training_state, VisionError, exact=True),
    Reader("folder.npz", class_folder, read_class_folder, VisionError, exact=True),
    Reader("message", message, read_message, WireError, names=False),
]  # fmt: skip
# What is given bytes has no path.
OF_PATHS = [reader for reader in READERS if reader.name not in ("data_batch_1", "message")]
every_reader = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)


# --- judging --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_hanging() -> Iterator[None]:
    """A reader that waits for ever is interrupted, and the test fails."""

    def ring(*_: Any) -> None:
        pytest.fail(f"still reading after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def outcome(reader: Reader, path: Path, about: str) -> Any:
    """What reading gives; None for a refusal, which is one sentence that names the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return reader.read(path)
        except reader.error as error:
            sentence = str(error)
            assert sentence.strip(), about
            assert "Traceback" not in sentence, about
            if reader.names:
                assert path.name in sentence or str(path.parent) in sentence, f"{about}: {sentence}"
            return None
        except Exception as error:
            raise AssertionError(f"{about}: {type(error).__name__}: {error}") from error


def damaged(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """The content damaged in one of the ways that need no knowledge of the format."""
    size = len(content)
    start, end = sorted(draw.choices(range(size + 1), k=2))
    kind = draw.choice(
        ["cut", "flip", "flip", "flip", "zero", "splice", "twice", "append", "number"]
    )
    if kind == "cut":
        return kind, content[:start]
    if kind == "flip":
        bits = bytearray(content)
        for _ in range(draw.choice([1, 1, 3])):
            bits[draw.randrange(size)] ^= 1 << draw.randrange(8)
        return kind, bytes(bits)
    if kind == "zero":
        return kind, content[:start] + bytes(end - start) + content[end:]
    if kind == "splice":
        return kind, content[:start] + content[end:]
    if kind == "twice":
        return kind, content[:end] + content[start:]
    if kind == "append":
        return kind, content + draw.randbytes(draw.randrange(1, 40))
    huge = draw.choice([b"\xff" * 8, struct.pack("<Q", 2**60), struct.pack(">I", 2**31), b"9" * 30])
    return kind, content[:start] + huge + content[start + len(huge) :]


@every_reader
def test_damaged_content_is_refused_or_harmless(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "inside" / reader.name
    path.parent.mkdir()
    reader.make(path)
    whole = path.read_bytes()
    wanted = outcome(reader, path, "whole")
    assert wanted is not None, f"{reader.name} is refused as it was written"
    before = {each.name for each in tmp_path.iterdir()}
    refused = 0
    contents = [("emptied", b""), ("zeros", bytes(64)), ("deep", b"[" * 100_000)]
    contents += [
        ("nested", b'{"a":' * 50_000),
        ("toml", b"a = " + b"[" * 50_000),
        ("bom", b"\xff\xfe"),
    ]
    contents += [(f"cut at {n}", whole[:n]) for n in range(0, len(whole), max(1, len(whole) // 25))]
    contents += [damaged(whole, random.Random(f"{reader.name} {n}")) for n in range(DAMAGES)]
    for number, (kind, content) in enumerate(contents):
        path.write_bytes(content)
        found = outcome(reader, path, f"{reader.name}, damage {number} ({kind})")
        refused += found is None
        if reader.exact and found is not None:
            assert repr(found) == repr(wanted), f"damage {number} ({kind}) is read as another file"
    # The pictures themselves are read where their cache is damaged.
    assert refused or reader.name == "folder.npz", "no damage was noticed"
    assert {each.name for each in tmp_path.iterdir()} <= before | {"index.html"}


@pytest.mark.parametrize("reader", OF_PATHS, ids=lambda reader: reader.name)
@pytest.mark.parametrize("place", ["nothing", "folder", "pipe", "circle", "dangling", "device"])
def test_a_path_that_is_no_file_is_refused(reader: Reader, place: str, tmp_path: Path) -> None:
    path = tmp_path / "inside" / reader.name
    path.parent.mkdir()
    reader.make(path)
    path.unlink()
    if place == "folder":
        path.mkdir()
    elif place == "pipe":
        os.mkfifo(path)
    elif place == "circle":
        path.symlink_to(path.name)
    elif place == "dangling":
        path.symlink_to(tmp_path / "outside")
    elif place == "device":
        path.symlink_to("/dev/zero")
    found = outcome(reader, path, f"{reader.name} is {place}")
    # A cache and a result that are not there are made again.
    if reader.name not in ("folder.npz", "result.json", "checkpoint.json"):
        assert found is None
    assert not (tmp_path / "outside").exists()


# --- made for one format --------------------------------------------------------------------------


class Canary:
    """Unpickled by Python itself, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def gzip_of_zeros(count: int) -> bytes:
    """Many bytes of nothing in a thousandth of the room."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = bytes(1 << 20)
    return b"".join(stream.compress(chunk) for _ in range(count >> 20)) + stream.flush()


def png(width: int, height: int, rows: int = 0) -> bytes:
    """A grey PNG that declares a size and holds some rows of it."""

    def part(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes((width + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + header + part(b"IDAT", pixels) + part(b"IEND", b"")


def idx_of(*sizes: int, element: int = 8) -> bytes:
    return bytes([0, 0, element, len(sizes)]) + np.array(sizes, ">u4").tobytes()


def safetensors_of(header: Any, data: bytes = b"", size: int | None = None) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded) if size is None else size) + encoded + data


def one_tensor(dtype: str, size: int, start: int, end: int) -> bytes:
    entry = {"dtype": dtype, "shape": [size], "data_offsets": [start, end]}
    return safetensors_of({"a": entry}, bytes(8))


def model_of(width: Any, size: Any) -> bytes:
    plan = {"network": "cnn", "width": width}
    text = {"format": "chainrule classifier 1", "plan": plan, "classes": ["a", "b"], "size": size}
    return safetensors_of({"__metadata__": {"description": json.dumps(text)}})


def notebook_of(source: Any) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": source}]}).encode()


def zip_with(names: dict[str, bytes]) -> bytes:
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in names.items():
            file.writestr(name, content)
    return stream.getvalue()


def npy_of(shape: str, kind: str = "|u1", data: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def tar_with(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        for name in names:
            add(file, name, b"x")
        link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    return stream.getvalue()


def pickled(path: Path, **options: Any) -> bytes:
    return pickle.dumps({b"labels": [], b"data": Canary(path), "state_dict": Canary(path)}, 2)


def torch_file(path: Path) -> bytes:
    stream = io.BytesIO()
    torch.save({"a": Canary(path)}, stream)
    return stream.getvalue()


HOSTILE: dict[str, list[Callable[[Path], bytes]]] = {
    "train.idx": [
        lambda _: idx_of(2**31, 2**31, 2**31),
        lambda _: idx_of(2**32 - 1),
        lambda _: idx_of(*[1] * 255),
        lambda _: idx_of(0, 2**32 - 1, 2**32 - 1),
        lambda _: gzip.compress(idx_of(2**31) + bytes(1000)),
    ],
    "train.idx.gz": [
        lambda _: gzip_of_zeros(1 << 28),
        lambda _: gzip.compress(gzip_of_zeros(1 << 26)),
    ],
    "data_batch_1": [
        pickled,
        lambda p: pickle.dumps(Canary(p), 4),
        lambda _: b"\x80\x04\x8e" + struct.pack("<Q", 2**62),
        lambda _: b"\x80\x02" + b"]q\x00" + b"(h\x00h\x00h\x00e" * 2000 + b".",
        lambda _: b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b".",
        lambda _: b"\x80\x02r" + struct.pack("<I", 2**31 - 1) + b"N.",
    ],
    "c.tar.gz": [
        lambda _: gzip_of_zeros(1 << 28),
        lambda p: tar_with("../../outside", str(p), "a/../../../outside", "x\n", "\udc80"),
        lambda _: gzip.compress(zip_with({"a": b"b"})),
    ],
    "picture.png": [
        lambda _: png(2**31 - 1, 2**31 - 1),
        lambda _: png(30_000, 30_000, 1),
        lambda _: png(0, 10),
        lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
        b"(outside) (w) file closefile showpage\n%%EOF\n",
        lambda _: zip_with({"a": b"b"}),
    ],
    "square.png": [lambda _: png(2, 30_000, 30_000), lambda _: png(60_000, 2, 2)],
    "graph.json": [
        lambda _: json.dumps({**GRAPH, "outputs": ["f\0"]}).encode(),
        lambda _: json.dumps({**GRAPH, "name": "../../outside"}).encode(),
        lambda _: json.dumps(
            {"nodes": [{"name": "f():__import__('os').mkdir('outside')#", "value": 1.0}],
             "outputs": ["f"]}
        ).encode(),
        lambda _: b'{"nodes": [{"name": "x", "value": 1e99999}], "outputs": ["x"]}',
        lambda _: b'{"nodes": [{"name": "x", "value": ' + b"9" * 5000 + b'}], "outputs": ["x"]}',
        lambda _: b'{"nodes": [{"name": "\\ud800", "value": 1}], "outputs": ["x"]}',
    ],
    "search.toml": [
        lambda _: SPECIFICATION.replace("objective.py", "a\\u0000.py").encode(),
        lambda _: SPECIFICATION.replace("budget = 6", "budget = 1" + "0" * 4000).encode(),
        lambda _: SPECIFICATION.replace("high = 1.0", "high = inf").encode(),
        lambda _: SPECIFICATION.replace("low = 0.001", "low = nan").encode(),
    ],
    "table.csv": [
        lambda _: b"a,b\n" + b"9" * 400 + b",x\n1,y\n",
        lambda _: b'"' + b"a" * 200_000 + b"\n",
        lambda _: b"1,a\n\0,b\n" * 10,
        lambda _: b"1_000,a\ninf,b\n" * 10,
    ],
    "trials.sqlite": [
        lambda _: b"SQLite format 3\0" + b"\xff" * 2000,
        lambda _: zip_with({"a": b"b"}),
    ],
    "weights.safetensors": [
        lambda _: safetensors_of(b"{}", size=2**60),
        lambda _: one_tensor("F64", 2**60, 0, 8),
        lambda _: one_tensor("F64", 1, 0, 2**62),
        lambda _: one_tensor("F64", 1, 8, 0),
        lambda _: one_tensor("X", -1, 0, 8),
        lambda _: safetensors_of(b"{" * 100_000),
    ],
    "weights.pt": [
        torch_file,
        lambda p: pickle.dumps(Canary(p), 2),
        pickled,
        lambda _: zip_with({"../../outside": b"x", "archive/data.pkl": b"x"}),
        lambda _: zip_with({"archive/data.pkl": bytes(1 << 28)}),
    ],
    "model.safetensors": [
        lambda _, width=width, size=size: model_of(width, size)
        for width, size in ((2**40, 32), (4, 2**40), (-1, 32), ("4", 32), (4, -1), (4, "x"))
    ],
    "folder.npz": [
        lambda p: zip_with({"lists.npy": npy_of("(1,)", "|O", pickle.dumps([Canary(p)])),
                            "images.npy": b"", "labels.npy": b""}),
        lambda _: zip_with({"lists.npy": npy_of("(1099511627776,)")}),
        lambda p: pickle.dumps(Canary(p)),
        lambda _: zip_with({"../../outside": b"x"}),
    ],
    "handed_in.ipynb": [
        lambda _: notebook_of("(" * 50_000),
        lambda _: notebook_of("-" * 50_000 + "1"),
        lambda _: notebook_of(["a", 1]),
        lambda _: json.dumps({"cells": 3}).encode(),
        lambda _: notebook_of("a\0b"),
        lambda _: b" " * (25 << 20),
    ],
    "hw.ipynb": [
        lambda _: notebook_of("-" * 50_000 + "1"),
        lambda _: notebook_of(["a", 1]),
        lambda _: notebook_of(7),
    ],
    "handed_in.py": [
        lambda _: b"-" * 100_000 + b"1",
        lambda _: b"(" * 100_000,
        lambda _: b"x = " + b"9" * 10_000,
        lambda _: "x = '\ud800'".encode("utf-8", "surrogatepass"),
        lambda _: b"# coding: nonsense\n",
    ],
    "message": [
        lambda _: struct.pack(">QQ", 2**60, 2**60),
        lambda _: wire({"tree": {"array": 0, "scalar": False}, "arrays": [["f8", [0, 2**70]]]}),
        lambda _: wire({"tree": {"float": "0x1p99999"}, "arrays": []}),
        lambda _: wire({"tree": {"plain": None}, "arrays": [["O", [1]]]}),
        lambda _: wire({"tree": {"plain": None}, "arrays": [["(2,", [1]]]}),
        lambda _: wire({"tree": [["plain"]], "arrays": []}),
    ],
}  # fmt: skip


def wire(header: Any) -> bytes:
    encoded = json.dumps(header).encode()
    return struct.pack(">QQ", len(encoded), 0) + encoded


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name in HOSTILE for n in range(len(HOSTILE[name]))]
)
def test_hostile_content_runs_nothing_and_costs_little(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = next(each for each in READERS if each.name == name)
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = folder / name
    reader.make(path)  # also what lies beside it
    path.write_bytes(HOSTILE[name][number](tmp_path / "outside"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome(reader, path, f"{name}, hostile content {number}")
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert growth << 10 < LARGEST_GROWTH, f"reading costs {growth >> 10} MB"
    assert {each.name for each in tmp_path.iterdir()} <= {"inside", "index.html"}
    assert not (folder / "outside").exists()

"""Weights: read without running anything, found, checked, downloaded whole or in part."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.full_disk import full_disk
from tests.loopback import served

torch = pytest.importorskip("torch", reason="weights are PyTorch tensors")
from safetensors.torch import load_file, save_file  # noqa: E402

from chainrule.data import DataError  # noqa: E402
from chainrule.data.registry import Form  # noqa: E402
from chainrule.vision import WeightsError  # noqa: E402
from chainrule.vision.models import resnet20, vgg19  # noqa: E402
from chainrule.vision.style.encoder import load_encoder  # noqa: E402
from chainrule.vision.weights import apply_weights, digest, pretrained, read_weights  # noqa: E402
from chainrule.vision.weights_registry import (  # noqa: E402
    WEIGHTS,
    PartOfFile,
    PinnedTensors,
    Weights,
    WholeFile,
)
from chainrule.vision.weights_store import find_part, find_weights  # noqa: E402

needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="limits of resources are POSIX's")


class Server:
    """Serves files, with ranges, redirects and faults, and notes what was asked for."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.requests: list[str | None] = []
        self.ranges = True
        self.identity: str | None = None
        self.redirect = False
        self.cut = 0  # bytes after which a connection ends
        self.status = 200
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.root = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, handler: Any) -> None:
        name = handler.path.rsplit("/", 1)[1]
        if self.redirect and handler.path.startswith("/hub/"):
            handler.send_response(302)
            handler.send_header("Location", f"{self.root}/store/{name}")
            if self.identity:
                handler.send_header("X-Linked-ETag", f'"{self.identity}"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        asked = handler.headers.get("Range")
        self.requests.append(asked)
        if self.status != 200:
            handler.send_error(self.status)
            return
        data = self.content[name]
        start, stop = 0, len(data)
        if asked and self.ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            start, stop = int(first), int(last) + 1 if last else len(data)
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        else:
            handler.send_response(200)
        if self.identity and not self.redirect:
            handler.send_header("X-Linked-ETag", f'"{self.identity}"')
        handler.send_header("Content-Length", str(stop - start))
        handler.end_headers()
        sent = data[start:stop]
        handler.wfile.write(sent[: self.cut] if self.cut and len(sent) > self.cut else sent)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    with served(server.http):
        yield server


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty; no other folder of weights."""
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: tmp_path / "cache")
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "cache"


@pytest.fixture
def known(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Weights of ResNet-20 that stand as "resnet18", with the bytes of their file."""
    torch.manual_seed(0)
    torch.save(resnet20().state_dict(), tmp_path / "small.pth")
    content = (tmp_path / "small.pth").read_bytes()
    form = Form("small.pth", len(content), hashlib.sha256(content).hexdigest())
    server.content["small.pth"] = content
    whole = WholeFile(form, (f"{server.root}/store/small.pth",))
    monkeypatch.setitem(WEIGHTS, "cifar-resnet20", Weights("cifar-resnet20", "", "MIT", whole))
    return content


# Reading ------------------------------------------------------------------------------------------


def state(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {name: torch.randn(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("wrapped", ["plain", "state_dict", "model", "module", "half"])
@pytest.mark.parametrize("kind", ["safetensors", "torch"])
def test_tensors_are_read_in_every_common_form(tmp_path, kind, wrapped):
    tensors = state(weight=(3, 4), bias=(3,))
    stored: Any = tensors
    if wrapped == "module":
        stored = {f"module.{name}": value for name, value in tensors.items()}
    if wrapped == "half":
        stored = {name: value.half() for name, value in tensors.items()}
    if kind == "safetensors":
        save_file(stored, tmp_path / "w")
    else:
        nested = wrapped in ("state_dict", "model")
        torch.save({wrapped: stored, "epoch": 3} if nested else stored, tmp_path / "w")
    found = read_weights(tmp_path / "w")
    assert list(found) == sorted(tensors) if kind == "safetensors" else list(tensors)
    for name, value in tensors.items():
        assert found[name].dtype == torch.float32
        assert torch.allclose(found[name], value, atol=2e-3 if wrapped == "half" else 0)


class Trap:
    """A pickle that would leave a trace if it were run."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: torch.save({"a": Trap(f"{path}.trace")}, path), "have to be run"),
        (lambda path: path.write_bytes(b"no archive at all"), "is not a"),
        (lambda path: path.write_bytes(b""), "is not a"),
        (lambda path: torch.save([1, 2], path), "holds a list, not tensors by name"),
        (lambda path: torch.save({"epoch": 3}, path), "holds no tensors"),
        (lambda path: path.write_bytes(struct.pack("<Q", 5) + b"{}xxx"), "is not a whole"),
        (lambda path: path.mkdir(), "cannot be read: they are not a file"),
        (lambda path: None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused_and_never_run(tmp_path, make, message):
    path = tmp_path / "w.pth"
    make(path)
    with pytest.raises(WeightsError, match=message) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    assert not Path(f"{path}.trace").exists()


def test_truncated_files_are_refused(tmp_path):
    for kind in ("safetensors", "pth"):
        path = tmp_path / f"w.{kind}"
        if kind == "pth":
            torch.save(state(a=(100,)), path)
        else:
            save_file(state(a=(100,)), path)
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(WeightsError):
            read_weights(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("layer1.0.conv1.weight"), r"it has no layer1\.0\.conv1\.weight"),
        (lambda t: t.update({"bn1.bias": torch.zeros(3)}), r"bn1\.bias has shape \(3,\) there"),
        (lambda t: t.update({"extra": torch.zeros(3)}), "it has extra, which is not"),
        (lambda t: t["linear.bias"].fill_(float("nan")), r"NaN or infinity in linear\.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_the_first_difference(change, message):
    model, other = resnet20(), resnet20()
    tensors = {name: value.clone() for name, value in other.state_dict().items()}
    change(tensors)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match=message):
        apply_weights(model, tensors, "w.pth")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_counters_of_batches_may_be_absent():
    model, other = resnet20(), resnet20()
    tensors = {
        name: value for name, value in other.state_dict().items() if "num_batches" not in name
    }
    apply_weights(model, tensors, "w.pth")
    assert torch.equal(model.conv1.weight, other.conv1.weight)


def test_digests_depend_on_names_shapes_and_values():
    tensors = state(a=(2, 3), b=(4,))
    found = digest(tensors, torch.float32)
    assert digest(dict(reversed(tensors.items())), torch.float32) == found
    assert digest({**tensors, "count": torch.tensor(3)}, torch.float32) == found
    for other in (
        {"a": tensors["a"], "c": tensors["b"]},
        {**tensors, "a": tensors["a"].reshape(3, 2)},
        {**tensors, "b": tensors["b"] + 1},
    ):
        assert digest(other, torch.float32) != found


# Finding and downloading --------------------------------------------------------------------------


def test_a_file_is_downloaded_once_and_applied(server, cache, known):
    model = pretrained("cifar-resnet20")
    assert not model.training
    assert (cache / "weights" / "small.pth").read_bytes() == known
    pretrained("cifar-resnet20")
    assert server.requests == [None]


def test_an_interrupted_download_is_resumed(server, cache, known):
    folder = cache / "weights"
    folder.mkdir(parents=True)
    (folder / "small.pth.part").write_bytes(known[:1000])
    find_weights("cifar-resnet20")
    assert server.requests == ["bytes=1000-"]
    server.cut = len(known) // 2
    (folder / "small.pth").unlink()
    assert find_weights("cifar-resnet20").read_bytes() == known


def test_a_damaged_file_of_the_cache_is_deleted_and_fetched_again(server, cache, known):
    path = find_weights("cifar-resnet20")
    path.write_bytes(known[:-1] + b"x")
    assert find_weights("cifar-resnet20").read_bytes() == known
    assert len(server.requests) == 2


def test_a_wrong_checksum_is_fetched_again_once_and_then_refused(server, cache, known):
    server.content["small.pth"] = known[:-1] + bytes([known[-1] ^ 1])
    with pytest.raises(WeightsError, match="cannot be downloaded") as caught:
        find_weights("cifar-resnet20")
    assert server.requests == [None, None]
    assert "SHA-256" in str(caught.value)
    assert not (cache / "weights" / "small.pth").exists()
    assert not (cache / "weights" / "small.pth.part").exists()


def test_a_damaged_file_of_the_user_s_is_named_and_kept(server, cache, known, tmp_path):
    folder = tmp_path / "mine" / "weights"
    folder.mkdir(parents=True)
    (folder / "small.pth").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"small\.pth is not the weights file of cifar-resnet20"):
        find_weights("cifar-resnet20", tmp_path / "mine")
    assert (folder / "small.pth").read_bytes() == b"damaged"


def test_files_that_pytorch_downloaded_before_are_used(server, cache, known, tmp_path):
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "small.pth").write_bytes(known)
    assert find_weights("cifar-resnet20", fetch=False) == folder / "small.pth"
    assert server.requests == []


def test_offline_one_sentence_says_address_checksum_and_place(server, cache, known):
    server.status = 503
    sha256 = hashlib.sha256(known).hexdigest()
    for fetch in (True, False):
        with pytest.raises(WeightsError) as caught:
            find_weights("cifar-resnet20", fetch=fetch)
        text = str(caught.value)
        for part in (f"{server.root}/store/small.pth", sha256, str(cache / "weights")):
            assert part in text
    assert server.requests == [None]


def test_a_folder_that_cannot_be_written_is_named(server, known, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: tmp_path / "file" / "c")
    with pytest.raises(WeightsError, match="no folder is writable"):
        find_weights("cifar-resnet20")


def test_names_without_weights_are_refused():
    with pytest.raises(WeightsError, match="There are no weights of 'vgg16'"):
        find_weights("vgg16")
    with pytest.raises(WeightsError, match="there are some of vgg19, resnet18, resnet34"):
        pretrained("small-cnn")


# Weights pinned by their tensors ------------------------------------------------------------------


@pytest.fixture
def pinned(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Published as a PyTorch archive with a prefix, kept in 16 bits as safetensors."""
    tensors = state(weight=(3, 4), bias=(3,))
    published = {"state_dict": {f"module.{name}": value for name, value in tensors.items()}}
    torch.save(published, tmp_path / "published.pth")
    server.content["published.pth"] = (tmp_path / "published.pth").read_bytes()
    entry = PinnedTensors(
        "kept.safetensors", digest(tensors, torch.float16), "float16",
        f"{server.root}/store/published.pth", 1 << 20,
    )  # fmt: skip
    monkeypatch.setitem(WEIGHTS, "vgg19-16x", Weights("vgg19-16x", "", "MIT", tensors=entry))
    return tensors


def test_pinned_tensors_are_converted_and_kept(server, cache, pinned):
    path = find_weights("vgg19-16x")
    assert path == cache / "weights" / "kept.safetensors"
    assert load_file(path)["weight"].dtype == torch.float16
    assert torch.allclose(read_weights(path)["weight"], pinned["weight"], atol=2e-3)
    assert find_weights("vgg19-16x", fetch=False) == path
    assert sorted(file.name for file in path.parent.iterdir()) == [".lock", "kept.safetensors"]
    path.write_bytes(b"damaged")
    find_weights("vgg19-16x")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda server: setattr(server, "status", 404), "HTTP status 404"),
        (lambda server: server.content.update({"published.pth": b"x" * 2_000_000}), "more than"),
        (lambda server: server.content.update({"published.pth": b"x"}), "is not a"),
    ],
)
def test_pinned_tensors_that_cannot_be_had_leave_nothing(server, cache, pinned, change, message):
    change(server)
    with pytest.raises(WeightsError, match=message):
        find_weights("vgg19-16x")
    assert [file.name for file in (cache / "weights").iterdir()] == [".lock"]


def test_other_tensors_than_the_pinned_are_refused(server, cache, pinned, tmp_path):
    torch.save({name: value + 1 for name, value in pinned.items()}, tmp_path / "other.pth")
    server.content["published.pth"] = (tmp_path / "other.pth").read_bytes()
    with pytest.raises(WeightsError, match="holds other weights than those of vgg19-16x"):
        find_weights("vgg19-16x")
    assert [file.name for file in (cache / "weights").iterdir()] == [".lock"]


@needs_limits
@pytest.mark.parametrize("after", [0, 100])
def test_a_full_disk_is_no_matter_of_the_server(server, cache, pinned, after):
    with full_disk(after), pytest.raises(DataError, match=r"Cannot write .*: file too large. Free"):
        find_weights("vgg19-16x")
    assert not (cache / "weights" / "kept.safetensors").exists()
    assert len(server.requests) == 1
    find_weights("vgg19-16x")


# A part of a file ---------------------------------------------------------------------------------


@pytest.fixture
def hub(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A whole VGG19 file on a hub: its first layers true in shape, its head in another order."""
    torch.manual_seed(1)
    features = vgg19(classifier=False).state_dict()
    kept = {name: value for name, value in features.items() if int(name.split(".")[1]) < 12}
    save_file({**kept, "head.fc.weight": torch.zeros(1000)}, tmp_path / "model.safetensors")
    content = (tmp_path / "model.safetensors").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    server.content["model.safetensors"] = content
    server.identity = sha256
    whole = WholeFile(Form("vgg19.pth", 10, "0" * 64), (f"{server.root}/store/vgg19.pth",))
    server.content["vgg19.pth"] = b"0123456789"
    part = PartOfFile(f"{server.root}/hub/model.safetensors", sha256)
    monkeypatch.setitem(WEIGHTS, "vgg19", Weights("vgg19", "vgg19", "BSD", whole, part=part))
    return content


def wanted(last: int) -> list[str]:
    return [
        f"features.{i}.{kind}" for i in (0, 2, 5, 7, 10) if i <= last for kind in ("weight", "bias")
    ]


@pytest.mark.parametrize("redirect", [False, True])
def test_only_the_part_in_use_is_fetched(server, cache, hub, tmp_path, redirect):
    server.redirect = redirect
    path = find_part("vgg19", wanted(2), "to-2")
    whole, part = load_file(tmp_path / "model.safetensors"), load_file(path)
    assert sorted(part) == sorted(wanted(2))
    assert all(torch.equal(part[name], whole[name]) for name in part)
    header = struct.unpack("<Q", hub[:8])[0]
    spans = json.loads(hub[8 : 8 + header])
    received = 0
    for asked in server.requests:
        assert asked is not None
        first, last = asked.removeprefix("bytes=").split("-")
        received += int(last) - int(first) + 1
    needed = sum(
        spans[name]["data_offsets"][1] - spans[name]["data_offsets"][0] for name in wanted(2)
    )
    # The gaps that are filled are at most a megabyte each.
    assert needed <= received - 8 - header < needed + (1 << 20)
    assert received < len(hub) / 2
    before = len(server.requests)
    assert find_part("vgg19", wanted(2), "to-2") == path
    assert len(server.requests) == before
    assert sorted(file.name for file in path.parent.iterdir()) == [".lock", path.name]


def test_the_encoder_of_early_layers_comes_from_a_part(server, cache, hub, tmp_path):
    encoder = load_encoder("vgg19", layers=["relu1_2", "conv2_1"])
    assert encoder.layers == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]
    whole = load_file(tmp_path / "model.safetensors")
    assert encoder.steps[0].weight is not None
    assert torch.equal(encoder.steps[0].weight, whole["features.0.weight"])
    assert (cache / "weights" / "vgg19.features-to-5.safetensors").exists()


def test_a_part_whose_connections_are_cut_is_resumed(server, cache, hub, tmp_path):
    server.cut = 50_000
    path = find_part("vgg19", wanted(2), "to-2")
    whole, part = load_file(tmp_path / "model.safetensors"), load_file(path)
    assert all(torch.equal(part[name], whole[name]) for name in wanted(2))
    assert len(server.requests) > 3


@needs_limits
@pytest.mark.parametrize("after", [0, 100, 5_000, 150_000])
def test_a_part_that_the_disk_has_no_room_for_is_resumed(server, cache, hub, tmp_path, after):
    with full_disk(after), pytest.raises(DataError, match=r"Cannot write .*: file too large. Free"):
        find_part("vgg19", wanted(2), "to-2")
    assert not list((cache / "weights").glob("*.safetensors"))
    part = load_file(find_part("vgg19", wanted(2), "to-2"))
    whole = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(part[name], whole[name]) for name in wanted(2))


def test_a_damaged_part_is_fetched_again(server, cache, hub):
    path = find_part("vgg19", wanted(2), "to-2")
    path.write_bytes(path.read_bytes()[:100])
    assert find_part("vgg19", wanted(2), "to-2") == path
    assert sorted(load_file(path)) == sorted(wanted(2))


@pytest.mark.parametrize(
    "change",
    [
        lambda server: setattr(server, "ranges", False),
        lambda server: setattr(server, "identity", "0" * 64),
        lambda server: setattr(server, "identity", None),
        lambda server: server.content.update({"model.safetensors": b"\xff" * 5000}),
        lambda server: server.content.update(
            {"model.safetensors": struct.pack("<Q", 4) + b"nope" * 9}
        ),
        lambda server: server.content.update(
            {"model.safetensors": struct.pack("<Q", 2) + b"{}" * 9}
        ),
    ],
)
def test_where_a_part_cannot_be_had_the_whole_file_is_fetched(server, cache, hub, change):
    change(server)
    with pytest.raises(WeightsError, match=r"store/vgg19\.pth: its SHA-256"):
        find_part("vgg19", wanted(2), "to-2")  # the whole file here has a wrong checksum
    assert server.requests[-2:] == [None, None]


def test_a_whole_file_that_is_there_is_preferred(server, cache, hub, monkeypatch):
    content = b"0123456789"
    form = Form("vgg19.pth", 10, hashlib.sha256(content).hexdigest())
    entry = WEIGHTS["vgg19"]
    monkeypatch.setitem(
        WEIGHTS, "vgg19", Weights("vgg19", "vgg19", "BSD", WholeFile(form, ()), part=entry.part)
    )
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / "vgg19.pth").write_bytes(content)
    assert find_part("vgg19", wanted(2), "to-2").name == "vgg19.pth"
    assert server.requests == []


def test_the_published_entries_are_complete():
    for name, entry in WEIGHTS.items():
        assert entry.name == name
        assert entry.licence
        assert (entry.whole is None) != (entry.tensors is None)
        if entry.whole is not None:
            assert len(entry.whole.served.sha256) == 64
            assert entry.whole.served.sha256[:8] in entry.whole.served.name
            assert entry.whole.addresses[0].startswith("https://")
        if entry.tensors is not None:
            assert len(entry.tensors.digest) == 64


@pytest.mark.parametrize("name", ["vgg19-16x", "cifar-resnet20"])
def test_the_shared_files_are_the_pinned_ones(real_data: Path, cache, name):
    assert find_weights(name, real_data, fetch=False).parent == real_data / "weights"

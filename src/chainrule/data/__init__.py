"""Data: downloads with checksums and mirrors, IDX files, and embedded sets that work offline."""

from chainrule.data.cifar import Cifar10, load_cifar10
from chainrule.data.errors import DataError
from chainrule.data.idx import read_idx
from chainrule.data.registry import DATA_SETS
from chainrule.data.sets import digit_pair, load_digits, load_fashion_mnist, load_mnist
from chainrule.data.storage import FileState, fetch, status

__all__ = [
    "DATA_SETS",
    "Cifar10",
    "DataError",
    "FileState",
    "digit_pair",
    "fetch",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "read_idx",
    "status",
]

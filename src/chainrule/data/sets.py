"""The image sets as arrays: MNIST, FashionMNIST, scikit-learn's digits, and a pair of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.errors import DataError
from chainrule.data.idx import read_idx
from chainrule.data.registry import FASHION_MNIST, MNIST, DataSet
from chainrule.data.storage import DirectoryName, directories, obtain

Array = np.ndarray[Any, Any]


def load_mnist(
    split: str = "train", data_dir: DirectoryName | None = None, download: bool = True
) -> tuple[Array, Array]:
    """MNIST: handwritten digits, 60,000 for training and 10,000 for testing.

    Parameters
    ----------
    split
        "train" or "test".
    data_dir
        Directory searched first, and the one that downloads go to. Then come the directory named
        by CHAINRULE_DATA and the user's cache directory.
    download
        Whether missing files are downloaded.

    Returns
    -------
    images : uint8 array, shape (n, 28, 28)
        Grey levels, 0 (background) to 255.
    labels : uint8 array, shape (n,)
        The digit that each image shows.

    Raises
    ------
    DataError
        Unknown split; a file is damaged, or missing and not downloadable. The message names the
        file and says what to put where.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86 (1998), section III.
    """
    return load(MNIST, split, data_dir, download)


def load_fashion_mnist(
    split: str = "train", data_dir: DirectoryName | None = None, download: bool = True
) -> tuple[Array, Array]:
    """FashionMNIST: articles of clothing, 60,000 for training and 10,000 for testing.

    0 T-shirt/top, 1 trouser,
    2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Parameters
    ----------
    split, data_dir, download
        As for `load_mnist`.

    Returns
    -------
    images : uint8 array, shape (n, 28, 28)
    labels : uint8 array, shape (n,)
        0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag,
        9 ankle boot.

    Raises
    ------
    DataError
        As `load_mnist`.

    Notes
    -----
    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747 (2017), table 2.
    """
    return load(FASHION_MNIST, split, data_dir, download)


def load(
    data_set: DataSet, split: str, data_dir: DirectoryName | None, download: bool
) -> tuple[Array, Array]:
    """Images and labels of one split of a data set."""
    if split not in ("train", "test"):
        raise DataError(f"split is {split!r}; expected 'train' or 'test'.")
    files = data_set.split(split)
    searched = directories(data_dir)
    destinations = searched[: 1 if data_dir else None] if download else []
    paths = obtain(data_set, files, searched, destinations)
    images, labels = (read_idx(path, file.shape) for path, file in zip(paths, files, strict=True))
    return images, labels


def load_digits() -> tuple[Array, Array]:
    """Embedded digits, available offline: 1,797 small handwritten digits that scikit-learn ships.

    Returns
    -------
    images : float64 array, shape (1797, 8, 8)
        Grey levels, 0 (background) to 16.
    labels : uint8 array, shape (1797,)
        The digit that each image shows.

    Notes
    -----
    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository (1998), the test part.
    """
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    return digits.images, digits.target.astype(np.uint8)


def digit_pair(
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    positive: int = 3,
    negative: int = 9,
    maximum: float | None = None,
) -> tuple[Array, Array]:
    """Two classes of a labelled image set, as the rows and signs of a binary problem.

    Parameters
    ----------
    images : shape (n, height, width) or (n, pixels)
        Grey levels from 0 to `maximum`.
    labels : integers, shape (n,)
        Class of each image.
    positive, negative
        The classes whose targets are +1 and -1.
    maximum
        Grey level that becomes 1; 255 for unsigned bytes when absent.

    Returns
    -------
    x : float64 array, shape (m, pixels)
        Pixels in [0, 1] of the m images of the two classes, in their given order.
    y : float64 array, shape (m, 1)
        +1 or -1.

    Raises
    ------
    DataError
        Shapes disagree, a class is absent or given twice, a grey level is NaN or out of range.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"labels have shape {labels.shape} and type {labels.dtype}; "
            "expected one integer per image, shape (n,)."
        )
    if images.ndim < 2 or len(images) != len(labels):
        raise DataError(
            f"images have shape {images.shape} for {len(labels)} labels; "
            "expected (n, height, width) or (n, pixels) with one label per image."
        )
    if not (np.issubdtype(images.dtype, np.integer) or np.issubdtype(images.dtype, np.floating)):
        raise DataError(f"images have type {images.dtype}; expected integers or floats.")
    if positive == negative:
        raise DataError(f"positive and negative are both {positive}; choose two classes.")
    for argument, label in (("positive", positive), ("negative", negative)):
        if not np.any(labels == label):
            raise DataError(
                f"no image has the {argument} label {label!r}; labels present are "
                f"{', '.join(map(str, np.unique(labels))) or 'none'}."
            )
    if maximum is None:
        if images.dtype != np.uint8:
            raise DataError(
                f"images have type {images.dtype}, whose largest grey level is not known; "
                "give maximum (255 for MNIST, 16 for scikit-learn's digits)."
            )
        maximum = 255.0
    if not 0 < maximum < np.inf:
        raise DataError(f"maximum is {maximum}; expected a positive number.")
    chosen = (labels == positive) | (labels == negative)
    pixels = images[chosen].reshape(np.count_nonzero(chosen), -1)
    x = np.divide(pixels, maximum, dtype=np.float64)
    if not np.all((x >= 0) & (x <= 1)):
        row, pixel = np.argwhere(~((x >= 0) & (x <= 1)))[0]
        raise DataError(
            f"image {np.flatnonzero(chosen)[row]} has the grey level {x[row, pixel] * maximum:g} "
            f"at pixel {pixel}; expected 0 to {maximum:g}."
        )
    y = np.where(labels[chosen] == positive, 1.0, -1.0)[:, np.newaxis]
    return x, y

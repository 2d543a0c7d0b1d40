"""PCA, CCA and a linear classifier of an image set, all from one pass over XᵀX.

The pixels are bytes. Shifted by 128 they are whole numbers of at most 2⁷ in size, so in blocks of
1,024 images every sum of products stays within 2²⁴, where single precision counts exactly: XᵀX is
exact at the speed of single precision. Everything else follows from it and the class means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.vision.errors import VisionError

Array = np.ndarray[Any, Any]

SHIFT = 128
BLOCK = 1024
#: Directions of the covariance below this share of the largest are no directions but rounding.
CUTOFF = 1e-12


@dataclass(frozen=True)
class Moments:
    """What PCA, CCA and least squares need of n images of d numbers each in K classes.

    Attributes
    ----------
    count : int
    mean : float64 array, shape (d,)
    covariance : float64 array, shape (d, d)
        (X − mean)ᵀ(X − mean) / n, in units of grey levels squared.
    class_counts : int array, shape (K,)
    class_means : float64 array, shape (K, d)
    """

    count: int
    mean: Array
    covariance: Array
    class_counts: Array
    class_means: Array

    @property
    def cross_covariance(self) -> Array:
        """Covariance of the images with the one-hot labels, shape (d, K)."""
        share = self.class_counts / self.count
        return ((self.class_means - self.mean) * share[:, None]).T


@dataclass(frozen=True)
class Embedding:
    """A linear map of images to a few coordinates.

    Attributes
    ----------
    mean : float64 array, shape (d,)
    axes : float64 array, shape (d, components)
        The entry of largest size is positive in each, so that signs are the same everywhere.
    values : float64 array, shape (components,)
        PCA: the share of the variance along each axis. CCA: the canonical correlations.
    """

    mean: Array
    axes: Array
    values: Array

    def transform(self, images: Array) -> Array:
        """Coordinates, shape (n, components), of uint8 images, shape (n, …)."""
        return _apply(images, self.axes, -self.mean @ self.axes)


@dataclass(frozen=True)
class LinearClassifier:
    """The class whose least-squares fit to the one-hot labels is largest.

    Attributes
    ----------
    weights : float64 array, shape (d, K)
    intercept : float64 array, shape (K,)
    """

    weights: Array
    intercept: Array

    def scores(self, images: Array) -> Array:
        """Fitted one-hot labels, shape (n, K); each row sums to 1."""
        return _apply(images, self.weights, self.intercept)

    def accuracy(self, images: Array, labels: Array) -> float:
        """Share of images whose largest score is that of their label."""
        return float(np.mean(self.scores(images).argmax(1) == labels))


def moments(images: Array, labels: Array, classes: int = 10) -> Moments:
    """One pass over the images.

    Parameters
    ----------
    images : uint8 array, shape (n, …)
        Each image's numbers, d of them, are one row of X.
    labels : integer array, shape (n,)
        From 0 to `classes` − 1; every class must occur.
    classes : int

    Returns
    -------
    Moments

    Raises
    ------
    VisionError
        The images are not bytes, or do not go with the labels.
    """
    from scipy.linalg.blas import ssyrk

    x, labels = _rows(images), np.asarray(labels)
    n, d = x.shape
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer) or n == 0:
        raise VisionError(
            f"There are {n} images and labels of shape {labels.shape} and type {labels.dtype}; "
            "expected one whole number per image."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise VisionError(f"The labels go to {labels.max()}; expected 0 to {classes - 1}.")
    counts = np.bincount(labels, minlength=classes)
    if not counts.all():
        raise VisionError(f"No image is of class {int(np.argmin(counts))}; every class must occur.")
    products = np.zeros((d, d), order="F")
    sums = np.zeros((classes, d))
    for start in range(0, n, BLOCK):
        # Shifted, and in the layout that BLAS reads without copying.
        block = (x[start : start + BLOCK].astype(np.float32) - SHIFT).T
        products += ssyrk(1.0, block)
        chosen = np.zeros((classes, block.shape[1]), np.float32)
        chosen[labels[start : start + BLOCK], np.arange(block.shape[1])] = 1
        sums += chosen @ block.T
    products /= n
    products += np.triu(products, 1).T
    shifted = sums.sum(0) / n
    products -= np.outer(shifted, shifted)
    return Moments(n, shifted + SHIFT, products, counts, sums / counts[:, None] + SHIFT)


def pca(moments: Moments, components: int = 2) -> Embedding:
    """Directions of largest variance: eigenvectors of the covariance.

    Parameters
    ----------
    moments : Moments
        Of d pixels.
    components : int
        From 1 to d.

    Returns
    -------
    Embedding

    Raises
    ------
    VisionError
        More components than pixels, or fewer than one.
    """
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    d = len(moments.mean)
    if not 1 <= components <= d:
        raise VisionError(f"There are {d} principal components; {components} were asked for.")
    if components > d // 4:
        values, axes = eigh(moments.covariance, subset_by_index=(d - components, d - 1))
    else:
        start = np.random.default_rng(0).standard_normal(d)
        values, axes = eigsh(moments.covariance, k=components, v0=start)
    order = np.argsort(values)[::-1]
    share = values[order] / np.trace(moments.covariance)
    return Embedding(moments.mean, _signed(axes[:, order]), share)


def cca(moments: Moments, components: int = 2, ridge: float = 0.0) -> Embedding:
    """Directions that correlate most with the one-hot labels (canonical correlation analysis).

    The canonical correlations are the singular values of Σxx^(−½) Σxy Σyy^(−½). Centred one-hot
    labels of K classes have rank K − 1, so there are at most K − 1 directions; they span the space
    of Fisher's linear discriminants, with ρ = √(λ / (1 + λ)).

    Parameters
    ----------
    moments : Moments
    components : int
        From 1 to K − 1.
    ridge : float
        Added to the diagonal of Σxx, as a share of its mean.

    Returns
    -------
    Embedding
        Coordinates along each axis have variance 1 over the images of `moments`.

    Raises
    ------
    VisionError
        Too many components; not more images than pixels and no ridge, when some direction
        separates the classes perfectly by chance.

    Notes
    -----
    Source: H. Hotelling, "Relations between two sets of variates", Biometrika 28 (1936); T. Hastie,
    A. Buja, R. Tibshirani, "Penalized discriminant analysis", Annals of Statistics 23 (1995).
    """
    classes = len(moments.class_counts)
    if not 1 <= components <= classes - 1:
        raise VisionError(
            f"CCA with {classes} classes has {classes - 1} directions; {components} were asked for."
        )
    _enough(moments, ridge)
    root = np.sqrt(moments.class_counts / moments.count)
    # Σyy^(−½) for one-hot labels acts as division by the roots, up to its null space, which the
    # centred class means do not reach.
    cross = moments.cross_covariance / root
    solved = _solve(moments.covariance, cross, ridge)
    squared, right = np.linalg.eigh(cross.T @ solved)
    order = np.argsort(squared)[::-1][:components]
    correlations = np.sqrt(np.clip(squared[order], 0.0, 1.0))
    axes = solved @ right[:, order] / np.where(correlations > 0, correlations, 1.0)
    return Embedding(moments.mean, _signed(axes), correlations)


def linear_classifier(moments: Moments, ridge: float = 0.0) -> LinearClassifier:
    """Least squares on one-hot labels with an intercept, the largest fit wins.

    Parameters
    ----------
    moments : Moments
    ridge : float
        Added to the diagonal of the covariance, as a share of its mean. Without, the solution of
        least norm.

    Returns
    -------
    LinearClassifier
    """
    weights = _solve(moments.covariance, moments.cross_covariance, ridge)
    share = moments.class_counts / moments.count
    return LinearClassifier(weights, share - moments.mean @ weights)


def subspace_angle(first: Array, second: Array) -> float:
    """Largest principal angle, in radians, between the spans of the columns of two arrays."""
    from scipy.linalg import subspace_angles

    return float(np.max(subspace_angles(first, second)))


def _rows(images: Array) -> Array:
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim < 2:
        raise VisionError(
            f"The images have type {images.dtype} and shape {images.shape}; expected bytes, "
            "uint8, shape (n, …)."
        )
    return images.reshape(len(images), math.prod(images.shape[1:]))


def _apply(images: Array, matrix: Array, offset: Array) -> Array:
    """images @ matrix + offset in blocks, so that no copy of all images in double precision."""
    rows = _rows(images)
    blocks = [rows[start : start + BLOCK] @ matrix for start in range(0, len(rows), BLOCK)]
    return np.concatenate([np.zeros((0, matrix.shape[1])), *blocks]) + offset


def _enough(moments: Moments, ridge: float) -> None:
    d, n = len(moments.mean), moments.count
    if ridge < 0 or (ridge == 0 and n <= d):
        raise VisionError(
            f"CCA of {n} images with {d} numbers each and ridge {ridge:g} has no meaning: "
            f"some direction separates the classes perfectly by chance. Take more than {d} images "
            "or a positive ridge."
        )


def _solve(covariance: Array, right: Array, ridge: float) -> Array:
    """(covariance + ridge)⁻¹ right; of least norm where the covariance is singular."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

    matrix = covariance
    if ridge:
        matrix = covariance.copy()
        matrix[np.diag_indices(len(matrix))] += ridge * np.trace(covariance) / len(matrix)
    try:
        factor = cho_factor(matrix, lower=True, check_finite=False)
        if np.min(np.diag(factor[0])) ** 2 > CUTOFF * np.max(np.diag(matrix)):
            solution: Array = cho_solve(factor, right, check_finite=False)
            return solution
    except LinAlgError:
        pass
    values, vectors = eigh(matrix)
    kept = values > CUTOFF * max(values[-1], 1e-300) * len(values)
    vectors = vectors[:, kept]
    return vectors @ ((vectors.T @ right) / values[kept, None])


def _signed(axes: Array) -> Array:
    largest = np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0)
    return axes * np.where(largest < 0, -1.0, 1.0)

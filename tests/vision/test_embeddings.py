"""PCA, CCA and least squares from one pass, against scikit-learn and against their definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import load_cifar10
from chainrule.data.shapes import synthetic_shapes
from chainrule.vision.embeddings import cca, linear_classifier, moments, pca, subspace_angle
from chainrule.vision.errors import VisionError

IMAGES, LABELS = synthetic_shapes(1500, seed=4, size=8)
MOMENTS = moments(IMAGES, LABELS)
X = IMAGES.reshape(1500, -1).astype(float)


def test_moments_are_exact() -> None:
    expected = np.cov(X.T, bias=True)
    np.testing.assert_allclose(MOMENTS.covariance, expected, rtol=0, atol=1e-10 * expected.max())
    np.testing.assert_allclose(MOMENTS.mean, X.mean(0), rtol=1e-14)
    means = [X[k == LABELS].mean(0) for k in range(10)]
    np.testing.assert_allclose(MOMENTS.class_means, means, rtol=1e-13)


@settings(max_examples=20)
@given(st.integers(2, 2100), st.integers(1, 5), st.sampled_from([0, 128, 255, None]))
def test_moments_of_any_size_and_of_extreme_pixels(n: int, d: int, level: int | None) -> None:
    generator = np.random.default_rng(n)
    images = generator.integers(0, 256, (n, d)).astype(np.uint8)
    if level is not None:
        images[:] = level
    found = moments(images, np.arange(n) % 2, 2)
    expected = np.cov(images.T.astype(float), bias=True).reshape(d, d)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-9)


@pytest.mark.parametrize("components", [1, 2, 5, 150])
def test_pca_is_that_of_scikit_learn(components: int) -> None:
    from sklearn import decomposition

    theirs = decomposition.PCA(components, svd_solver="full").fit(X)
    ours = pca(MOMENTS, components)
    assert subspace_angle(ours.axes, theirs.components_.T) < 1e-6
    np.testing.assert_allclose(ours.values, theirs.explained_variance_ratio_, rtol=1e-8)
    signs = np.sign(np.sum(ours.axes * theirs.components_.T, 0))
    expected = theirs.transform(X) * signs
    np.testing.assert_allclose(ours.transform(IMAGES), expected, atol=1e-3)


def test_cca_is_that_of_scikit_learn() -> None:
    from sklearn import cross_decomposition as decomposition

    theirs = decomposition.CCA(2, scale=False, max_iter=5000, tol=1e-14)
    theirs.fit(X, np.eye(10)[LABELS])
    ours = cca(MOMENTS, 2)
    assert subspace_angle(ours.axes, theirs.x_rotations_) < 1e-4
    np.testing.assert_allclose(ours.transform(IMAGES).var(0), 1, rtol=1e-9)


def test_cca_spans_the_discriminants_with_their_correlations() -> None:
    """ρ = √(λ / (1 + λ)), λ the eigenvalues of between-class over within-class scatter."""
    from scipy.linalg import eigh

    share = MOMENTS.class_counts / MOMENTS.count
    centred = MOMENTS.class_means - MOMENTS.mean
    between = (centred * share[:, None]).T @ centred
    values, vectors = eigh(between, MOMENTS.covariance - between)
    ours = cca(MOMENTS, 9)
    assert subspace_angle(ours.axes, vectors[:, -9:]) < 1e-6
    ratio = values[::-1][:9]
    np.testing.assert_allclose(ours.values, np.sqrt(ratio / (1 + ratio)), rtol=1e-8)
    correlation = np.corrcoef(ours.transform(IMAGES).T)
    np.testing.assert_allclose(correlation, np.eye(9), atol=1e-8)


def test_no_random_direction_has_more_variance_or_correlation() -> None:
    directions = np.random.default_rng(1).standard_normal((len(MOMENTS.mean), 5000))
    variance = np.sum(directions * (MOMENTS.covariance @ directions), 0)
    first = pca(MOMENTS, 1)
    assert np.max(variance / np.sum(directions**2, 0)) < first.values[0] * np.trace(
        MOMENTS.covariance
    )
    explained = MOMENTS.cross_covariance / np.sqrt(MOMENTS.class_counts / MOMENTS.count)
    correlation = np.sum((directions.T @ explained) ** 2, 1) / variance
    assert np.sqrt(correlation.max()) < cca(MOMENTS, 1).values[0]


def test_least_squares_is_that_of_scikit_learn() -> None:
    from sklearn import linear_model

    theirs = linear_model.LinearRegression().fit(X, np.eye(10)[LABELS])
    ours = linear_classifier(MOMENTS)
    np.testing.assert_allclose(ours.weights, theirs.coef_.T, atol=1e-9)
    predicted = theirs.predict(X).argmax(1)
    assert ours.accuracy(IMAGES, LABELS) == np.mean(predicted == LABELS)
    np.testing.assert_allclose(ours.scores(IMAGES).sum(1), 1, atol=1e-9)


def test_least_squares_of_least_norm_where_pixels_repeat() -> None:
    doubled = np.concatenate([IMAGES, IMAGES], axis=1)
    both = linear_classifier(moments(doubled, LABELS))
    np.testing.assert_allclose(both.scores(doubled), linear_classifier(MOMENTS).scores(IMAGES),
                               atol=1e-8)  # fmt: skip
    half = both.weights.shape[0] // 2
    np.testing.assert_allclose(both.weights[:half], both.weights[half:], atol=1e-9)
    constant = np.concatenate([IMAGES, np.full_like(IMAGES, 7)], axis=1)
    padded = linear_classifier(moments(constant, LABELS))
    np.testing.assert_allclose(padded.weights[half:], 0, atol=1e-12)


def test_ridge_shrinks() -> None:
    sizes = [np.linalg.norm(linear_classifier(MOMENTS, ridge).weights) for ridge in (0, 0.01, 1)]
    assert sizes[0] > sizes[1] > sizes[2] > 0


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: moments(IMAGES / 255, LABELS), "type float64 .*; expected bytes"),
        (lambda: moments(IMAGES, LABELS[:5]), r"1500 images and labels of shape \(5,\)"),
        (lambda: moments(IMAGES[:0], LABELS[:0]), "There are 0 images"),
        (lambda: moments(IMAGES, LABELS, 9), "labels go to 9; expected 0 to 8"),
        (lambda: moments(IMAGES, LABELS, 12), "No image is of class 10"),
        (lambda: pca(MOMENTS, 0), "192 principal components; 0 were asked for"),
        (lambda: cca(MOMENTS, 10), "has 9 directions; 10 were asked for"),
        (
            lambda: cca(moments(IMAGES[:100], LABELS[:100])),
            "CCA of 100 images with 192 numbers each and ridge 0 has no meaning",
        ),
    ],
)
def test_what_has_no_answer_is_refused(call: Any, reason: str) -> None:
    with pytest.raises(VisionError, match=reason):
        call()


def test_real_images(real_data: Path) -> None:
    """Grey versions of the real images at a quarter of the size, to stay quick."""
    data = load_cifar10("train", real_data, download=False, partial=True)
    small = data.images.reshape(-1, 3, 8, 4, 8, 4).mean((1, 3, 5)).astype(np.uint8)
    found = moments(small, data.labels)
    assert linear_classifier(found).accuracy(small, data.labels) > 0.24
    assert pca(found).values[0] > 0.2
    assert cca(found).values[0] > 0.45

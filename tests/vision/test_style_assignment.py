"""The assignment's functions: reference values, both readings, gradients; no PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.vision import VisionError
from chainrule.vision.images import write_picture
from chainrule.vision.style import (
    compute_content_loss,
    compute_style_loss,
    deprocess_img,
    gram_matrix,
    load_and_process_img,
    process_img,
)
from chainrule.vision.style.colours import grey, luminance, with_colours_of

F = np.arange(24).reshape(3, 4, 2) / 10


@pytest.mark.parametrize(
    ("normalize", "factor"), [("positions", 1), ("first_dim", 4), ("none", 12)]
)
def test_gram_matrices_of_every_normalisation(normalize, factor):
    expected = factor * np.array([[20.24, 21.56], [21.56, 23.0]]) / 12
    assert np.allclose(gram_matrix(F, normalize), expected, rtol=1e-14)


def test_the_hand_out_s_own_check_of_the_gram_matrix():
    # The integers 1 to 24: [[191.667, 203.667], [203.667, 216.667]].
    found = gram_matrix(np.arange(1, 25).reshape(3, 4, 2))
    assert np.allclose(found, [[2300 / 12, 2444 / 12], [2444 / 12, 2600 / 12]], rtol=1e-14)


def test_content_and_style_losses_of_the_reference():
    assert compute_content_loss(F, F[::-1], "sum") == pytest.approx(40.96, rel=1e-13)
    assert compute_content_loss(F, F[::-1]) == pytest.approx(40.96 / 24, rel=1e-13)
    swapped = gram_matrix(F[..., ::-1])
    assert compute_style_loss(gram_matrix(F), swapped, "sum") == pytest.approx(0.1058, rel=1e-12)
    assert compute_style_loss(gram_matrix(F), swapped) == pytest.approx(0.1058 / 4, rel=1e-12)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_gram_matrices_forget_positions_and_are_semidefinite(height, width, channels, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(height, width, channels))
    gram = gram_matrix(features)
    rows = rng.permutation(features.reshape(-1, channels))
    assert np.allclose(gram_matrix(rows.reshape(features.shape)), gram, atol=1e-13)
    assert np.array_equal(gram, gram.T)
    assert np.linalg.eigvalsh(gram).min() >= -1e-13


@given(st.integers(0, 2**32 - 1))
def test_the_closed_gradients_are_the_engine_s(seed):
    rng = np.random.default_rng(seed)
    features, target = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5, 4))
    matrix = gram_matrix(target)
    rows = features.reshape(15, 4)
    style = 4 / (15 * 16) * rows @ (gram_matrix(features) - matrix)
    engine = cr.grad(lambda f: compute_style_loss(gram_matrix(f), matrix))(features)
    assert np.allclose(engine, style.reshape(features.shape), rtol=1e-11, atol=1e-13)
    engine = cr.grad(lambda f: compute_content_loss(f, target))(features)
    assert np.allclose(engine, 2 * (features - target) / features.size, rtol=1e-13)


def test_processing_is_undone_for_every_level():
    levels = np.arange(256)[:, None, None] * np.ones((1, 1, 3), int)
    processed = process_img(levels)
    assert processed.dtype == np.float32
    assert np.allclose(processed[0, 0], [-103.939, -116.779, -123.68])  # BGR
    assert np.array_equal(deprocess_img(processed), levels)
    assert np.array_equal(deprocess_img(processed[None]), levels)


def test_red_is_last_in_what_is_processed():
    red = process_img(np.array([[[255, 0, 0]]]))
    assert red[0, 0, 2] == pytest.approx(255 - 123.68)


def test_values_beyond_the_range_are_clipped_not_wrapped():
    beyond = process_img(np.array([[[-40.0, 300.0, 256.0]]]))
    assert deprocess_img(beyond)[0, 0].tolist() == [0, 255, 255]


def test_a_file_is_loaded_at_its_size(tmp_path):
    write_picture(tmp_path / "a.png", np.full((10, 20, 3), 128 / 255, np.float32))
    found = load_and_process_img(tmp_path / "a.png", 40)
    assert found.shape == (20, 40, 3)
    assert np.allclose(found, np.float32(128) - np.float32([103.939, 116.779, 123.68]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gram_matrix(F[0]), r"shape \(4, 2\); expected \(height, width, channels\)"),
        (lambda: gram_matrix(F, "rows"), "choose positions, first_dim, none"),
        (lambda: compute_content_loss(F, F[:2]), r"\(3, 4, 2\) and \(2, 4, 2\)"),
        (lambda: compute_style_loss(np.eye(2), np.eye(3)), "Gram matrices have shapes"),
        (lambda: compute_content_loss(F, F, "max"), "choose mean or sum"),
        (lambda: deprocess_img(np.zeros((2, 2))), r"shape \(2, 2\); expected"),
        (lambda: deprocess_img(np.full((2, 2, 3), np.nan)), "has diverged"),
    ],
)
def test_wrong_arrays_are_refused(call, message):
    with pytest.raises(VisionError, match=message):
        call()


@given(st.integers(0, 2**32 - 1))
def test_colours_come_back_with_another_luminance(seed):
    rng = np.random.default_rng(seed)
    content = rng.uniform(0.3, 0.7, (4, 5, 3)).astype(np.float32)
    painted = np.clip(content + 0.1 * rng.standard_normal(content.shape), 0.2, 0.8)
    painted = painted.astype(np.float32)
    found = with_colours_of(painted, content)
    assert np.allclose(luminance(found), luminance(painted), atol=1e-5)
    assert np.allclose(np.ptp(found - content, axis=2), 0, atol=1e-6)  # one shift for all channels


def test_a_style_without_colours_takes_the_content_s_tones():
    rng = np.random.default_rng(3)
    style, content = rng.uniform(0, 1, (30, 30, 3)), rng.uniform(0.4, 0.6, (20, 20, 3))
    found = grey(style.astype(np.float32), content.astype(np.float32))
    assert found.shape == style.shape
    assert np.array_equal(found[..., 0], found[..., 2])
    assert luminance(found).mean() == pytest.approx(luminance(content).mean(), abs=1e-4)
    assert luminance(found).std() == pytest.approx(luminance(content).std(), abs=1e-4)
    flat = grey(np.full((4, 4, 3), 0.2, np.float32), content.astype(np.float32))
    assert np.allclose(flat, luminance(content).mean(), atol=1e-4)

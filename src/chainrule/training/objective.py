"""What is minimised: a network with a loss, or any loss function, seen in one way by the loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.nn import losses
from chainrule.nn.layers import Layer

# Examples that are evaluated at a time.
_CHUNK = 1000


class Objective:
    """A loss of parameters and a batch, with what a step needs besides.

    Attributes
    ----------
    loss : callable
        ``loss(params, *extra, *batch)``, where ``extra`` is the state if there is one and then what
        ``draw`` gives; it returns the value, or with a state ``(value, new state)``.
    state : tree or None
        Running statistics before the first step.
    model : Layer or None
        The network, if it is one.
    """

    loss: Callable[..., Any]
    model: Layer | None = None
    state: Any = None

    def draw(self, rng: np.random.Generator, batch: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        """Randomness of one step, as arguments of the loss."""
        return ()

    @property
    def draws(self) -> bool:
        """Whether steps need randomness."""
        return False

    def evaluate(
        self, params: Any, state: Any, data: tuple[np.ndarray, ...]
    ) -> tuple[float, float | None]:
        """Mean loss and accuracy over a data set, in evaluation mode."""
        total, right, count = 0.0, 0.0, len(data[0])
        for start in range(0, count, _CHUNK):
            chunk = tuple(array[start : start + _CHUNK] for array in data)
            value, accuracy = self._evaluate(params, state, chunk)
            total += value * len(chunk[0])
            right += (accuracy or 0.0) * len(chunk[0])
        return total / count, None if accuracy is None else right / count

    def _evaluate(
        self, params: Any, state: Any, batch: tuple[np.ndarray, ...]
    ) -> tuple[float, float | None]:
        raise NotImplementedError


class FunctionObjective(Objective):
    """A loss function of the user's.

    Parameters
    ----------
    function : callable
        ``function(params, *batch) -> scalar``.
    draw : callable, optional
        ``draw(rng, *batch)``: what the function takes after the batch, a value or a tuple.
    accuracy : callable, optional
        ``accuracy(params, *batch)``: a fraction of the batch.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        draw: Callable[..., Any] | None = None,
        accuracy: Callable[..., Any] | None = None,
    ) -> None:
        self._function, self._draw, self._accuracy = function, draw, accuracy
        self.loss = function if draw is None else self._drawn_first

    def _drawn_first(self, params: Any, drawn: tuple[Any, ...], *batch: Any) -> Any:
        return self._function(params, *batch, *drawn)

    @property
    def draws(self) -> bool:
        return self._draw is not None

    def draw(self, rng: np.random.Generator, batch: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        if self._draw is None:
            return ()
        drawn = self._draw(rng, *batch)
        return (drawn if isinstance(drawn, tuple) else (drawn,),)

    def _evaluate(
        self, params: Any, state: Any, batch: tuple[np.ndarray, ...]
    ) -> tuple[float, float | None]:
        # a fixed generator: evaluations of the same parameters agree
        drawn = self.draw(np.random.default_rng(0), batch)
        value = float(self.loss(params, *drawn, *batch))
        accuracy = self._accuracy
        return value, None if accuracy is None else float(accuracy(params, *batch))


class NetworkObjective(Objective):
    """A network of `chainrule.nn` and a loss of its predictions and targets.

    Parameters
    ----------
    model : Layer
        Usually a `chainrule.nn.Sequential`.
    loss : callable
        ``loss(predictions, targets) -> scalar``.
    accuracy : callable, optional
        ``accuracy(predictions, targets)``: a fraction of the batch; chosen by the loss if absent.
    data : tuple of arrays
        Inputs and targets.
    dtype : dtype
        Of the parameters.
    state : tree, optional
        Running statistics to go on with.
    """

    def __init__(
        self,
        model: Layer,
        loss: Callable[..., Any],
        accuracy: Callable[..., Any] | None,
        data: tuple[np.ndarray, ...],
        dtype: Any,
        state: Any = None,
    ) -> None:
        x, targets = data
        self.model, self._network, self.measure = model, model, loss
        self.state = model.init_state(dtype) if state is None else state
        self._draws = model.draw_masks(np.random.default_rng(0), x[:1].shape) is not None
        predictions = np.zeros(model.output_shape(x.shape), dtype)
        loss(predictions, targets)  # labels and shapes that do not fit are refused before training
        self._training_measure = for_checked_labels(loss)
        self._accuracy = accuracy or accuracy_of(loss, targets)
        if self.state is not None:
            self.loss = self._with_state_and_masks if self._draws else self._with_state
        else:
            self.loss = self._with_masks if self._draws else self._plain

    def _plain(self, params: Any, x: Any, y: Any) -> Any:
        return self._training_measure(self._network.apply_training(params, x)[0], y)

    def _with_masks(self, params: Any, masks: Any, x: Any, y: Any) -> Any:
        return self._training_measure(self._network.apply_training(params, x, None, masks)[0], y)

    def _with_state(self, params: Any, state: Any, x: Any, y: Any) -> Any:
        predictions, renewed = self._network.apply_training(params, x, state)
        return self._training_measure(predictions, y), renewed

    def _with_state_and_masks(self, params: Any, state: Any, masks: Any, x: Any, y: Any) -> Any:
        predictions, renewed = self._network.apply_training(params, x, state, masks)
        return self._training_measure(predictions, y), renewed

    @property
    def draws(self) -> bool:
        return self._draws

    def draw(self, rng: np.random.Generator, batch: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        return (self._network.draw_masks(rng, batch[0].shape),) if self._draws else ()

    def _evaluate(
        self, params: Any, state: Any, batch: tuple[np.ndarray, ...]
    ) -> tuple[float, float | None]:
        x, targets = batch
        predictions = self._network.apply(params, x, state)
        accuracy = self._accuracy
        found = None if accuracy is None else float(accuracy(predictions, targets))
        return float(self.measure(predictions, targets)), found


def accuracy_of(loss: Callable[..., Any], targets: np.ndarray) -> Callable[..., Any] | None:
    """The accuracy that goes with a loss of `chainrule.nn`; None for another one."""
    function = loss_function(loss)
    if function is losses.cross_entropy:
        return _classes if targets.ndim == 1 else _likeliest
    if function is losses.hinge:
        return _signs
    if function is losses.binary_cross_entropy:
        return _halves
    return None


def loss_function(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss behind options set with functools.partial."""
    return loss.func if isinstance(loss, functools.partial) else loss


def for_checked_labels(loss: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of `chainrule.nn` without its check of labels, any other one as it is."""
    function = loss_function(loss)
    unchecked = losses.FOR_CHECKED_LABELS.get(function, function)
    if isinstance(loss, functools.partial):
        return functools.partial(unchecked, *loss.args, **loss.keywords)
    return unchecked


def _classes(logits: np.ndarray, labels: np.ndarray) -> Any:
    return np.mean(np.argmax(logits, axis=-1) == labels)


def _likeliest(logits: np.ndarray, labels: np.ndarray) -> Any:
    return np.mean(np.argmax(logits, axis=-1) == np.argmax(labels, axis=-1))


def _signs(scores: np.ndarray, labels: np.ndarray) -> Any:
    return np.mean(np.where(scores > 0, 1, -1) == labels)


def _halves(logits: np.ndarray, labels: np.ndarray) -> Any:
    return np.mean((logits > 0) == (labels > 0.5))


def objective(
    model: Any,
    params: Any,
    data: tuple[np.ndarray, ...],
    loss: Callable[..., Any] | None,
    accuracy: Callable[..., Any] | None,
    draw: Callable[..., Any] | None,
    state: Any,
    dtype: Any,
) -> Objective:
    """The objective of a network or a loss function.

    Raises
    ------
    InvalidInput
        A network without a loss or with data other than (inputs, targets); a function with a
        loss; something that is neither.
    """
    if isinstance(model, Layer):
        if loss is None:
            raise InvalidInput("a network needs a loss, such as loss=nn.cross_entropy.")
        if len(data) != 2:
            raise InvalidInput(
                f"a network is trained on (inputs, targets), got {len(data)} array(s)."
            )
        if draw is not None:
            raise InvalidInput("draw belongs to a loss function; a network draws its own masks.")
        return NetworkObjective(model, loss, accuracy, data, dtype, state)
    if isinstance(model, type) or not callable(model):
        raise InvalidInput(
            f"the model must be a network of chainrule.nn or a loss function of (params, *batch), "
            f"got {model!r}."
        )
    if loss is not None:
        raise InvalidInput("a loss function is its own loss; leave loss= to networks.")
    if state is not None:
        raise InvalidInput("state belongs to a network; close over it, or pass it as data.")
    return FunctionObjective(model, draw, accuracy)

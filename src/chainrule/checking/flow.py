"""Gradient flow: per layer, whether gradients vanish or explode and units are dead or saturated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from chainrule.checking.flow_graph import activations_of, count_units, groups_of
from chainrule.checking.flow_layers import Layer, judge
from chainrule.checking.flow_report import Flow
from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph, shape_of
from chainrule.engine.transforms import trace
from chainrule.engine.trees import flatten


def flow(
    model: Any,
    params: Any = None,
    batches: Any = None,
    *,
    loss: Callable[..., Any] | None = None,
    state: Any = None,
    optimizer: Any = None,
    learning_rate: float | None = None,
    seed: int = 0,
) -> Flow:
    """How gradients flow through a network, layer by layer, over several batches.

    Parameters
    ----------
    model : Layer, callable or torch.nn.Module
        A network such as `chainrule.nn.Sequential`; or a function ``loss(params, *batch)``, or
        ``loss(params, **batch)``, that returns a number; or a PyTorch module.
    params : tree of arrays
        The network's parameters; not for PyTorch modules, which hold their own.
    batches : iterable
        Batches: tuples or dicts of arrays. For a network a pair of inputs and targets.
    loss : callable, optional
        ``loss(outputs, targets)``, for a network or a module.
    state : tree, optional
        What the network carries from batch to batch (running statistics), as from ``init_state``.
    optimizer : Optimizer, optional
        Of `chainrule.optim`; its first step is what updates are measured on.
    learning_rate : float, optional
        Instead of an optimizer: updates are those of gradient descent.
    seed : int
        Of the masks of dropout.

    Returns
    -------
    Flow
        Verdicts, numbers and a picture. Neither the network nor its parameters are changed.

    Raises
    ------
    InvalidInput
        Something is missing or of another kind.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Linear(5, 8), nn.relu, nn.Linear(8, 3))
    >>> rng = np.random.default_rng(0)
    >>> batches = [(rng.normal(size=(40, 5)), rng.integers(0, 3, 40)) for _ in range(3)]
    >>> cr.flow(model, model.init(0), batches, loss=nn.cross_entropy).verdict
    'healthy'
    """
    batches = _checked_batches(batches)
    if optimizer is not None and learning_rate is not None:
        raise InvalidInput("flow takes an optimizer or a learning_rate, not both.")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from chainrule.checking.flow_torch import torch_flow

        if params is not None or optimizer is not None:
            raise InvalidInput(
                "a PyTorch module has its own parameters: give flow(module, batches=…, loss=…), "
                "and learning_rate for the size of updates."
            )
        layers, samples = torch_flow(model, batches, loss, learning_rate, seed)
        return Flow(tuple(judge(layers, len(batches), samples)), len(batches), samples)
    if params is None:
        raise InvalidInput(
            "flow needs the parameters of the network: flow(model, params, batches)."
        )
    function = _loss_function(model, loss, state, seed)
    layers = []
    samples = 0
    for number, batch in enumerate(batches):
        graph = _traced(function, params, batch)
        size = len(flatten(params)[0])
        parameters = [node for node in graph.inputs[:size] if node.dtype.kind == "f"]
        groups = groups_of(graph, parameters)
        if not groups:
            raise InvalidInput("the parameters hold no floating-point array to differentiate by.")
        if number == 0:
            layers = [Layer(group.name, group.labels) for group in groups]
        _add_norms(graph, params, groups, layers, optimizer, learning_rate)
        count_units(graph, activations_of(graph, groups), layers)
        samples += _samples(batch)
    return Flow(tuple(judge(layers, len(batches), samples)), len(batches), samples)


def _checked_batches(batches: Any) -> list[Any]:
    if batches is None or not isinstance(batches, Iterable) or isinstance(batches, (str, Mapping)):
        raise InvalidInput(
            "flow needs batches, such as [(inputs, targets), …]; several, to tell dead units from "
            "quiet ones."
        )
    found = []
    for batch in batches:
        if not isinstance(batch, Iterable) or isinstance(batch, str):
            raise InvalidInput(
                f"a batch is of type {type(batch).__name__}; give each as (inputs, targets), or as "
                "a dict of arguments."
            )
        found.append(batch if isinstance(batch, (tuple, dict)) else tuple(batch))
    if not found:
        raise InvalidInput("flow got no batch at all; give at least one (inputs, targets).")
    return found


def _loss_function(model: Any, loss: Any, state: Any, seed: int) -> Callable[..., Any]:
    """``loss(params, *batch)`` of a network, in training as far as the network knows it."""
    if not hasattr(model, "apply_training"):
        if not callable(model):
            raise InvalidInput(
                f"flow takes a network, a loss or a PyTorch module, got a {type(model).__name__}."
            )
        if loss is not None:
            raise InvalidInput(
                "loss= is for a network; a function flow(f, params, batches) is the loss itself."
            )
        return model
    if loss is None:
        raise InvalidInput(
            "flow needs a loss for a network, such as loss=nn.cross_entropy, called with outputs "
            "and targets."
        )

    def whole(params: Any, inputs: Any, targets: Any) -> Any:
        masks = np.random.default_rng(seed)
        outputs, _ = model.apply_training(params, inputs, state, masks)
        return loss(outputs, targets)

    return whole


def _traced(function: Callable[..., Any], params: Any, batch: Any) -> Graph:
    """The loss on one batch with its backward pass."""
    with np.errstate(all="ignore"):
        if isinstance(batch, dict):
            graph = trace(function, params, **batch)
        else:
            graph = trace(function, params, *batch)
        first = graph.outputs[0]
        if len(graph.outputs) != 1 or shape_of(getattr(first, "value", first)) != ():
            raise InvalidInput("the loss must return one number.")
        size = len(flatten(params)[0])
        wrt = [i for i, node in enumerate(graph.inputs[:size]) if node.dtype.kind == "f"]
        return graph.backward(wrt)


def _add_norms(
    graph: Graph,
    params: Any,
    groups: Any,
    layers: list[Layer],
    optimizer: Any,
    learning_rate: float | None,
) -> None:
    """Add the norms of one batch: gradients, weights, and what one step changes."""
    leaves, structure = flatten(params)
    gradients = {}
    for node in graph.inputs[: len(leaves)]:
        cotangent = graph.cotangents.get(node.index)
        gradients[node.index] = (
            np.zeros(node.shape) if cotangent is None else np.asarray(cotangent.value)
        )
    updates = None
    finite = all(np.all(np.isfinite(g)) for g in gradients.values())
    if optimizer is not None and finite:
        numbers = [graph.inputs[i].index for i in range(len(leaves))]
        tree = structure.unflatten(
            [
                gradients[i].astype(np.asarray(leaf).dtype).reshape(np.shape(leaf))
                for i, leaf in zip(numbers, leaves, strict=True)
            ]
        )
        after = flatten(optimizer.update(tree, optimizer.init(params), params)[0])[0]
        updates = {
            i: np.asarray(new) - np.asarray(old)
            for i, new, old in zip(numbers, after, leaves, strict=True)
        }
    for layer, group in zip(layers, groups, strict=True):
        gradient = _norm([gradients[node.index] for node in group.nodes])
        layer.gradient_norms.append(gradient)
        layer.weight_norms.append(_norm([np.asarray(node.value) for node in group.nodes]))
        if updates is not None:
            layer.update_norms.append(_norm([updates[node.index] for node in group.nodes]))
        elif learning_rate is not None:
            layer.update_norms.append(learning_rate * gradient)


def _norm(arrays: list[np.ndarray]) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(sum(float(np.sum(np.square(x, dtype=float))) for x in arrays)))


def _samples(batch: Any) -> int:
    """The length that the arrays of a batch share."""
    values = batch.values() if isinstance(batch, dict) else batch
    lengths = [np.shape(x)[0] for x in values if np.ndim(x) >= 1]
    return max(set(lengths), key=lengths.count) if lengths else 1

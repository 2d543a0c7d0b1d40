"""Classes with a loss and a backward method, seen as a loss and a gradient of named arrays.

A model's parameters are its attributes that are floating-point arrays or lists of these, or what
its ``params`` dict has of them; where it has none, those of the objects that it holds, such as
``layers[0].W``. Every call works on a fresh copy of the model, so that what it keeps does not leak.
"""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.argument_names import sounds_like_parameter
from chainrule.checking.subject import SubjectError, is_floating, told

LOSSES = ("loss", "compute_loss", "cost", "compute_cost")
GRADIENTS = (
    "backward", "gradient", "gradients", "grad", "compute_grad", "compute_grads",
    "compute_gradient", "compute_gradients", "backprop",
)  # fmt: skip
FORWARDS = (
    "forward", "feedforward", "feed_forward", "forward_pass", "forward_propagation", "predict",
)  # fmt: skip
_STORES = ("params", "parameters", "weights")
_RESULTS = ("grads", "gradients", "grad", "gradient")
_NO_LAYERS = (type, types.FunctionType, types.ModuleType)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Attribute(NamedTuple):
    """A parameter of an object that a model holds: ``layers[0].W``."""

    label: str
    path: tuple[str | int, ...]
    name: str


class ModelFunctions(NamedTuple):
    """A model as functions of named arrays."""

    loss: Callable[..., Any]
    gradient: Callable[..., Any]
    example: dict[str, Any]


def model_functions(
    model: Any, example: Mapping[str, Any], loss: str = "", gradient: str = ""
) -> ModelFunctions:
    """The loss and the gradient of a model as functions of its data and parameters.

    Parameters
    ----------
    model : object or class
        With methods such as ``loss(X, y)`` and ``backward()`` or ``compute_grad(X, y)``. A class
        must be constructible without arguments.
    example : mapping of str to object
        The data that the methods take, by parameter name, and optionally values for parameters.
    loss, gradient : str
        Names of the methods; by default the first of the usual ones.

    Returns
    -------
    ModelFunctions
        ``backward`` is called after ``loss`` on the same model, and ``forward(X)`` before both
        where ``loss(y)`` or ``loss(outputs, y)`` does not take all data itself. Gradients may be
        returned as a dict, as ``(loss, dict)``, or left in ``grads`` or in attributes such as
        ``dW1``, those of a layer in the layer.

    Raises
    ------
    SubjectError
        The class needs arguments, or has no such methods or no parameters.
    """
    if inspect.isclass(model):
        try:
            model = model()
        except TypeError as error:
            raise SubjectError(
                f"{model.__name__}() cannot be made without arguments ({error}); give an object, "
                "or let example() return one under the key 'model'."
            ) from None
    forward = _method(model, loss, LOSSES, "loss")
    backward = _method(model, gradient, GRADIENTS, "gradient")
    if not hasattr(model, "__dict__"):
        raise SubjectError(
            f"{type(model).__name__} keeps its attributes in __slots__, where no parameters are "
            "looked for; leave __slots__ out."
        )
    store = next((s for s in _STORES if isinstance(getattr(model, s, None), dict)), None)
    held = getattr(model, store) if store else vars(model)
    parameters = {
        name: value for name, value in held.items() if _is_parameter(value) and name not in example
    }
    # an attribute such as `self.X = None` is a place for data, if a method takes them
    data = {
        name: value
        for name, value in example.items()
        if name not in held or any(name in _taken(model, each) for each in (forward, backward))
    }
    values = {**parameters, **{name: v for name, v in example.items() if name not in data}}
    parts: dict[str, Attribute] = {}
    if not values:
        parts = {each.label: each for each in _of_parts(model)}
        values = {label: _value(model, each) for label, each in parts.items()}
    stateless = not vars(model) and any(map(sounds_like_parameter, data))  # they are arguments
    if not values and hasattr(model, "state_dict"):
        raise SubjectError(
            f"{type(model).__name__} is a PyTorch module; write loss and gradient as functions "
            "whose arguments are its tensors, and let example() return these."
        )
    if not values and not stateless:
        raise SubjectError(
            f"{type(model).__name__} has no parameters: no attributes that are floating-point "
            "arrays or lists of them, no dict `params` of these, and no layers that have any."
        )

    def made(arguments: Mapping[str, Any]) -> Any:
        try:
            fresh = copy.deepcopy(model)
        except Exception as error:  # whatever its own __deepcopy__ raises
            raise SubjectError(
                f"{type(model).__name__} cannot be copied ({told(error)}), and every call works on "
                "a copy; keep files, locks and generators out of its attributes."
            ) from None
        for label, part in parts.items():
            setattr(_owner(fresh, part), part.name, arguments[label])
        if not parts:
            target = getattr(fresh, store) if store else vars(fresh)
            target.update({name: arguments[name] for name in values})
        return fresh

    first = _forward(model, data, forward)

    def called(fresh: Any, method: str, arguments: Mapping[str, Any], outputs: Any = None) -> Any:
        taken = _taken(fresh, method)
        missing = _missing(taken, data)
        if len(missing) == 1 and outputs is not None:
            arguments = {**arguments, missing.pop(): outputs}
        if missing:
            raise SubjectError(
                f"the example gives no {missing[0]} for {method}({', '.join(taken)}); add it to "
                "its dict."
            )
        every = any(p.kind is p.VAR_KEYWORD for p in taken.values())
        own = [name for name in arguments if name in data or name not in values]
        given = {name: arguments[name] for name in own if every or name in taken}
        return getattr(fresh, method)(**given)

    def outputs_of(fresh: Any, arguments: Mapping[str, Any]) -> Any:
        outputs = called(fresh, first, arguments) if first else None
        return outputs[0] if isinstance(outputs, tuple) else outputs  # (outputs, cache)

    def loss_of(**arguments: Any) -> Any:
        fresh = made(arguments)
        result = called(fresh, forward, arguments, outputs_of(fresh, arguments))
        return result[0] if isinstance(result, tuple) else result

    def gradient_of(**arguments: Any) -> Any:
        fresh = made(arguments)
        outputs = outputs_of(fresh, arguments)
        if forward != backward:
            called(fresh, forward, arguments, outputs)
        result = called(fresh, backward, arguments, outputs)
        if parts and not isinstance(result, Mapping):
            left = {label: _of_part(fresh, part) for label, part in parts.items()}
            return {label: each for label, each in left.items() if each is not None} or result
        found = _gradients(fresh, result, list(values))
        if found is None:
            some = next(iter(values), "W")
            held = getattr(fresh, store) if store else vars(fresh)
            changed = [x for x in values if not np.array_equal(held.get(x), values[x])]
            update = f", updates {', '.join(changed)}" if changed else ""
            apart = ", and update in a method of its own" if changed else ""
            raise SubjectError(
                f"{backward}() returned None{update} and left no gradients in the object; return a "
                f'dict such as {{"{some}": d{some}}}, or keep them in attributes such as '
                f"self.d{some}{apart}."
            )
        return found

    return ModelFunctions(loss_of, gradient_of, {**data, **values})


def _missing(taken: Mapping[str, inspect.Parameter], data: Mapping[str, Any]) -> list[str]:
    """The arguments that a method needs and the data do not give."""
    return [
        name
        for name, p in taken.items()
        if p.default is p.empty and name not in data and p.kind in _NAMED
    ]


def _forward(model: Any, data: Mapping[str, Any], loss: str) -> str:
    """The method that must be called before the loss, which does not take all data; or nothing."""
    name = next((x for x in FORWARDS if callable(getattr(model, x, None)) and x != loss), "")
    if not name:
        return ""
    taken, due = _taken(model, name), _taken(model, loss)
    if any(p.kind is p.VAR_KEYWORD for p in due.values()) or _missing(taken, data):
        return ""
    left = [each for each in taken if each in data and each not in due]
    return name if left or len(_missing(due, data)) == 1 else ""


def _of_parts(
    owner: Any,
    label: str = "",
    path: tuple[str | int, ...] = (),
    seen: frozenset[int] = frozenset(),
) -> Iterator[Attribute]:
    """The parameters of the objects that an object holds in attributes or in lists."""
    seen |= {id(owner)}
    for name, value in vars(owner).items():
        listed = isinstance(value, (list, tuple))
        for index, each in enumerate(value if listed else (value,)):
            if id(each) in seen or isinstance(each, _NO_LAYERS) or not hasattr(each, "__dict__"):
                continue
            place = f"{label}{name}[{index}]." if listed else f"{label}{name}."
            steps = (*path, name, index) if listed else (*path, name)
            for own, held in vars(each).items():
                if _is_parameter(held):
                    yield Attribute(f"{place}{own}", steps, own)
            yield from _of_parts(each, place, steps, seen)


def _owner(model: Any, part: Attribute) -> Any:
    """The object that holds a parameter."""
    found = model
    for step in part.path:
        found = found[step] if isinstance(step, int) else getattr(found, step)
    return found


def _value(model: Any, part: Attribute) -> Any:
    return getattr(_owner(model, part), part.name)


def _of_part(model: Any, part: Attribute) -> Any:
    """Where a layer left the gradient of its parameter; None where it did not."""
    found = _gradients(_owner(model, part), None, [part.name])
    return found.get(part.name, found.get(f"d{part.name}")) if found else None


def _is_parameter(value: Any) -> bool:
    """Whether an attribute is a floating-point array, or a list of one for each layer."""
    arrays = value if isinstance(value, (list, tuple)) and value else [value]
    return all(isinstance(each, np.ndarray) and is_floating(each) for each in arrays)


def _method(model: Any, given: str, usual: tuple[str, ...], role: str) -> str:
    for name in (given,) if given else usual:
        if callable(getattr(model, name, None)):
            return name
    if role == "gradient" and not given:  # loss(X, y) -> (loss, gradients)
        return _method(model, "", LOSSES, "loss")
    raise SubjectError(
        f"{type(model).__name__} has no method {given or usual[0]}; name it with --{role}."
    )


def _taken(model: Any, method: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of a method."""
    return inspect.signature(getattr(model, method)).parameters


def _gradients(model: Any, result: Any, names: list[str]) -> Any:
    """Where the methods of a model left the gradients."""
    if isinstance(result, tuple) and result and isinstance(result[-1], Mapping):
        return result[-1]
    if isinstance(result, Mapping):
        return result
    for name in _RESULTS:
        if isinstance(getattr(model, name, None), Mapping):
            return getattr(model, name)
    found = {}
    for name in names:
        for label in (f"d{name}", f"grad_{name}", f"{name}_grad", f"d_{name}", f"g{name}"):
            if hasattr(model, label):
                found[name] = getattr(model, label)
                break
    return found or result

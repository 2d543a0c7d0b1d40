"""What a compiled function reads besides its arguments is never frozen."""

from __future__ import annotations

import argparse
import array
import collections
import dataclasses
import functools
import importlib.util
import random
import types

import numpy as np
import pytest

import chainrule as cr
from chainrule.programs.environment import LIFTED, inspect_environment

SCALE = np.array([1.0, 2.0, 3.0])
LAYERS = [{"w": np.array([1.0, 2.0, 3.0])}, {"w": np.array([0.5, 0.5, 0.5])}]
RATE = 0.5
MODE = "sum"


def names(f, kind=LIFTED, **options):
    readings = inspect_environment(f, **options).readings
    return sorted(r.variable.name for r in readings if kind in r.kinds)


def reading_globals(x):
    return np.sum(np.tanh(x * SCALE)) * RATE if MODE == "sum" else np.max(x * SCALE)


def through_helper(x):
    return helper(x, 2)


def helper(x, depth):
    return np.sum(x * SCALE) if depth == 0 else helper(np.tanh(x), depth - 1)


def even(x, n):
    return np.sum(x * SCALE) if n == 0 else odd(x * RATE, n - 1)


def odd(x, n):
    return even(np.sin(x), n - 1)


def over_layers(x):
    for layer in LAYERS:
        x = np.tanh(x * layer["w"])
    return np.sum(x)


class Model:
    factor = np.array([1.0, 1.0, 1.0])

    def __init__(self):
        self.w = np.array([1.0, 2.0, 3.0])
        self.power = 1.0
        self.parts = [np.array([1.0, 0.0, 2.0])]

    def loss(self, x):
        return np.sum(np.tanh(x * self.w + self.parts[0]) * self.factor) * self.power

    __call__ = loss

    @property
    def double(self):
        return 2 * self.w

    def with_property(self, x):
        return np.sum(x * self.double * SCALE)

    @staticmethod
    def plain(x):
        return np.sum(x * SCALE)

    @classmethod
    def of_class(cls, x):
        return np.sum(x * cls.factor)


@dataclasses.dataclass
class Record:
    w: np.ndarray
    shift: float = 0.0
    cache: np.ndarray = dataclasses.field(init=False, default_factory=lambda: np.ones(3))

    def loss(self, x):
        return np.sum(np.tanh(x * self.w + self.shift) * self.cache)


class Slotted:
    __slots__ = ("w",)

    def __init__(self):
        self.w = np.array([1.0, 2.0, 3.0])

    def loss(self, x):
        return np.sum(np.tanh(x * self.w))


Pair = collections.namedtuple("Pair", "a b")
PAIR = Pair(np.array([1.0, 2.0, 3.0]), 2.0)
RECORD = Record(np.array([1.0, 2.0, 3.0]))
SPACE = types.SimpleNamespace(w=np.array([1.0, 2.0, 3.0]))
OPTIONS = argparse.Namespace(w=np.array([1.0, 2.0, 3.0]), steps=2)
QUEUE = collections.deque([np.array([1.0, 2.0, 3.0])])
CHOSEN = {1, 2}
GENERATOR_FREE = np.vectorize  # a library's class


def closing_over():
    w = np.array([1.0, 2.0, 3.0])
    b = 0.25
    inner_w = np.array([0.5, 1.0, 2.0])

    def layer(x):
        return np.tanh(x * inner_w)

    def loss(x):
        return np.sum(layer(x) * w) + b

    def change(step):
        nonlocal w, b, inner_w
        if step == 0:
            w = w * 2.0
        elif step == 1:
            w += 1.0
        elif step == 2:
            b = 0.75
        elif step == 3:
            inner_w = inner_w - 0.25
        elif step == 4:
            w = np.array([1.0, 2.0, 3.0], np.float32)

    return loss, change, 5


def with_globals(f, changes):
    def change(step):
        changes[step]()

    return f, change, len(changes)


def set_global(**values):
    globals().update(values)


def of_globals():
    set_global(SCALE=np.array([1.0, 2.0, 3.0]), RATE=0.5, MODE="sum")
    return with_globals(
        reading_globals,
        [
            lambda: set_global(SCALE=np.array([2.0, 2.0, 2.0])),
            lambda: SCALE.__imul__(1.5),
            lambda: set_global(RATE=0.25),
            lambda: set_global(MODE="max"),
            lambda: set_global(MODE="sum", RATE=0.125),
            lambda: set_global(SCALE=2.0),
        ],
    )


def of_helpers():
    set_global(SCALE=np.array([1.0, 2.0, 3.0]), RATE=0.5)
    changes = [lambda: SCALE.__imul__(1.5), lambda: set_global(SCALE=SCALE + 1.0)]
    return with_globals(through_helper, changes)


def of_mutual_recursion():
    set_global(SCALE=np.array([1.0, 2.0, 3.0]), RATE=0.5)
    changes = [lambda: SCALE.__imul__(1.5), lambda: set_global(SCALE=SCALE + 1.0, RATE=2.0)]
    return with_globals(lambda x: even(x, 4), changes)


def of_replaced_helper():
    original = helper
    set_global(SCALE=np.array([1.0, 2.0, 3.0]))
    return with_globals(
        through_helper,
        [
            lambda: set_global(helper=lambda x, n: np.sum(x) * n),
            lambda: set_global(helper=original),
        ],
    )


def of_containers():
    set_global(LAYERS=[{"w": np.array([1.0, 2.0, 3.0])}, {"w": np.array([0.5, 0.5, 0.5])}])
    return with_globals(
        over_layers,
        [
            lambda: LAYERS[0]["w"].__imul__(2.0),
            lambda: LAYERS[1].update(w=np.array([1.0, 1.0, 2.0])),
            lambda: LAYERS.append({"w": np.array([2.0, 2.0, 2.0])}),
            lambda: set_global(LAYERS=LAYERS[::-1]),
        ],
    )


def of_method():
    model = Model()
    return with_globals(
        model.loss,
        [
            lambda: setattr(model, "w", model.w * 2.0),
            lambda: model.w.__iadd__(1.0),
            lambda: setattr(model, "power", 3.0),
            lambda: model.parts[0].__iadd__(1.0),
            lambda: Model.factor.__iadd__(1.0),
            lambda: setattr(Model, "factor", np.array([1.0, 1.0, 1.0])),
        ],
    )


def of_callable_object():
    model = Model()
    changes = [lambda: setattr(model, "w", model.w * 2.0), lambda: setattr(model, "power", 3.0)]
    return with_globals(model, changes)


def of_property():
    model = Model()
    set_global(SCALE=np.array([1.0, 2.0, 3.0]))
    changes = [lambda: setattr(model, "w", model.w * 2.0), lambda: SCALE.__imul__(2.0)]
    return with_globals(model.with_property, changes)


def of_staticmethod():
    set_global(SCALE=np.array([1.0, 2.0, 3.0]))
    return with_globals(Model.plain, [lambda: SCALE.__imul__(2.0)])


def of_instance_in_global():
    set_global(RECORD=Record(np.array([1.0, 2.0, 3.0])))
    return with_globals(
        lambda x: RECORD.loss(x),
        [
            lambda: RECORD.w.__iadd__(1.0),
            lambda: setattr(RECORD, "shift", 0.5),
            lambda: RECORD.cache.__imul__(3.0),
            lambda: set_global(RECORD=Record(np.array([1.0, 1.0, 1.0]))),
        ],
    )


def of_classmethod():
    return with_globals(Model.of_class, [lambda: Model.factor.__iadd__(1.0)])


def of_slots():
    record = Slotted()
    changes = [lambda: record.w.__iadd__(1.0), lambda: setattr(record, "w", np.ones(3))]
    return with_globals(record.loss, changes)


def of_namespaces():
    set_global(SPACE=types.SimpleNamespace(w=np.array([1.0, 2.0, 3.0])))

    def f(x):
        for _ in range(OPTIONS.steps):
            x = np.tanh(x * SPACE.w * OPTIONS.w)
        return np.sum(x)

    return with_globals(
        f,
        [
            lambda: setattr(SPACE, "w", SPACE.w * 0.5),
            lambda: OPTIONS.w.__imul__(1.5),
            lambda: setattr(OPTIONS, "steps", 3),
        ],
    )


def of_named_tuple():
    set_global(PAIR=Pair(np.array([1.0, 2.0, 3.0]), 2.0))
    return with_globals(
        lambda x: np.sum(x * PAIR.a) * PAIR.b,
        [lambda: PAIR.a.__iadd__(1.0), lambda: set_global(PAIR=Pair(PAIR.a, 3.0))],
    )


def of_queue_and_set():
    return with_globals(
        lambda x: np.sum(np.tanh(x * QUEUE[-1])) * len(CHOSEN),
        [lambda: QUEUE.append(QUEUE[-1] * 2.0), lambda: CHOSEN.add(len(CHOSEN) + 10)],
    )


def of_partial():
    w, options = np.array([1.0, 2.0, 3.0]), {"b": np.array([0.5, 0.5, 0.5])}

    def f(w, x, b, power=1):
        return np.sum(np.tanh(w * x + b)) ** power

    given = functools.partial(f, w, **options)
    return with_globals(given, [lambda: w.__iadd__(1.0), lambda: options["b"].__imul__(3.0)])


def of_defaults():
    w, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])

    def f(x, w=w, *, v=v, scale=1.5):
        return np.sum(np.tanh(w * x) * v) * scale

    return with_globals(
        f,
        [
            lambda: w.__iadd__(1.0),
            lambda: v.__imul__(2.0),
            lambda: f.__kwdefaults__.update(scale=2.5),
            lambda: setattr(f, "__defaults__", (np.array([1.0, 0.0, 1.0]),)),
        ],
    )


def of_inner_function():
    w = np.array([1.0, 2.0, 3.0])

    def f(x):
        def inner(z):
            return np.sum(z * w * SCALE)

        return inner(np.tanh(x)) + sum([np.sum(w * x) for _ in range(2)])

    set_global(SCALE=np.array([1.0, 2.0, 3.0]))
    return with_globals(f, [lambda: w.__iadd__(1.0), lambda: SCALE.__imul__(2.0)])


def of_decorated():
    w = np.array([1.0, 2.0, 3.0])

    def twice(g):
        @functools.wraps(g)
        def wrapper(*args):
            return 2.0 * g(*args)

        return wrapper

    @twice
    def f(x):
        return np.sum(np.tanh(w * x))

    return with_globals(f, [lambda: w.__iadd__(1.0)])


def of_gradient():
    w = np.array([1.0, 2.0, 3.0])
    slope = cr.grad(lambda x: np.sum(np.sin(w * x)))
    return with_globals(lambda x: np.sum(x * slope(x)), [lambda: w.__iadd__(1.0)])


def of_compiled():
    w = np.array([1.0, 2.0, 3.0])
    inner = cr.compile(lambda x: np.sum(np.sin(w * x)))
    return with_globals(lambda x: inner(x) * np.sum(x), [lambda: w.__iadd__(1.0)])


def of_compiled_gradient():
    w = np.array([1.0, 2.0, 3.0])
    inner = cr.value_and_grad(lambda x: np.sum(np.sin(w * x)), compile=True)
    return with_globals(lambda x: np.sum(inner(x)[1] * x), [lambda: w.__iadd__(1.0)])


def of_own_rule():
    w = np.array([1.0, 2.0, 3.0])

    @cr.custom_vjp
    def scaled(x):
        return x * w

    scaled.defvjp(lambda x: (x * w, None), lambda _, g: (g * w * 2.0,))
    return with_globals(lambda x: np.sum(np.tanh(scaled(x))), [lambda: w.__iadd__(1.0)])


def of_function_attributes():
    def f(x):
        return np.sum(np.tanh(f.w * x)) * f.options["scale"]

    f.w, f.options = np.array([1.0, 2.0, 3.0]), {"scale": 2.0}
    return with_globals(
        f,
        [
            lambda: f.w.__iadd__(1.0),
            lambda: f.options.update(scale=3.0),
            lambda: setattr(f, "w", np.ones(3)),
        ],
    )


def of_bound_method_of_a_container():
    table = {"w": np.array([1.0, 2.0, 3.0])}
    read = table.get
    return with_globals(
        lambda x: np.sum(np.tanh(read("w") * x)),
        [lambda: table["w"].__iadd__(1.0), lambda: table.update(w=np.ones(3))],
    )


def of_bytes():
    raw, numbers = bytearray(np.ones(3).tobytes()), array.array("d", [1.0, 2.0, 3.0])
    return with_globals(
        lambda x: np.sum(np.tanh(np.frombuffer(raw) * x)) + np.sum(np.array(numbers) * x),
        [
            lambda: raw.__setitem__(slice(0, 8), b"\0" * 8),
            lambda: numbers.append(numbers.pop() + 1),
        ],
    )


def of_integers():
    index, flags = np.array([0, 2]), np.array([True, False, True])
    return with_globals(
        lambda x: np.sum(np.tanh(x)[index]) + np.sum(np.where(flags, x, 0)),
        [lambda: index.__iadd__(-1), lambda: np.logical_not(flags, flags)],
    )


def of_untraceable_use():
    order = np.array([2.0, 0.0])
    w = np.array([1.0, 2.0, 3.0])

    def f(x):
        return sum(np.sum(np.tanh(x * w)) * int(k) for k in order.tolist() if k > float(order[1]))

    return with_globals(f, [lambda: order.__iadd__(1.0), lambda: w.__iadd__(1.0)])


def of_module(tmp_path):
    path = tmp_path / "settings_of_this_test.py"
    path.write_text("import numpy as np\nw = np.array([1.0, 2.0, 3.0])\n"
                    "def scaled(x):\n    return x * w\n")  # fmt: skip
    spec = importlib.util.spec_from_file_location("settings_of_this_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return with_globals(
        lambda x: np.sum(np.tanh(module.scaled(x)) * module.w),
        [lambda: module.w.__iadd__(1.0), lambda: setattr(module, "w", module.w * 0.5)],
    )


WAYS = [
    closing_over, of_globals, of_helpers, of_mutual_recursion, of_replaced_helper, of_containers,
    of_method, of_callable_object, of_property, of_staticmethod, of_instance_in_global,
    of_classmethod, of_slots, of_namespaces, of_named_tuple, of_queue_and_set, of_partial,
    of_defaults, of_inner_function, of_decorated, of_gradient, of_compiled, of_compiled_gradient,
    of_own_rule, of_function_attributes, of_bound_method_of_a_container, of_bytes, of_integers,
    of_untraceable_use, of_module,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
def test_changes_between_calls_are_seen(way, gradient, tmp_path):
    f, change, count = way(tmp_path) if way is of_module else way()
    x = np.array([0.3, -0.2, 0.6])
    compiled = cr.value_and_grad(f, compile=True) if gradient else cr.compile(f)
    eager = cr.value_and_grad(f) if gradient else f
    for step in range(-1, count):
        if step >= 0:
            change(step)
        for _ in range(2):
            expected, found = eager(x), compiled(x)
            if gradient:
                np.testing.assert_allclose(found[1], expected[1], rtol=1e-13)
                expected, found = expected[0], found[0]
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert compiled.plans


def test_arrays_are_lifted_and_cost_no_new_plan():
    for way in (closing_over, of_containers, of_callable_object, of_partial, of_namespaces):
        f, _, _ = way()
        assert names(f), way.__name__
    w = np.array([1.0, 2.0, 3.0])
    model = Model()

    def weighted(x):
        return np.sum(w * x)

    for f in (weighted, model.loss):
        compiled = cr.compile(f)
        for _ in range(20):
            w += 0.5
            model.w = model.w + 0.5
            model.parts[0] += 0.5
            np.testing.assert_allclose(compiled(np.ones(3)), f(np.ones(3)), rtol=1e-14)
        assert compiled.retraces == 1


def test_a_number_that_changes_is_lifted_the_second_time():
    rate = 0.5

    def f(x):
        return np.sum(np.tanh(x)) * rate

    compiled = cr.compile(f)
    for rate in np.linspace(0.1, 1.0, 20).tolist():  # noqa: B007
        np.testing.assert_allclose(compiled(np.ones(3)), f(np.ones(3)), rtol=1e-14)
    assert compiled.retraces == 2


def test_too_many_variants_run_as_written():
    mode = 0

    def f(x):
        return np.sum(x) * mode

    compiled = cr.compile(f)
    for mode in range(20):  # noqa: B007
        assert compiled(np.ones(3)) == f(np.ones(3))
    assert len(compiled.plans) == 8
    assert "no more plans" in compiled.explain()


def test_variables_of_static_arguments():
    def apply(f, model, x):
        return np.sum(f(x)) + model.loss(x)

    w, model = np.array([1.0, 2.0, 3.0]), Model()

    def inner(x):
        return np.tanh(w * x)

    compiled = cr.value_and_grad(apply, argnums=2, compile=True)
    eager = cr.value_and_grad(apply, argnums=2)
    x = np.array([0.3, -0.2, 0.6])
    for change in (lambda: None, lambda: w.__iadd__(1.0), lambda: setattr(model, "w", w * 3.0)):
        change()
        np.testing.assert_allclose(compiled(inner, model, x)[1], eager(inner, model, x)[1], 1e-13)
    assert compiled.retraces == 1


def test_the_function_itself_is_left_alone():
    f, _, _ = of_containers()
    before = dict(globals())
    kept = [layer["w"].copy() for layer in LAYERS]
    cr.value_and_grad(f, compile=True)(np.ones(3))
    assert dict(globals()) == before
    for layer, w in zip(LAYERS, kept, strict=True):
        np.testing.assert_array_equal(layer["w"], w)
        assert type(layer["w"]) is np.ndarray


def test_a_variable_that_disappears():
    space = {"np": np, "w": np.ones(3)}
    exec("def f(x):\n    return np.sum(x * w)\n", space)
    compiled = cr.compile(space["f"])
    assert compiled(np.ones(3)) == 3.0
    del space["w"]
    with pytest.raises(NameError, match="'w' is not defined"):
        compiled(np.ones(3))


def test_an_object_that_holds_itself():
    class Tree:
        def __init__(self):
            self.w = np.array([1.0, 2.0, 3.0])
            self.children = [self]
            self.again = self.loss

        def loss(self, x):
            return np.sum(self.children[0].w * x)

    tree = Tree()
    for f in (tree.loss, tree.again, lambda x: tree.again(x)):
        compiled = cr.compile(f)
        for _ in range(3):
            tree.w += 1.0
            assert compiled(np.ones(3)) == f(np.ones(3))


# --- random numbers -------------------------------------------------------------------------------

GENERATOR = np.random.default_rng(0)
HELD = {"tools": [np.random.default_rng(1)]}
BITS = np.random.PCG64(1)
PYTHON_GENERATOR = random.Random(0)


class Noisy:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def loss(self, x):
        return np.sum(x) if self.rng.random() < 2.0 else 0.0


def of_made_inside(x):
    return np.sum(x) if np.random.default_rng().random() < 2.0 else np.sum(x) * 0.0


def of_old_made_inside(x):
    return np.sum(x) if np.random.RandomState().random_sample() < 2.0 else 0.0


RANDOM = {
    "the old global generator": lambda x: np.sum(x * (np.random.rand(3) > 0.5)),  # noqa: NPY002
    "a draw that does not matter": lambda x: np.sum(x) + 0 * np.random.rand(),  # noqa: NPY002
    "a global generator": lambda x: np.sum(x * GENERATOR.normal(size=3)),
    "a generator in a container": lambda x: np.sum(x) if HELD["tools"][0].random() < 2 else x,
    "a generator of an object": Noisy().loss,
    "a default": lambda x, rng=GENERATOR: np.sum(x) + 0 * rng.random(),
    "a partial argument": functools.partial(
        lambda rng, x: np.sum(x) + 0 * rng.random(), np.random.RandomState(0)
    ),
    "a generator made inside": of_made_inside,
    "an old generator made inside": of_old_made_inside,
    "bits": functools.partial(lambda bits, x: np.sum(x) + bits.random_raw() * 0, BITS),
    "Python's generator": lambda x: np.sum(x) * (1 if random.random() < 2.0 else 0),
    "a generator of Python's": lambda x: np.sum(x) + 0 * PYTHON_GENERATOR.random(),
}  # fmt: skip


@pytest.mark.parametrize("f", RANDOM.values(), ids=RANDOM.keys())
@pytest.mark.parametrize("gradient", [False, True], ids=["value", "gradient"])
def test_random_draws_are_refused(f, gradient):
    compiled = cr.value_and_grad(f, compile=True) if gradient else cr.compile(f)
    for _ in range(2):
        with pytest.raises(cr.ChainruleError, match=r"draws random numbers.*pass the array as an"):
            compiled(np.ones(3))
    assert not compiled.plans


def test_a_generator_given_as_an_argument_is_refused():
    compiled = cr.compile(lambda rng, x: np.sum(x * rng.normal(size=3)))
    with pytest.raises(cr.InvalidInput, match="draws random numbers"):
        compiled(np.random.default_rng(0), np.ones(3))


def test_a_seeded_generator_made_inside_is_a_constant():
    def f(x):
        return np.sum(x * np.random.default_rng(7).normal(size=3))

    compiled = cr.compile(f)
    for x in (np.ones(3), np.arange(3.0)):
        assert compiled(x) == f(x)
    assert compiled.retraces == 1


def test_generators_that_are_not_drawn_from_do_no_harm():
    compiled = cr.compile(lambda x: np.sum(x) + (0.0 if GENERATOR is not None else 1.0))
    assert compiled(np.ones(3)) == 3.0
    assert len(compiled.plans) == 1


def test_evaluations_that_differ_are_refused():
    numbers = iter(range(100))
    compiled = cr.compile(lambda x: np.sum(x) + next(numbers))
    with pytest.raises(cr.InvalidInput, match=r"two evaluations of <lambda> .* differ"):
        compiled(np.ones(3))

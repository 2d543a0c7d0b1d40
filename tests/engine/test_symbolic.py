"""The backward pass as graph: the same bits as the eager pass, and second derivatives."""

import numpy as np
import pytest

import chainrule as cr


def loss(W, b, x, y):
    z = x @ W + b
    h = np.maximum(z, 0)
    return np.mean((np.sum(h, axis=1) - y) ** 2) + 0.1 * np.sum(W * W)


@pytest.fixture
def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(5, 3)), rng.normal(size=5)


def test_the_backward_graph_computes_the_eager_gradients_bit_for_bit(arguments):
    graph = cr.trace(loss, *arguments).backward()
    graph.lint()
    value, gradients = cr.value_and_grad(loss, argnums=None)(*arguments)
    for result in (graph.value, graph.evaluate(*arguments)):
        assert result[0] == value
        for name, expected in gradients.items():
            np.testing.assert_array_equal(result[1][name], expected)


def test_backward_nodes_know_their_forward_node_and_its_line(arguments):
    forward = cr.trace(loss, *arguments)
    graph = forward.backward()
    first = loss.__code__.co_firstlineno
    for node in graph.nodes[len(forward) :]:
        assert node.pass_ == "backward"
        assert node.of.pass_ == "forward"
        assert node.where is None or first < node.where.line <= first + 4
    assert all(node.pass_ == "forward" for node in graph.nodes[: len(forward)])
    for index, cotangent in graph.cotangents.items():
        assert cotangent.shape == graph.nodes[index].shape


def test_inputs_are_chosen_by_name(arguments):
    graph = cr.trace(loss, *arguments).backward(wrt=["b", 0])
    assert list(graph.value[1]) == ["b", "W"]


def test_twice_gives_second_derivatives():
    graph = cr.trace(lambda x: x**3, 2.0).backward().backward(of=1)
    (value, first), second = graph.value
    assert (value, first, second) == (8.0, {"x": 12.0}, {"x": 12.0})
    assert graph.evaluate(3.0)[1] == {"x": 18.0}


def test_a_vector_output_takes_its_cotangent_as_input():
    x = np.array([1.0, 2.0])
    graph = cr.trace(lambda x: x**2, x).backward()
    _, gradients = graph.evaluate(x, cotangents=[np.array([1.0, 10.0])])
    np.testing.assert_array_equal(gradients["x"], [2.0, 40.0])


def test_several_results_flow_into_one_gradient():
    def f(a):
        w, v = np.linalg.eigh(a + a.T)
        return np.sum(w**2) + v[0, 0] ** 2

    a = np.array([[2.0, 0.3], [0.1, 1.0]])
    graph = cr.trace(f, a).backward()
    np.testing.assert_allclose(graph.value[1]["a"], cr.grad(f)(a), rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wrt": "q"}, "no input 'q'; its inputs are x, n"),
        ({"wrt": 7}, "has 2 inputs, no input 7"),
        ({"wrt": "n"}, "input n of f is int64; it has no gradient"),
        ({"of": 3}, "has 2 outputs, no output 3"),
        ({"of": 1}, "output 1 of f depends on no input"),
    ],
)
def test_wrong_names_are_refused(arguments, message):
    def f(x, n):
        return x * n, 3.0

    with pytest.raises(cr.InvalidInput, match=message):
        cr.trace(f, 2.0, np.arange(2)).backward(**arguments)

"""What parts of a traced loss are: activations, softmax, penalty, normalisation, logits.

They are recognised by what they compute on a probe, not by how they are written.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.regions import Activation, Normalisation, Softmax, Standardisation
from chainrule.checking.replay import Alterations, dropped
from chainrule.checking.standardisations import (
    root_mean_squares_of,
    sets_of_axes,
    standardisations_of,
)
from chainrule.checking.trial import Trial
from chainrule.engine.backward import pull_back
from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import UFUNCS

_ADDING = {"add", "subtract", "negative", "sum", "mean", "reshape", "astype", "getitem", "stack"}
_RESHAPING = {"reshape", "expand_dims", "squeeze", "ravel", "getitem", "transpose"}
_ELEMENTWISE = {
    "where", "clip", "quotient", "nan_to_num", "copysign", "astype", "relu", "sigmoid", "copy",
}  # fmt: skip


class Roles:
    """The roles of the nodes of one trial."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.replay = trial.replay
        self.graph: Graph = trial.graph
        self.nodes = self.graph.nodes
        self.users = self.graph.users()
        self.values = [
            None if isinstance(node.value, tuple) else np.asarray(node.value) for node in self.nodes
        ]

    def edges_into(self, at: int) -> list[tuple[int, int]]:
        """The steps that contribute to the cotangent of a node: (node, operand position)."""
        return self._edges_into.get(at, [])

    @cached_property
    def _edges_into(self) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        for k, position in sorted(self.replay.rules):
            found.setdefault(self.nodes[k].inputs[position].index, []).append((k, position))
        return found

    def is_bias_edge(self, k: int, position: int) -> bool:
        """Whether a step adds a value to more entries than it has: its gradient is a sum."""
        node = self.nodes[k]
        return node.primitive.name in ("add", "subtract") and np.size(node.value) > np.size(
            node.operands[position]
        )

    def share_of(self, at: int, edges: Iterable[tuple[int, int]]) -> Any:
        """What some of its users contribute to the true cotangent of a node; None if nothing."""
        shares = self.replay.true.shares.get(at, {})
        found = [shares[edge] for edge in edges if edge in shares]
        return sum(found[1:], start=found[0]) if found else None

    def described(self, operand: Any) -> str:
        """An operand in the user's words."""
        if isinstance(operand, Node):
            return self.trial.describe(operand.index)
        return f"a constant of shape {np.shape(operand)}"

    def line(self, k: int) -> str:
        """The line of a node, as ``line 12``."""
        line = self.trial.line(k)
        return f"line {line}" if line is not None else "an argument"

    def descendants(self, k: int) -> set[int]:
        """Every node that depends on a node."""
        found = {k}
        waiting = [k]
        while waiting:
            new = [x.index for x in self.users[waiting.pop()] if x.index not in found]
            found.update(new)
            waiting += new
        return found

    def slides(self, name: str) -> bool:
        """Whether a parameter is a kernel: it is convolved, or it, one kernel of it or its single
        entries meet windows of something.
        """
        node = self.replay.parameters[name]
        windows: set[str] = set()
        waiting = [node.index] if node.shape else []
        while waiting:
            at = waiting.pop()
            own = self.nodes[at].shape
            for k, position in self.edges_into(at):
                user = self.nodes[k]
                if user.primitive.name == "convolve":
                    return True
                single = user.primitive.name == "getitem" and "slice" not in repr(user.params)
                if single and int(np.prod(node.shape)) > 2:  # two are flipped by any exchange
                    waiting.append(k)
                for other, operand in enumerate(user.inputs):
                    if other == position or not isinstance(operand, Node):
                        continue
                    if operand.primitive.name == "sliding_window_view":
                        return True
                    index = repr(operand.params.get("index")).replace(repr(slice(None)), "")
                    if operand.primitive.name != "getitem" or "slice" not in index:
                        continue
                    if own and operand.shape == own:
                        return True
                    if operand.shape[max(len(operand.shape) - len(own), 0) :] == own:
                        windows.add(index)
        return len(windows) > 1

    def bias_edges(self, name: str) -> list[tuple[int, int]]:
        """The steps that add a parameter to something, if nothing else becomes of it (penalties
        apart) and its gradient is a sum; it may be given another shape before.
        """
        found: list[tuple[int, int]] = []
        waiting = [self.replay.parameters[name].index]
        reached = {waiting[0], *self.descendants(waiting[0])}
        single = True
        while waiting:
            for k, position in self.edges_into(waiting.pop()):
                node = self.nodes[k]
                if k in self.penalty:
                    continue
                if node.primitive.name in _RESHAPING:
                    waiting.append(k)
                    single = single and np.size(node.value) == np.size(node.operands[0])
                elif node.primitive.name in ("add", "subtract"):
                    if len({x.index for x in node.parents} & reached) > 1:
                        return []  # such as every point less every other
                    found.append((k, position))
                else:
                    return []
        summed = any(self.is_bias_edge(*edge) for edge in found) or len(found) > 1
        return found if summed and (single or len(found) > 1) else []

    def is_gain(self, name: str) -> bool:
        """Whether a parameter is multiplied with every sample, as the gain of a norm is, so that
        its gradient is a sum over them.
        """
        index = self.replay.parameters[name].index
        edges = [edge for edge in self.edges_into(index) if edge[0] not in self.penalty]
        return bool(edges) and all(
            self.nodes[k].primitive.name == "multiply"
            and 1 < np.size(self.nodes[k].operands[position]) < np.size(self.nodes[k].value)
            and any(self.replay.active[x.index] for x in self.nodes[k].parents if x.index != index)
            for k, position in edges
        )

    def is_hidden(self, p: int) -> bool:
        """Whether parameters enter after a softmax, or it weighs other values that they make."""
        return self.uses_parameter_later[p] or any(True for _ in self._multiplied_with(p))

    def _multiplied_with(self, k: int) -> Iterator[Node]:
        """What parameters make, or are, of which a node is multiplied."""
        for user in self.users[k]:
            if user.primitive.name in ("multiply", "matmul", "einsum", "dot"):
                for other in user.parents:
                    if self.replay.active[other.index] and other.index != k:
                        yield other

    @cached_property
    def parameter_indices(self) -> set[int]:
        """The nodes of the parameters."""
        return {node.index for node in self.replay.parameters.values()}

    @cached_property
    def loops(self) -> dict[tuple[Any, ...], list[int]]:
        """The nodes that one line of a loop made, by that line; in the order of the passes."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for node in self.nodes:
            if node.inputs:
                found.setdefault(self.trial.place(node), []).append(node.index)
        return {place: members for place, members in found.items() if len(members) > 1}

    def passes(self) -> Iterator[tuple[tuple[Any, ...], list[int]]]:
        """The nodes of one line of a loop, active ones, and of each of the calls of a helper that
        a pass makes: of 2 T nodes in a loop of T passes, every second.
        """
        lengths = {len(members) for members in self.loops.values()}
        for place, members in self.loops.items():
            if not self.replay.active[members[-1]]:
                continue
            yield (*place, 1, 0), members
            for calls in (2, 3, 4):
                if len(members) % calls == 0 and len(members) // calls in lengths - {1}:
                    for first in range(calls):
                        yield (*place, calls, first), members[first::calls]

    def derived_from(self, operand: Any, source: Any) -> bool:
        """Whether an operand was computed from another."""
        if not isinstance(operand, Node) or not isinstance(source, Node):
            return False
        ancestors = {node.index for node in self.graph.ancestors_of([operand])}
        if source.index in ancestors:
            return True
        return bool(ancestors & {n.index for n in self.graph.ancestors_of([source]) if n.inputs})

    @cached_property
    def interior(self) -> set[int]:
        """The nodes inside of activations, softmax and standardisations."""
        found = {k for activation in self.activations for k in activation.inside}
        found -= {activation.a for activation in self.activations}
        return found | self._inside_of_larger

    @cached_property
    def _inside_of_larger(self) -> set[int]:
        """The nodes inside of softmax and standardisations, their results apart."""
        found: set[int] = set()
        for start, end in (
            [(s.z, s.p) for s in self.softmaxes]
            + [(m.x, m.normal) for m in self.normalisations]
            + [(m.x, m.divided) for m in self.standardisations]
        ):
            found |= (self.descendants(start) & self.ancestors(end)) - {start, end}
        return found

    @cached_property
    def depends_on_data(self) -> list[bool]:
        """By node: whether an array that is no parameter flows into it."""
        found = [False] * len(self.nodes)
        parameters = {node.index for node in self.replay.parameters.values()}
        for node in self.nodes:
            if not node.inputs:
                found[node.index] = node.index not in parameters and np.ndim(node.value) > 0
            else:
                found[node.index] = any(found[x.index] for x in node.parents) or any(
                    not isinstance(x, Node) and np.ndim(x) > 0 and np.size(x) > 1
                    for x in node.inputs
                )
        return found

    @cached_property
    def samples(self) -> set[int]:
        """Parameters that hold the samples, one in each row: inputs that a gradient is asked of.

        What multiplies a value that other parameters made is a weight.
        """
        symbols = self.trial.symbols
        return {
            node.index
            for name, node in self.replay.parameters.items()
            if symbols.batch is not None
            and symbols.axes.get((name, 0)) == symbols.batch
            and not any(other.inputs for other in self._multiplied_with(node.index))
        }

    @cached_property
    def depends_on_samples(self) -> list[bool]:
        """By node: whether data flow into it, or parameters that hold the samples."""
        found = list(self.depends_on_data)
        for node in self.nodes:
            found[node.index] = (
                found[node.index]
                or node.index in self.samples
                or any(found[x.index] for x in node.parents)
            )
        return found

    @cached_property
    def penalty(self) -> set[int]:
        """The nodes of a penalty: scalars made from parameters alone that the loss adds, and what
        leads to them. A loss without data is a function of its own, and nothing in it a penalty.
        """
        if not self.depends_on_data[self.replay.output.index]:
            return set()
        free = [
            node.index
            for node in self.nodes
            if node.inputs
            and self.replay.active[node.index]
            and not self.depends_on_data[node.index]
            and not self._mixes_parameters[node.index]
        ]
        found = {k for k in free if self.nodes[k].shape == () and self.is_added[k]}
        for k in reversed(free):
            if any(user.index in found for user in self.users[k]):
                found.add(k)
        return found

    def penalty_of(self, name: str) -> Any:
        """What the penalty adds to the true gradient of a parameter; None if nothing.

        Where a parameter is cut in pieces first, what cuts serves the penalty and the network.
        """
        alone: set[int] = set()
        for k in sorted(self.penalty, reverse=True):
            users = [x.index for x in self.users[k] if self.replay.active[x.index]]
            if (self.is_added[k] and not self.nodes[k].shape) or alone.issuperset(users):
                alone.add(k)
        edges = {
            (k, position)
            for k, position in self.replay.rules
            if k in alone and self.nodes[k].inputs[position].index not in alone
        }
        if not edges:
            return None
        left = self.replay.altered(
            self.replay.true, Alterations(edges=dict.fromkeys(edges, dropped))
        )
        true = self.replay.gradient(self.replay.true, name)
        return np.asarray(true) - np.asarray(self.replay.gradient(left, name))

    def is_of_units(self, k: int) -> bool:
        """Whether a value belongs to units: parameters or targets enter after it."""
        return self.uses_parameter_later[k] or self.meets_data_later[k]

    @cached_property
    def rates(self) -> list[float]:
        """The numbers by which dropout scales: after a mask of two values, or in it."""
        found: set[float] = set()
        for node in self.nodes:
            if node.primitive.name not in ("multiply", "divide"):
                continue
            if not self.replay.active[node.index] or not self.is_of_units(node.index):
                continue
            numbers = [float(x) for x in node.operands if np.ndim(x) == 0]
            if numbers and any(_has_mask(self.graph, x) for x in node.parents):
                found.update(numbers)
            elif len(node.parents) == 2:
                found.update(filter(None, map(_mask_scale, node.operands)))
        return sorted(x for x in found if x > 0 and x != 1)

    @cached_property
    def _mixes_parameters(self) -> list[bool]:
        """By node: whether different parameters are multiplied in it, or something made from
        several serves the data's part of the loss too, as is so with no penalty.
        """
        own: list[set[int]] = []
        mixed: list[bool] = []
        for node in self.nodes:
            sets = [own[x.index] for x in node.parents if own[x.index]]
            together = set().union(*sets)
            if node.index in self.parameter_indices:
                together = {node.index}
            adds = node.primitive.name in _ADDING | {"concatenate"}
            shared = len(together) > 1 and not self.is_added[node.index]
            mixed.append(
                any(mixed[x.index] for x in node.parents)
                or (shared and any(self.depends_on_data[x.index] for x in self.users[node.index]))
                or (not adds and any(each != sets[0] for each in sets[1:]))
            )
            own.append(together)
        return mixed

    @cached_property
    def is_added(self) -> list[bool]:
        """By node: whether the loss is a sum in which it is an addend, up to numbers."""
        found = [False] * len(self.nodes)
        found[self.replay.output.index] = True
        for node in reversed(self.nodes):
            users = [x for x in self.users[node.index] if self.replay.active[x.index]]
            if users and self.replay.active[node.index]:
                found[node.index] = all(
                    found[user.index] and self._adds(user, node) for user in users
                )
        return found

    def _adds(self, user: Node, node: Node) -> bool:
        """Whether a step only adds a value to others, or multiplies it by a number."""
        name = user.primitive.name
        if name in ("multiply", "divide", "power"):
            others = [x for x in user.parents if x is not node]
            return name != "power" and not any(
                self.replay.active[x.index] or self.depends_on_data[x.index] for x in others
            )
        return name in _ADDING

    @cached_property
    def meets_data_later(self) -> list[bool]:
        """By node: whether data, such as targets, are combined with what becomes of it."""
        found = [False] * len(self.nodes)
        for node in reversed(self.nodes):
            for user in self.users[node.index]:
                others = [x for x in user.inputs if x is not node]
                if (
                    found[user.index]
                    or any(
                        self.depends_on_data[x.index] and not self.replay.active[x.index]
                        if isinstance(x, Node)
                        else np.size(x) > 1
                        for x in others
                    )
                    or any(
                        np.size(x) > 1 for x in user.params.values() if isinstance(x, np.ndarray)
                    )
                ):
                    found[node.index] = True
        return found

    @cached_property
    def uses_parameter_later(self) -> list[bool]:
        """By node: whether a parameter enters between it and the loss (penalties apart)."""
        own = self.parameter_indices - self.samples
        found = [False] * len(self.nodes)
        from_parameters = [False] * len(self.nodes)
        for node in self.nodes:
            from_parameters[node.index] = node.index in own or (
                bool(node.parents)
                and not self.depends_on_samples[node.index]
                and any(from_parameters[x.index] for x in node.parents)
            )
        for node in reversed(self.nodes):
            for user in self.users[node.index]:
                if user.index in self.penalty or not self.replay.active[user.index]:
                    continue
                enters = any(
                    from_parameters[x.index] and x.index != node.index for x in user.parents
                )
                enters = enters and not all(x.index in self.penalty for x in user.parents
                                            if x.index != node.index)  # fmt: skip
                if not user.shape and user.primitive.name in ("add", "subtract"):
                    enters = enters and not self.is_added[user.index]  # the loss's next addend
                if found[user.index] or enters:
                    found[node.index] = True
        return found

    @cached_property
    def activations(self) -> list[Activation]:
        """Every elementwise function of one value, as far as it reaches.

        Steps inside of a softmax or a standardisation are none.
        """
        inner = self._inside_of_larger
        return [a for a in self.elementwise if a.a not in inner]

    @cached_property
    def elementwise(self) -> list[Activation]:
        """Every elementwise function of one value, those inside of larger steps too."""
        found: list[Activation] = []
        covered: set[int] = set()
        for node in self.nodes:
            k = node.index
            if not self.replay.active[k] or k in covered or k in self.penalty or not node.shape:
                continue
            if not node.inputs or isinstance(node.value, tuple):
                continue
            inside = self._closure(node)
            covered |= inside
            for a in sorted(inside):
                if not self.replay.active[a] or not (
                    self._leaves(a, inside) or self._joins(k, a, inside)
                ):
                    continue
                derivative = self.local_derivative(k, a, inside)
                if derivative is None or not np.all(np.isfinite(derivative)):
                    continue
                if np.ptp(derivative) <= 1e-12 * np.max(np.abs(derivative)):
                    continue  # a multiplication by a number
                members = tuple(m for m in sorted(inside) if m <= a)
                last = not self.uses_parameter_later[a]
                output = last and self.meets_data_later[a]
                found.append(Activation(k, a, members, derivative, last, output))
        return found

    def _closure(self, root: Node) -> set[int]:
        """The nodes that are elementwise functions of ``root`` and of numbers."""
        inside: set[int] = set()
        waiting = [user.index for user in self.users[root.index]]
        heapq.heapify(waiting)
        seen: set[int] = set()
        while waiting:
            k = heapq.heappop(waiting)
            if k in seen:
                continue
            seen.add(k)
            node = self.nodes[k]
            parents = node.parents
            if node.shape != root.shape or not _is_elementwise(node):
                continue
            if all(
                x is root
                or x.index in inside
                or (x.shape == () and not self.replay.active[x.index])
                for x in parents
            ) and all(isinstance(x, Node) or np.ndim(x) == 0 for x in node.inputs):
                inside.add(node.index)
                for user in self.users[k]:
                    heapq.heappush(waiting, user.index)
        return inside

    def _joins(self, z: int, a: int, inside: set[int]) -> bool:
        """Whether everything that becomes of z becomes of a, which is used more than once."""
        if sum(self.replay.active[user.index] for user in self.users[a]) < 2:
            return False
        reached = {z}
        for k in sorted(inside - {a}):
            if any(x.index in reached for x in self.nodes[k].parents):
                if self._leaves(k, inside):
                    return False
                reached.add(k)
        return not any(
            user.index not in inside for user in self.users[z] if self.replay.active[user.index]
        )

    def _leaves(self, k: int, inside: set[int]) -> bool:
        """Whether a value is used outside of the function that it belongs to."""
        return any(
            user.index not in inside and self.replay.active[user.index] for user in self.users[k]
        )

    def local_derivative(
        self, z: int, a: int, inside: Iterable[int], at: Any = None
    ) -> np.ndarray[Any, Any] | None:
        """f' of the elementwise function from z to a, at z or at another value."""
        members = sorted(inside)
        nodes = self.nodes
        with np.errstate(all="ignore"):
            if at is not None:
                nodes = self._with_value(z, a, members, at)
            active = [False] * (a + 1)
            for k in [z, *members]:
                if k <= a:
                    active[k] = self.replay.active[k]
            if not active[a]:
                return None
            ones = np.ones(self.nodes[a].shape)
            found = pull_back(nodes[: a + 1], [(nodes[a], ones)], [nodes[z]], active)[0]
        return None if found is None else np.asarray(found, dtype=float)

    def _with_value(self, z: int, a: int, members: list[int], at: Any) -> list[Node]:
        """The nodes with another value at z, and what follows from it up to a."""
        nodes = list(self.nodes)
        moved: dict[int, Any] = {z: at}
        source = self.nodes[z]
        nodes[z] = Node(
            z, source.primitive, source.inputs, source.operands, source.params, at, source.code,
            source.instruction, source.of,
        )  # fmt: skip
        for k in members:
            if k > a:
                break
            node = self.nodes[k]
            operands = [
                moved.get(x.index, x.value) if isinstance(x, Node) else x for x in node.inputs
            ]
            moved[k] = node.primitive.evaluate(*operands, **node.params)  # type: ignore[misc]
            inputs = [nodes[x.index] if isinstance(x, Node) else x for x in node.inputs]
            nodes[k] = Node(
                k, node.primitive, inputs, operands, node.params, moved[k], node.code,
                node.instruction, node.of,
            )  # fmt: skip
        return nodes

    @cached_property
    def softmaxes(self) -> list[Softmax]:
        """Values that are the softmax of an earlier value."""
        found = []
        for node in self.nodes:
            p = self.values[node.index]
            if p is None or p.ndim == 0 or not self.replay.active[node.index] or p.size < 2:
                continue
            if p.dtype.kind != "f" or not np.all((p >= 0) & (p <= 1)) or not np.any(p < 1):
                continue
            for axis in range(p.ndim):
                if p.shape[axis] < 2 or not np.allclose(p.sum(axis=axis), 1, rtol=0, atol=1e-12):
                    continue
                with np.errstate(divide="ignore"):  # masked entries have no weight
                    z = self._logits_of(node.index, np.log(p), axis)
                if z is not None:
                    found.append(Softmax(z, node.index, axis))
                break
        return found

    def _logits_of(self, p: int, logarithm: np.ndarray[Any, Any], axis: int) -> int | None:
        """The first value that differs from log p by a constant along the axis."""
        for k in range(p):
            z = self.values[k]
            if z is None or z.shape != logarithm.shape or not self.replay.active[k]:
                continue
            if z.dtype.kind != "f":
                continue
            gap = np.where(np.isfinite(logarithm), z - logarithm, np.nan)
            most = np.nanmax(gap, axis=axis, keepdims=True)
            if np.all(np.isnan(gap) | (np.abs(gap - most) <= 1e-9)):
                return k
        return None

    @cached_property
    def logits(self) -> list[int]:
        """The last values before the loss that parameters enter: what the output layer gives."""
        found = []
        for node in self.nodes:
            k = node.index
            if not (self.replay.active[k] and node.shape and node.inputs) or k in self.penalty:
                continue
            if isinstance(node.value, tuple) or self.uses_parameter_later[k]:
                continue
            if not self.depends_on_samples[k] and self.depends_on_data[self.replay.output.index]:
                continue  # a parameter on its way to where it meets the data
            if any(self.uses_parameter_later[x.index] or not x.inputs for x in node.parents
                   if self.replay.active[x.index]):  # fmt: skip
                found.append(k)
        return found

    @cached_property
    def normalisations(self) -> list[Normalisation]:
        """Values that are an earlier value standardised along an axis."""
        found: list[Normalisation] = []
        for node in self.nodes:
            normal = self.values[node.index]
            if normal is None or normal.ndim < 1 or not self.replay.active[node.index]:
                continue
            if normal.dtype.kind != "f" or normal.size < 4 or node.index in self.penalty:
                continue
            for axis in sets_of_axes(normal.ndim):
                n = int(np.prod([normal.shape[k] for k in axis]))
                if n < 3 or not np.allclose(normal.mean(axis=axis), 0, atol=1e-10):
                    continue
                size = normal.var(axis=axis)
                if not np.all((size > 0.5) & (size < 1.0 + 1 / (n - 1) + 1e-9)):
                    continue
                match = self._standardised(node.index, normal, axis)
                if match is not None:
                    found.append(match)
                    break
        return found

    def _standardised(
        self, k: int, normal: np.ndarray[Any, Any], axis: tuple[int, ...]
    ) -> Normalisation | None:
        for j in range(k):
            x = self.values[j]
            if x is None or x.shape != normal.shape or not self.replay.active[j]:
                continue
            if x.dtype.kind != "f":
                continue
            centred = x - x.mean(axis=axis, keepdims=True)
            variance = centred.var(axis=axis, keepdims=True)
            if not np.all(variance > 1e-12):
                continue
            inverse = (centred * normal).sum(axis=axis, keepdims=True) / (centred**2).sum(
                axis=axis, keepdims=True
            )
            if np.allclose(centred * inverse, normal, rtol=1e-9, atol=1e-11):
                # a value that is centred already is inside the normalisation
                if np.allclose(x.mean(axis=axis), 0, atol=1e-10) and j != 0:
                    continue
                return Normalisation(j, k, axis, inverse)
        return None

    @cached_property
    def standardisations(self) -> list[Standardisation]:
        """Standardisations by their steps, as far as their results are not recognised by value."""
        return standardisations_of(self)

    @cached_property
    def root_mean_squares(self) -> list[Standardisation]:
        """Values divided by the roots of their mean squares, without a mean taken off."""
        return root_mean_squares_of(self)

    def ancestors(self, k: int) -> set[int]:
        """A node and all that it is computed from."""
        return {node.index for node in self.graph.ancestors_of([self.nodes[k]])}


def _is_elementwise(node: Node) -> bool:
    if node.primitive.name in _ELEMENTWISE or _writes_by_mask(node):
        return True
    functions = node.primitive.functions
    ufunc: Any = functions[0] if functions else None
    return isinstance(ufunc, np.ufunc) and ufunc in UFUNCS and ufunc.signature is None


def _writes_by_mask(node: Node) -> bool:
    """Whether entries that a mask picks get another number: ``out[z <= 0] = 0``."""
    if node.primitive.name != "assign" or len(node.operands) != 3:
        return False
    _, value, mask = (np.asarray(x) for x in node.operands)
    return mask.dtype.kind == "b" and mask.shape == node.shape and not value.ndim


def _mask_scale(value: Any) -> float:
    """What an array of two values, zero and another, holds besides zero; 0 for any other array."""
    array = np.asarray(value)
    if array.size < 2 or array.dtype.kind not in "fiub":
        return 0.0
    found = np.unique(array)
    return float(found[1]) if len(found) == 2 and found[0] == 0 else 0.0


def _has_mask(graph: Graph, node: Node) -> bool:
    """Whether a value is a product with a mask that comes from an argument."""
    inputs = {x.index for x in graph.inputs}
    return node.primitive.name == "multiply" and any(
        x.index in inputs and _mask_scale(x.value) for x in node.parents
    )

"""A dense network: its layout, names, products and losses, and the files' common parts."""

from __future__ import annotations

import re
from functools import cached_property

from tests.checking.corpus.generated_parts import (
    ACTIVATIONS,
    LOSSES,
    ONE_OUTPUT,
    REDUCTIONS,
    VOCABULARIES,
    Output,
)
from tests.checking.corpus.sheet import Sheet, Wrong

EINSUM = {  # forward, weight gradient, propagated, propagated without the transpose
    "rows": ("ni,ij->nj", "ni,nj->ij", "nj,ij->ni", "nj,ji->ni"),
    "torch": ("ni,ji->nj", "nj,ni->ji", "nj,ji->ni", "nj,ij->ni"),
    "columns": ("ji,in->jn", "jn,in->ji", "jn,ji->in", "jn,ij->in"),
}


def grouped(text: str) -> str:
    """A factor."""
    return f"({text})" if "@" in text else text


def bare(text: str) -> str:
    """Without the parentheses around the whole."""
    return text[1:-1] if text.startswith("(") and _closed(text) else text


def _closed(text: str) -> bool:
    """The first parenthesis is closed by the last."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


class Dense:
    """One drawn network: sizes, layout, names, products, activation, loss, penalty."""

    def __init__(self, s: Sheet, depths: tuple[int, ...] = (1, 2, 2, 3, 3, 4)) -> None:
        self.s = s
        self.depth = s.pick(*depths)
        self.layout = s.pick("rows", "rows", "torch", "columns")
        self.product = s.pick("@", "@", "dot", "np.dot", "einsum")
        self.names = s.pick(*VOCABULARIES)
        self.act = ACTIVATIONS[s.pick(*(set_ for set_ in ACTIVATIONS if set_ != "none"))]
        if s.maybe(0.05):
            self.act = ACTIVATIONS["none"]
        self.slope = s.pick(*self.act.slopes) if self.act.slopes else ""
        kind = s.pick(*LOSSES)
        self.batch = s.random.randint(4, 8)
        hidden = s.random.randint(3, 6)
        outputs = s.pick(1, 1, 3) if kind in ("bce", "mse", "huber") else s.random.randint(3, 5)
        outputs = 1 if kind in ONE_OUTPUT else outputs
        square = s.maybe(0.6)
        widths = [hidden if square else s.random.randint(3, 6) for _ in range(self.depth - 1)]
        inputs = hidden if square and s.maybe() else s.random.randint(3, 6)
        if square and outputs > 1 and s.maybe(0.4):
            outputs = hidden
        self.sizes = [inputs, *widths, outputs]
        self.n = s.pick("n", "m", "N", "batch")
        self.samples = 1 if self.layout == "columns" else 0
        axis = 1 - self.samples
        z = self.pre(self.depth)
        self.output = Output(kind, s.pick(*REDUCTIONS[kind]), z, s.pick("y", "Y"), self.n, axis)
        self.late = self.output.averaged and s.maybe(0.35)
        self.flat_bias = self.layout != "columns" and s.maybe(0.6)
        self.penalty = s.pick("", "", "lam", "half", "mean") if self.depth < 4 else ""
        self.lam = s.pick("lam", "reg", "LAMBDA", "weight_decay")

    # names
    def pre(self, i: int) -> str:
        return self.names.pre.format(i)

    def act_name(self, i: int) -> str:
        return self.names.act.format(i) if i else "X"

    def weight(self, i: int) -> str:
        return self.names.weight.format(i)

    def bias(self, i: int) -> str:
        return self.names.bias.format(i)

    @property
    def y(self) -> str:
        return self.output.y

    @cached_property
    def parameters(self) -> list[str]:
        layers = range(1, self.depth + 1)
        if self.s.maybe(0.3):
            return [*map(self.weight, layers), *map(self.bias, layers)]
        return [name for i in layers for name in (self.weight(i), self.bias(i))]

    # expressions
    def dot(self, a: str, b: str) -> str:
        if self.product == "dot":
            return f"{a}.dot({b})"
        return f"np.dot({a}, {b})" if self.product == "np.dot" else f"{a} @ {b}"

    def linear(self, a: str, w: str, b: str) -> str:
        if self.product == "einsum":
            first, second = (w, a) if self.layout == "columns" else (a, w)
            return f"np.einsum('{EINSUM[self.layout][0]}', {first}, {second}) + {b}"
        if self.layout == "columns":
            return f"{self.dot(w, a)} + {b}"
        return f"{self.dot(a, w if self.layout == 'rows' else w + '.T')} + {b}"

    def outer(self, a: str, dz: str, transposed: bool = False) -> str:
        """The gradient of a weight."""
        first, second = (a, dz) if self.layout == "rows" else (dz, a)
        if self.product == "einsum":
            inputs, result = EINSUM[self.layout][1].split("->")
            result = result[::-1] if transposed else result
            return f"np.einsum('{inputs}->{result}', {first}, {second})"
        if transposed:
            first, second = second, first
        if self.layout == "columns":
            return self.dot(first, second + ".T")
        return self.dot(first + ".T", second)

    def back(self, dz: str, w: str, wrong: bool = False) -> str:
        """The cotangent below a layer."""
        if self.product == "einsum":
            return f"np.einsum('{EINSUM[self.layout][3 if wrong else 2]}', {dz}, {w})"
        if self.layout == "columns":
            return self.dot(w if wrong else w + ".T", dz)
        return self.dot(dz, w + ".T" if (self.layout == "rows") != wrong else w)

    def total(self, dz: str, how: str = "sum") -> str:
        """Over the samples."""
        if self.flat_bias:
            axis = self.s.pick("axis=0", "0")
            form = self.s.pick("{z}.{how}({axis})", "np.{how}({z}, {axis})")
            return form.format(z=dz, how=how, axis=axis)
        return f"np.{how}({dz}, axis={self.samples}, keepdims=True)"

    def bias_faults(self, dz: str, right: str) -> list[tuple[str, str]]:
        one = f"{dz}[0]" if self.layout != "columns" else f"{dz}[:, :1]"
        axis = self.samples
        other = right.replace(f"axis={axis}", f"axis={1 - axis}")
        other = other.replace("(0)", "(1)").replace(", 0)", ", 1)")
        faults = [
            ("G601", right.replace("sum", "mean")),
            ("G603", other),
            ("G603", f"np.sum({dz})"),
            ("G101", dz),
        ]
        if self.flat_bias or self.layout == "columns":
            faults.append(("G602", one))
        if self.flat_bias:
            faults.append(("G101", f"np.sum({dz}, axis=0, keepdims=True)"))
        if not self.flat_bias:
            faults.append(("G101", f"np.sum({dz}, axis={axis})"))
        return faults

    def penalty_term(self, w: str) -> tuple[str, list[tuple[str, str]]]:
        """The term of ``w`` in its gradient, and wrong ones."""
        if not self.penalty:
            return "", []
        lam = self.lam
        factor = {"lam": f"2 * {lam}", "half": lam, "mean": f"{lam} / {self.n}"}[self.penalty]
        scaled = {
            "lam": [lam],
            "half": [f"2 * {lam}", f"0.5 * {lam}", f"{lam} / {self.n}"],
            "mean": [lam, f"{lam} / (2 * {self.n})"],
        }[self.penalty]
        wrong = [("G302", f" + {text} * {w}") for text in scaled]
        wrong += [("G301", ""), ("G303", f" - {factor} * {w}")]
        return f" + {factor} * {w}", wrong

    # parts of the file
    def head(self) -> None:
        s = self.s
        s("import numpy as np")
        if self.penalty:
            s("")
            s(f"{self.lam} = {s.pick('0.1', '0.3', '0.05')}")
        for text in dict.fromkeys((*self.act.helpers, *self.output.helpers)):
            s("\n\n")
            s(text)

    def signature(self, name: str) -> str:
        return f"def {name}(X, {self.y}, {', '.join(self.parameters)}):"

    def activated(self, i: int) -> str:
        return self.act.call.format(z=self.pre(i), a=self.act_name(i))

    def forward(self) -> None:
        s = self.s
        for i in range(1, self.depth + 1):
            s(f"{self.pre(i)} = {self.linear(self.act_name(i - 1), self.weight(i), self.bias(i))}")
            if i < self.depth:
                s(f"{self.act_name(i)} = {self.activated(i)}")

    def count(self) -> None:
        form = "X.shape[1]" if self.samples else self.s.pick("X.shape[0]", "len(X)")
        self.s(f"{self.n} = {form}")

    def result(self, weights: list[str]) -> None:
        """Return the loss."""
        s = self.s
        value = self.output.value(s)
        if not self.penalty:
            s(f"return {value}")
            place = max(k for k, x in enumerate(s.statements) if x.right.startswith(f"{self.n} = "))
            if not any(re.search(rf"\b{self.n}\b", x.right) for x in s.statements[place + 1 :]):
                del s.statements[place]
            return
        lam = {
            "lam": self.lam,
            "half": f"0.5 * {self.lam}",
            "mean": f"{self.lam} / (2 * {self.n})",
        }[self.penalty]
        squares = " + ".join(f"np.sum({w}**2)" for w in weights)
        squares = f"({squares})" if len(weights) > 1 else squares
        s(f"data_loss = {value}")
        s(f"return data_loss + {lam} * {squares}")

    def example(self) -> None:
        s = self.s
        kind = self.output.kind
        draw = s.pick("default_rng", "RandomState", "seed")
        rng = "np.random" if draw == "seed" else "rng"
        normal = "randn" if draw != "default_rng" else "normal"
        integers = "randint" if draw != "default_rng" else "integers"

        def normals(*shape: int) -> str:
            if normal == "randn":
                return f"{rng}.randn({', '.join(map(str, shape))})"
            return f"rng.normal(size={shape})"

        def placed(rows: int, columns: int) -> tuple[int, int]:
            return (columns, rows) if self.samples else (rows, columns)

        n, outputs = self.batch, self.sizes[-1]
        with s.function("def example():"):
            seed = s.random.randint(0, 99)
            if draw == "seed":
                s(f"np.random.seed({seed})")
            else:
                s(f"rng = np.random.{draw}({seed})")
            entries = {"X": normals(*placed(n, self.sizes[0]))}
            labels = f"{rng}.{integers}(0, {outputs}, size={n})"
            shape = placed(n, outputs)
            if kind == "labels":
                entries[self.y] = labels
            elif kind in ("one-hot", "squared softmax"):
                entries[self.y] = f"np.eye({outputs})[{labels}]" + (".T" if self.samples else "")
            elif kind in ("bce", "squared sigmoid"):
                entries[self.y] = f"{rng}.{integers}(0, 2, size={shape}).astype(float)"
            elif kind == "hinge":
                entries[self.y] = f"2.0 * {rng}.{integers}(0, 2, size={shape}) - 1"
            else:
                entries[self.y] = normals(*shape)
            scale = s.pick("0.5 * ", "0.7 * ", "" if self.depth < 3 else "0.6 * ")
            for i in range(1, self.depth + 1):
                inputs, outs = self.sizes[i - 1 : i + 1]
                shape = (inputs, outs) if self.layout == "rows" else (outs, inputs)
                entries[self.weight(i)] = scale + normals(*shape)
                flat = f"0.1 * {normals(outs)}"
                entries[self.bias(i)] = (
                    flat if self.flat_bias else f"0.1 * {normals(*placed(1, outs))}"
                )
            with s.block("return {"):
                for name, text in entries.items():
                    s(f'"{name}": {text},')
            s("}")

    def returned(self, gradients: dict[str, str], weights: dict[str, str] | None = None) -> None:
        """The last statement of the gradient."""
        s = self.s
        names = self.parameters

        def text(table: dict[str, str]) -> str:
            entries = [f'"{name}": {table[name]}' for name in names if name in table]
            line = "return {" + ", ".join(entries) + "}"
            if len(line) < 88:
                return line
            return "return {\n    " + ",\n    ".join(entries) + ",\n}"

        wrong: list[Wrong] = []
        k = s.random.randint(1, self.depth)
        missing = s.pick(self.bias(k), self.weight(k))
        wrong.append(("G107", text({p: g for p, g in gradients.items() if p != missing})))
        rate = s.pick("0.1", "0.01", "-0.1")
        wrong.append(("G206", text({p: f"{rate} * {g}" for p, g in gradients.items()})))
        if self.depth > 1:
            i, j = s.random.sample(range(1, self.depth + 1), 2)
            for a, b in ((self.weight(i), self.weight(j)), (self.bias(i), self.bias(j))):
                swapped = {**gradients, a: gradients[b], b: gradients[a]}
                start = 1 if a == self.weight(i) else 0
                if self.sizes[i - start : i + 1] == self.sizes[j - start : j + 1]:
                    wrong.append(("G704", text(swapped)))
        s(text(gradients), *wrong)

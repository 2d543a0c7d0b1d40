"""What hand-written networks are put together from: names, products, activations, losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.checking.corpus.sheet import OMITTED, Sheet, Wrong


@dataclass(frozen=True)
class Names:
    """Patterns, filled with the layer's number."""

    weight: str = "W{}"
    bias: str = "b{}"
    pre: str = "z{}"
    act: str = "a{}"
    dweight: str = "dW{}"
    dbias: str = "db{}"
    dpre: str = "dz{}"
    dact: str = "da{}"


VOCABULARIES = (
    Names(),
    Names(pre="Z{}", act="A{}", dpre="dZ{}", dact="dA{}"),
    Names(act="h{}", dweight="W{}_grad", dbias="b{}_grad", dpre="z{}_grad", dact="h{}_grad"),
    Names("w{}", "b{}", "s{}", "h{}", "gw{}", "gb{}", "gs{}", "gh{}"),
    Names(dweight="nabla_W{}", dbias="nabla_b{}", dpre="delta{}", dact="err{}"),
    Names("W{}", "b{}", "net{}", "out{}", "grad_W{}", "grad_b{}", "delta{}", "back{}"),
    Names(
        "weights{}",
        "bias{}",
        "pre{}",
        "hidden{}",
        "d_weights{}",
        "d_bias{}",
        "d_pre{}",
        "d_hidden{}",
    ),
    Names("Theta{}", "b{}", "z{}", "a{}", "Theta{}_grad", "b{}_grad", "d{}", "e{}"),
    Names("W{}", "b{}", "u{}", "o{}", "W{}_bar", "b{}_bar", "u{}_bar", "o{}_bar"),
    Names("W_{}", "b_{}", "z_{}", "h_{}", "dL_dW{}", "dL_db{}", "dL_dz{}", "dL_dh{}"),
)


@dataclass(frozen=True)
class Activation:
    """Texts in ``{z}`` and ``{a}``; ``helpers`` are functions that the file defines."""

    name: str
    call: str
    slopes: tuple[str, ...]
    wrong: tuple[tuple[str, str], ...]
    helpers: tuple[str, ...] = ()


SIGMOID = "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))"
SIGMOID_LONG = "def sigmoid(t):\n    return 1.0 / (1.0 + np.exp(-t))"
GELU = (
    "def gelu(x):\n    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))"
)
GELU_SLOPE = (
    "def gelu_prime(x):\n"
    "    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))\n"
    "    inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)\n"
    "    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner"
)

ACTIVATIONS = {
    "tanh": Activation(
        "tanh",
        "np.tanh({z})",
        ("(1 - {a} ** 2)", "(1 - {a} * {a})", "(1 - np.tanh({z}) ** 2)", "(1.0 - np.square({a}))"),
        (
            ("G402", "(1 - np.tanh({a}) ** 2)"),
            ("G403", "(1 - {z} ** 2)"),
            ("G403", "(1 - {a})"),
            ("G403", "{a} * (1 - {a})"),
            ("G403", "{a}"),
        ),
    ),
    "sigmoid": Activation(
        "sigmoid",
        "sigmoid({z})",
        ("{a} * (1 - {a})", "sigmoid({z}) * (1 - sigmoid({z}))", "({a} - {a} ** 2)"),
        (
            ("G402", "sigmoid({a}) * (1 - sigmoid({a}))"),
            ("G403", "(1 - {a})"),
            ("G403", "{z} * (1 - {z})"),
            ("G403", "(1 - {a} ** 2)"),
            ("G403", "{a}"),
        ),
        (SIGMOID,),
    ),
    "relu": Activation(
        "relu",
        "np.maximum(0, {z})",
        ("({z} > 0)", "({a} > 0)", "np.where({z} > 0, 1.0, 0.0)", "({z} > 0).astype(float)"),
        (
            ("G404", "({z} < 0)"),
            ("G403", "np.maximum(0, {z})"),
            ("G403", "{a}"),
            ("G404", "np.where({z} > 0, 0.0, 1.0)"),
        ),
    ),
    "leaky": Activation(
        "leaky",
        "np.where({z} > 0, {z}, 0.1 * {z})",
        ("np.where({z} > 0, 1.0, 0.1)", "np.where({a} > 0, 1.0, 0.1)"),
        (
            ("G403", "({z} > 0)"),
            ("G403|G404", "np.where({z} > 0, 0.1, 1.0)"),
            ("G403", "np.where({z} > 0, 1.0, -0.1)"),
            ("G403", "np.where({z} > 0, 1.0, 0.1 * {z})"),
        ),
    ),
    "elu": Activation(
        "elu",
        "np.where({z} > 0, {z}, np.exp({z}) - 1)",
        ("np.where({z} > 0, 1.0, np.exp({z}))", "np.where({z} > 0, 1.0, {a} + 1)"),
        (
            ("G403", "np.where({z} > 0, 1.0, {a})"),
            ("G402", "np.where({a} > 0, 1.0, np.exp({a}))"),
            ("G403", "np.where({z} > 0, 1.0, np.exp({z}) - 1)"),
        ),
    ),
    "softplus": Activation(
        "softplus",
        "np.log1p(np.exp({z}))",
        ("(1 / (1 + np.exp(-{z})))", "(1 - np.exp(-{a}))", "np.exp({z}) / (1 + np.exp({z}))"),
        (
            ("G402", "(1 / (1 + np.exp(-{a})))"),
            ("G403", "(1 / (1 + np.exp({z})))"),
            ("G403", "(1 / (1 + {z}))"),
        ),
    ),
    "gelu": Activation(
        "gelu",
        "gelu({z})",
        ("gelu_prime({z})",),
        (("G402", "gelu_prime({a})"), ("G403", "0.5 * (1 + np.tanh({z}))")),
        (GELU, GELU_SLOPE),
    ),
    "swish": Activation(
        "swish",
        "{z} * sigmoid({z})",
        (
            "({a} + sigmoid({z}) * (1 - {a}))",
            "sigmoid({z}) * (1 + {z} * (1 - sigmoid({z})))",
        ),
        (
            ("G402", "sigmoid({a}) * (1 + {a} * (1 - sigmoid({a})))"),
            ("G403", "sigmoid({z}) * (1 - sigmoid({z}))"),
            ("G403", "sigmoid({z})"),
        ),
        (SIGMOID,),
    ),
    "none": Activation("none", "{z}", (), ()),
}

SOFTMAX = (
    "def softmax({v}):\n"
    "    e = np.exp({v} - {v}.max(axis={k}, keepdims=True))\n"
    "    return e / e.sum(axis={k}, keepdims=True)"
)

LOSSES = (
    "labels",
    "labels",
    "one-hot",
    "one-hot",
    "bce",
    "bce",
    "mse",
    "mse",
    "hinge",
    "huber",
    "log-cosh",
    "squared softmax",
    "squared sigmoid",
    "squared tanh",
)
ONE_OUTPUT = {"hinge"}
REDUCTIONS = {
    "labels": ("mean", "mean", "sum"),
    "one-hot": ("mean", "mean", "sum"),
    "bce": ("mean", "all", "sum"),
    "mse": ("half mean", "mean", "all", "sum", "half sum"),
    "hinge": ("mean", "sum"),
    "huber": ("all", "sum"),
    "log-cosh": ("all", "sum"),
    "squared softmax": ("half mean", "half sum", "mean"),
    "squared sigmoid": ("half mean", "half sum", "mean", "all"),
    "squared tanh": ("half mean", "half sum", "mean"),
}


@dataclass(frozen=True)
class Output:
    """A loss at the last pre-activation ``z`` against ``y``, ``n`` the text of the batch size."""

    kind: str
    reduction: str
    z: str
    y: str
    n: str
    axis: int  # of the classes

    @property
    def helpers(self) -> tuple[str, ...]:
        if self.kind in ("labels", "one-hot", "squared softmax"):
            return (SOFTMAX.format(v="z", k=self.axis),)
        return (SIGMOID,) if self.kind in ("bce", "squared sigmoid") else ()

    @property
    def p(self) -> str:
        """The call that turns the pre-activation into the network's output."""
        if self.kind in ("labels", "one-hot", "squared softmax"):
            return f"softmax({self.z})"
        if self.kind in ("bce", "squared sigmoid"):
            return f"sigmoid({self.z})"
        return f"np.tanh({self.z})" if self.kind == "squared tanh" else self.z

    @property
    def rows(self) -> str:
        place = (f"np.arange({self.n})", self.y)
        return "[" + ", ".join(place if self.axis == 1 else place[::-1]) + "]"

    def value(self, s: Sheet) -> str:
        """The data part of the loss; may write statements before it."""
        z, y, n = self.z, self.y, self.n
        if self.kind in ("labels", "one-hot"):
            total = "np.mean" if self.reduction == "mean" else "np.sum"
            s(f"p = {self.p}")
            if self.kind == "labels":
                return f"-{total}(np.log(p{self.rows}))"
            total = f"-np.sum({y} * np.log(p))"
            return f"{total} / {n}" if self.reduction == "mean" else total
        if self.kind == "bce":
            if s.maybe(0.3):
                each = f"np.logaddexp(0, {z}) - {y} * {z}"
            else:
                s(f"p = {self.p}")
                each = f"-({y} * np.log(p) + (1 - {y}) * np.log(1 - p))"
        elif self.kind == "hinge":
            each = f"np.maximum(0, 1 - {y} * {z})"
        elif self.kind == "huber":
            s(f"r = {z} - {y}")
            each = "np.where(np.abs(r) <= 0.5, 0.5 * r**2, 0.5 * (np.abs(r) - 0.25))"
        elif self.kind == "log-cosh":
            each = f"np.log(np.cosh({z} - {y}))"
        else:
            half = "0.5 * " if self.reduction.startswith("half") else ""
            if self.reduction == "half mean" and s.maybe():
                return f"np.sum(({self.p} - {y}) ** 2) / (2 * {n})"
            each = f"({self.p} - {y}) ** 2"
            if self.reduction != "all":
                mean = f" / {n}" if self.reduction.endswith("mean") else ""
                return f"{half}np.sum({each}){mean}"
        if self.reduction == "all":
            return f"np.mean({each})"
        mean = f" / {n}" if self.reduction == "mean" else ""
        return f"np.sum({each}){mean}"

    @property
    def averaged(self) -> bool:
        """Over samples only, so that the division can also be made late."""
        return self.reduction.endswith("mean")

    def count(self) -> str:
        return f"{self.y}.size" if self.reduction == "all" else self.n

    def gradient(self, s: Sheet, dz: str, late: bool, columns: int) -> None:
        """Statements that leave the loss's gradient in ``dz``; undivided where it is ``late``."""
        divided = (self.averaged or self.reduction == "all") and not late
        over = f" / {self.count()}" if divided else ""
        counts: list[Wrong] = []
        if divided and self.kind != "labels":
            other = f"{self.y}.shape[{self.axis}]"
            # One column: divided by 1, which is not divided.
            share = "G203|G201" if self.averaged and columns == 1 else "G203"
            counts = [("G201", ""), (share, f" / {other}" if self.averaged else f" / {self.n}")]
            if self.averaged:
                counts.append(("G203", f" / ({self.n} - 1)"))
            elif columns == 1:
                counts.pop()

        def line(core: str, *wrong: Wrong) -> None:
            shares = [(code, f"{dz} = {core}{text}") for code, text in counts]
            right = core if over or not core.startswith("(p") else core[1:-1]
            s(f"{dz} = {right}{over}", *shares, *((c, f"{dz} = {t}{over}") for c, t in wrong))

        y = self.y
        if self.kind == "labels":
            self._labels(s, dz, divided)
        elif self.kind in ("one-hot", "bce"):
            s(f"p = {self.p}")
            if self.kind == "bce" and s.maybe(0.3):
                core = f"(p - {y}) / (p * (1 - p))"
                s(f"dp = {core}{over}", *((c, f"dp = {core}{t}") for c, t in counts))
                s(f"{dz} = dp * p * (1 - p)", ("G502|G401", f"{dz} = dp"))
            elif self.kind == "one-hot" and s.maybe(0.25):
                # The long way: the loss's gradient by p, then the softmax's Jacobian.
                s(f"dp = -{y} / p{over}", *((c, f"dp = -{y} / p{t}") for c, t in counts))
                s(
                    f"{dz} = p * (dp - np.sum(dp * p, axis={self.axis}, keepdims=True))",
                    ("G503", f"{dz} = dp * p * (1 - p)"),
                    ("G502|G401", f"{dz} = dp"),
                    ("G603", f"{dz} = p * (dp - np.sum(dp * p))"),
                )
            else:
                wrong = [("G205", f"({y} - p)"), ("G501", f"(p - {y}) * p * (1 - p)")]
                wrong += [("G206", f"0.1 * (p - {y})"), ("G204", f"2 * (p - {y})")]
                line(f"(p - {y})", *wrong)
        elif self.kind == "hinge":
            s(f"margin = 1 - {y} * {self.z}")
            line(
                f"-{y} * (margin > 0)",
                ("G205", f"{y} * (margin > 0)"),
                ("G404", f"-{y} * (margin < 0)"),
                ("G404|G401", f"-{y} * np.ones_like(margin)"),
            )
        elif self.kind == "huber":
            s(f"r = {self.z} - {y}")
            line(
                s.pick("np.clip(r, -0.5, 0.5)", "np.where(np.abs(r) <= 0.5, r, 0.5 * np.sign(r))"),
                ("G403", "r"),
                ("G403", "np.where(np.abs(r) <= 0.5, r, 0.5)"),
                ("G403", "np.where(np.abs(r) <= 0.5, r, np.sign(r))"),
            )
        elif self.kind == "log-cosh":
            s(f"r = {self.z} - {y}")
            line("np.tanh(r)", ("G403", "(1 - np.tanh(r) ** 2)"), ("G205", "-np.tanh(r)"))
        else:
            self._squared(s, dz, over, counts)

    def _labels(self, s: Sheet, dz: str, divided: bool) -> None:
        s(f"{dz} = {self.p}")
        s(f"{dz}{self.rows} -= 1")
        if divided:
            s(
                s.pick(f"{dz} /= {self.n}", f"{dz} = {dz} / {self.n}"),
                ("G201", OMITTED),
                ("G203", f"{dz} /= {dz}.shape[{self.axis}]"),
                ("G203", f"{dz} /= {self.n} - 1"),
                ("G205", f"{dz} /= -{self.n}"),
            )

    def _squared(self, s: Sheet, dz: str, over: str, counts: list[Wrong]) -> None:
        y = self.y
        two, other = ("", "2 * ") if self.reduction.startswith("half") else ("2 * ", "")
        if self.kind == "mse":
            core = f"{two}({self.z} - {y})"
            wrong = [("G204", f"{other}({self.z} - {y})"), ("G205", f"{two}({y} - {self.z})")]
            s(
                f"{dz} = {core}{over}",
                *((code, f"{dz} = {core}{text}") for code, text in counts),
                *((code, f"{dz} = {text}{over}") for code, text in wrong),
            )
            return
        s(f"p = {self.p}")
        core = f"{two}(p - {y})"
        s(
            f"g = {core}{over}" if two or over else f"g = p - {y}",
            *((code, f"g = {core}{text}") for code, text in counts),
            ("G204", f"g = {other}(p - {y}){over}"),
            ("G205", f"g = {two}({y} - p){over}"),
        )
        if self.kind == "squared softmax":
            s(
                f"{dz} = p * (g - np.sum(g * p, axis={self.axis}, keepdims=True))",
                ("G503", f"{dz} = g * p * (1 - p)"),
                ("G502", f"{dz} = g"),
            )
        else:
            slope, fault = "p * (1 - p)", "(1 - p)"
            if self.kind == "squared tanh":
                slope, fault = "(1 - p**2)", "(1 - p)"
            s(
                f"{dz} = g * {slope}",
                ("G502", f"{dz} = g"),
                ("G403", f"{dz} = g * {fault}"),
                ("G405", f"{dz} = {slope}"),
            )


def naming(s: Sheet) -> Callable[[str], str]:
    """How the writer calls the gradient of something."""
    return s.pick("d{}", "d{}", "grad_{}", "{}_grad", "g_{}", "d_{}", "{}_bar").format


def example(s: Sheet, entries: dict[str, str]) -> None:
    """The last function; the entries use ``rng``."""
    with s.function("def example():"):
        s(f"rng = np.random.default_rng({s.random.randint(0, 99)})")
        with s.block("return {"):
            for name, text in entries.items():
                s(f'"{name}": {text},')
        s("}")


def normal(*shape: int, scale: str = "") -> str:
    return f"{scale}rng.normal(size={shape})"

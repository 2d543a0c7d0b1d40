"""Dense networks as people write them: flat, looped, by cached layers, as classes, by sample."""

from __future__ import annotations

from tests.checking.corpus.generated_dense import Dense, bare, grouped
from tests.checking.corpus.generated_parts import ACTIVATIONS, Output
from tests.checking.corpus.sheet import OMITTED, Sheet, Wrong


def flat(s: Sheet) -> None:
    """Forward and backward as straight lines with one name for everything."""
    net = Dense(s)
    net.head()
    shared = net.depth > 1 and s.maybe(0.4)
    values = [f(i) for i in range(1, net.depth) for f in (net.pre, net.act_name)]
    values.append(net.pre(net.depth))
    if shared:
        with s.function(f"def forward(X, {', '.join(net.parameters)}):"):
            net.forward()
            s(f"return {', '.join(values)}")
        call = f"forward(X, {', '.join(net.parameters)})"
    for name in ("loss", "gradient"):
        with s.function(net.signature(name)):
            net.count()
            if name == "gradient":
                s.remark("forward pass", "forward")
            if shared:
                s(f"{', '.join(values) if name == 'gradient' else '*_, ' + values[-1]} = {call}")
            else:
                net.forward()
            if name == "loss":
                net.result([net.weight(i) for i in range(1, net.depth + 1)])
                continue
            s("")
            s.remark("backward pass", "backward", "now go back", "gradients")
            backward_flat(net)
    net.example()


def backward_flat(net: Dense) -> None:
    s, names = net.s, net.names
    top = net.depth
    net.output.gradient(s, names.dpre.format(top), net.late, net.sizes[-1])
    deltas_first = s.maybe(0.25)
    style = s.pick("two", "two", "one", "in place")

    def parameters(i: int) -> None:
        weight_statements(net, i)

    for i in range(top, 0, -1):
        if not deltas_first:
            parameters(i)
        if i > 1:
            delta_statements(net, i - 1, style)
            if s.maybe(0.3):
                s("")
    if deltas_first:
        for i in range(1, top + 1):
            parameters(i)
    gradients = {}
    for i in range(1, top + 1):
        gradients[net.weight(i)] = names.dweight.format(i)
        gradients[net.bias(i)] = names.dbias.format(i)
    net.returned(gradients)


def weight_statements(net: Dense, i: int) -> None:
    """Of one layer: dW and db, with the penalty within the line or on its own."""
    s, names = net.s, net.names
    dz, dw, db = names.dpre.format(i), names.dweight.format(i), names.dbias.format(i)
    a, w = net.act_name(i - 1), net.weight(i)
    over = f" / {net.n}" if net.late else ""
    term, faults = net.penalty_term(w)
    right = net.outer(a, dz)
    inline = bool(term) and s.maybe()
    tail = term if inline else ""
    wrong = [("G701", f"{net.outer(a, dz, transposed=True)}{over}{tail}")]
    if i > 1:
        wrong.append(("G703", f"{net.outer(net.pre(i - 1), dz)}{over}{tail}"))
        wrong.append(("G703", f"{net.outer(net.act_name(i - 2), dz)}{over}{tail}"))
    if i < net.depth:
        wrong.append(("G703", f"{net.outer(net.act_name(i), dz)}{over}{tail}"))
    if net.late:
        wrong += [("G201", right + tail), ("G203", f"{right} / {a}.shape[{1 - net.samples}]{tail}")]
        wrong.append(("G202", f"{right} / {net.n}**2{tail}"))
    elif net.output.averaged:
        wrong.append(("G202", f"{right} / {net.n}{tail}"))
    if inline:
        wrong += [(code, f"{right}{over}{text}") for code, text in faults]
        if i > 1:
            wrong.append(("G304", right + over + term.replace(w, net.weight(i - 1))))
    wrong.append(("G205", f"-{right}{over}{tail}"))
    wrong.append(("G107", f"np.zeros_like({w})"))
    s(f"{dw} = {right}{over}{tail}", *((code, f"{dw} = {text}") for code, text in wrong))
    if term and not inline:
        texts = [(code, f"{dw} +={text[2:]}" if text[1:2] == "+" else f"{dw} -={text[2:]}")
                 for code, text in faults if text]  # fmt: skip
        s(f"{dw} +={term[2:]}", ("G301", OMITTED), *texts)
    total = net.total(dz)
    more = [(code, f"{db} = {text}{over}") for code, text in net.bias_faults(dz, total)]
    if net.late:
        more.append(("G201|G601", f"{db} = {total}"))
    if term:
        more.append(("G304", f"{db} = {total}{over}{term.replace(w, net.bias(i))}"))
    s(f"{db} = {total}{over}", *more)


def delta_statements(net: Dense, i: int, style: str) -> None:
    """From the pre-activation gradient of layer i + 1 to that of layer i."""
    s, names = net.s, net.names
    above, da, dz = names.dpre.format(i + 1), names.dact.format(i), names.dpre.format(i)
    w, z, a = net.weight(i + 1), net.pre(i), net.act_name(i)
    right = net.back(above, w)
    wrong = [("G702", net.back(above, w, wrong=True))]
    if i + 2 <= net.depth:
        wrong.append(("G703", net.back(above, net.weight(i + 2))))
    wrong.append(("G703", net.back(above, net.weight(i))))
    dw = names.dweight.format(i + 1)
    # Only where dW exists already: the weight is updated before it is used.
    known = any(st.right.startswith(f"{dw} =") for st in s.statements)
    if known:
        wrong.append(("G804", net.back(above, f"({w} - 0.1 * {dw})")))
    fill = {"z": z, "a": a}
    slope = net.slope.format(**fill)
    faults = [(code, text.format(**fill)) for code, text in net.act.wrong]
    if net.act.name == "relu":
        other = net.pre(i - 1) if i > 1 else net.pre(i + 1)
        faults.append(("G404", f"({other} > 0)"))
    if not slope:
        s(f"{dz} = {right}", *((code, f"{dz} = {text}") for code, text in wrong))
        return
    if style == "one":
        wrap = grouped(right)
        s(
            f"{dz} = {wrap} * {slope}",
            *((code, f"{dz} = {grouped(text)} * {slope}") for code, text in wrong),
            *((code, f"{dz} = {wrap} * {text}") for code, text in faults),
            ("G401", f"{dz} = {right}"),
        )
        return
    if style == "in place":
        s(f"{dz} = {right}", *((code, f"{dz} = {text}") for code, text in wrong))
        if net.act.name == "relu":
            s(
                f"{dz}[{s.pick(a, z)} <= 0] = 0",
                ("G401", OMITTED),
                ("G404", f"{dz}[{z} > 0] = 0"),
                ("G404", f"{dz}[{dz} <= 0] = 0"),
            )
            return
        s(
            f"{dz} *= {bare(slope)}",
            ("G401", OMITTED),
            ("G405", f"{dz} = {bare(slope)}"),
            *((code, f"{dz} *= {bare(text)}") for code, text in faults),
        )
        return
    s(f"{da} = {right}", *((code, f"{da} = {text}") for code, text in wrong))
    if net.act.name == "relu":
        faults.append(("G404", f"({da} > 0)"))
    s(
        f"{dz} = {da} * {slope}",
        *((code, f"{dz} = {da} * {text}") for code, text in faults),
        ("G401", f"{dz} = {da}"),
        ("G405", f"{dz} = {bare(slope)}"),
    )


def expression(s: Sheet) -> None:
    """One layer, its gradient in one returned expression."""
    net = Dense(s, (1,))
    net.flat_bias = net.layout != "columns"
    net.penalty = ""
    kind = s.pick("one-hot", "bce", "mse")
    outputs = 1 if kind != "one-hot" else s.random.randint(3, 4)
    net.sizes[-1] = outputs
    o = net.output
    net.output = Output(kind, "half mean" if kind == "mse" else "mean", o.z, o.y, o.n, o.axis)
    net.head()
    for name in ("loss", "gradient"):
        with s.function(net.signature(name)):
            net.count()
            net.forward()
            if name == "loss":
                net.result([net.weight(1)])
                continue
            y, n, p = net.y, net.n, net.output.p
            w, b = net.weight(1), net.bias(1)

            def both(first: str, second: str, w: str = w, b: str = b) -> str:
                return f'return {{"{w}": {first}, "{b}": {second}}}'

            def of(error: str) -> tuple[str, str]:
                return net.outer("X", f"({error})"), net.total(f"({error})")

            net.product = "@" if net.product == "einsum" else net.product
            first, second = of(f"{p} - {y}")
            minus = of(f"{y} - {p}")
            turned = net.outer("X", f"({p} - {y})", transposed=True)
            s(
                both(f"{first} / {n}", f"{second} / {n}"),
                ("G205", both(f"{minus[0]} / {n}", f"{minus[1]} / {n}")),
                ("G201", both(first, second)),
                ("G201|G601", both(f"{first} / {n}", second)),
                ("G204", both(f"2 * {first} / {n}", f"2 * {second} / {n}")),
                ("G203", both(f"{first} / X.size", f"{second} / X.size")),
                ("G701", both(f"{turned} / {n}", f"{second} / {n}")),
                ("G601", both(f"{first} / {n}", f"{second.replace('sum', 'mean')} / {n}")),
            )
    net.example()


def loops(s: Sheet) -> None:
    """Layers in lists, forward and backward as loops."""
    net = Dense(s, (2, 3, 3, 4))
    net.penalty = s.pick("", "half")
    net.product = "@" if net.product == "einsum" else net.product
    layers = range(1, net.depth + 1)
    net.head()
    ws, bs = s.pick(("Ws", "bs"), ("weights", "biases"), ("params_W", "params_b"))
    o = net.output
    net.output = Output(o.kind, o.reduction, s.pick("zs[-1]", "scores"), o.y, o.n, o.axis)
    delta = s.pick("delta", "dz", "dout", "grad")

    def lists() -> None:
        s(f"{ws} = [{', '.join(map(net.weight, layers))}]")
        s(f"{bs} = [{', '.join(map(net.bias, layers))}]")

    def forward() -> None:
        s("activations, zs = [X], []")
        with s.block(f"for W, b in zip({ws}, {bs}):"):
            s(f"zs.append({net.linear('activations[-1]', 'W', 'b')})")
            s(f"activations.append({net.act.call.format(z='zs[-1]', a='')})")
        if net.output.z == "scores":
            s("scores = zs[-1]")

    with s.function(net.signature("loss")):
        net.count()
        lists()
        forward()
        net.result([net.weight(i) for i in layers])
    with s.function(net.signature("gradient")):
        net.count()
        lists()
        forward()
        s("")
        net.output.gradient(s, delta, net.late, net.sizes[-1])
        s("dWs, dbs = {}, {}")
        over = f" / {net.n}" if net.late else ""
        term, faults = net.penalty_term(f"{ws}[l]")
        right = net.outer("activations[l]", delta)
        total = net.total(delta)
        back = net.back(delta, f"{ws}[l]")
        fill = {"z": "zs[l - 1]", "a": "activations[l]"}
        slope = net.slope.format(**fill)
        slopes = [(code, text.format(**fill)) for code, text in net.act.wrong]
        turned = net.outer("activations[l]", delta, transposed=True)
        with s.block(f"for l in reversed(range({net.depth})):"):
            s(
                f"dWs[l] = {right}{over}{term}",
                ("G703", f"dWs[l] = {net.outer('zs[l - 1]', delta)}{over}{term}"),
                ("G701", f"dWs[l] = {turned}{over}{term}"),
                *((code, f"dWs[l] = {right}{over}{text}") for code, text in faults),
                *([("G201", f"dWs[l] = {right}{term}")] if net.late else []),
            )
            s(
                f"dbs[l] = {total}{over}",
                *((code, f"dbs[l] = {t}{over}") for code, t in net.bias_faults(delta, total)),
            )
            with s.block("if l > 0:"):
                below = net.back(delta, f"{ws}[l - 1]")
                turned = net.back(delta, f"{ws}[l]", wrong=True)
                early = net.back(delta, f"({ws}[l] - 0.1 * dWs[l])")
                if slope:
                    whole = grouped(back)
                    s(
                        f"{delta} = {whole} * {slope}",
                        ("G401", f"{delta} = {back}"),
                        ("G405", f"{delta} = {bare(slope)}"),
                        ("G703", f"{delta} = {grouped(below)} * {slope}"),
                        ("G702", f"{delta} = {grouped(turned)} * {slope}"),
                        ("G804", f"{delta} = {grouped(early)} * {slope}"),
                        *((code, f"{delta} = {whole} * {text}") for code, text in slopes),
                    )
                else:
                    s(
                        f"{delta} = {back}",
                        ("G702", f"{delta} = {turned}"),
                        ("G703", f"{delta} = {below}"),
                    )
        gradients = {net.weight(i): f"dWs[{i - 1}]" for i in layers}
        net.returned(gradients | {net.bias(i): f"dbs[{i - 1}]" for i in layers})
    net.example()


def layers(s: Sheet) -> None:
    """Forward and backward functions of layers, with caches."""
    net = Dense(s, (2, 2, 3))
    net.penalty = s.pick("", "half", "lam")
    net.late = False
    if not net.slope:
        net.act = ACTIVATIONS["relu"]
        net.slope = net.act.slopes[0]
    net.head()
    prefix = s.pick("affine", "linear", "fc", "dense")
    act = net.act.name
    g = s.pick("dout", "g", "upstream")
    cached = s.pick("x", "z")
    with s.function(f"def {prefix}_forward(x, w, b):"):
        s(f"return {net.linear('x', 'w', 'b')}, (x, w)")
    with s.function(f"def {prefix}_backward({g}, cache):"):
        s("x, w = cache")
        s(f"dx = {net.back(g, 'w')}", ("G702", f"dx = {net.back(g, 'w', wrong=True)}"))
        s(f"dw = {net.outer('x', g)}", ("G701", f"dw = {net.outer('x', g, transposed=True)}"))
        total = net.total(g)
        s(f"db = {total}", *((c, f"db = {t}") for c, t in net.bias_faults(g, total)))
        s("return dx, dw, db")
    with s.function(f"def {act}_forward({cached}):"):
        s(f"out = {net.act.call.format(z=cached, a='out')}")
        s(f"return out, ({cached}, out)")
    with s.function(f"def {act}_backward({g}, cache):"):
        s(f"{cached}, out = cache")
        fill = {"z": cached, "a": "out"}
        s(
            f"return {g} * {net.slope.format(**fill)}",
            ("G401", f"return {g}"),
            ("G405", f"return {net.slope.format(**fill)}"),
            *([("G404", f"return {g} * ({g} > 0)")] if act == "relu" else []),
            *((code, f"return {g} * {text.format(**fill)}") for code, text in net.act.wrong),
        )
    names = net.names
    for name in ("loss", "gradient"):
        with s.function(net.signature(name)):
            net.count()
            below = "X"
            for i in range(1, net.depth + 1):
                cache = f"cache{i}" if name == "gradient" else "_"
                arguments = f"{below}, {net.weight(i)}, {net.bias(i)}"
                s(f"{net.pre(i)}, {cache} = {prefix}_forward({arguments})")
                if i < net.depth:
                    cache = f"act_cache{i}" if name == "gradient" else "_"
                    s(f"{net.act_name(i)}, {cache} = {act}_forward({net.pre(i)})")
                below = net.act_name(i)
            if name == "loss":
                net.result([net.weight(i) for i in range(1, net.depth + 1)])
                continue
            s("")
            net.output.gradient(s, names.dpre.format(net.depth), False, net.sizes[-1])
            gradients = {}
            for i in range(net.depth, 0, -1):
                da = names.dact.format(i - 1) if i > 1 else "_"
                dw, db = names.dweight.format(i), names.dbias.format(i)
                gradients |= {net.weight(i): dw, net.bias(i): db}
                dz, call = names.dpre.format(i), f"{prefix}_backward"
                wrong: list[Wrong] = []
                if i > 1:
                    wrong.append(("G703", f"{da}, {dw}, {db} = {call}({dz}, cache{i - 1})"))
                s(f"{da}, {dw}, {db} = {call}({dz}, cache{i})", *wrong)
                if i > 1:
                    dz = names.dpre.format(i - 1)
                    s(f"{dz} = {act}_backward({da}, act_cache{i - 1})", ("G401", f"{dz} = {da}"))
            if net.penalty:
                for i in range(1, net.depth + 1):
                    term, faults = net.penalty_term(net.weight(i))
                    dw = names.dweight.format(i)
                    s(
                        f"{dw} +={term[2:]}",
                        *((c, f"{dw} {t[1]}={t[2:]}" if t else OMITTED) for c, t in faults),
                    )
            net.returned(gradients)
    net.example()


def samples(s: Sheet) -> None:
    """One sample at a time, sums kept with +=."""
    net = Dense(s, (1, 2, 2, 3))
    net.layout = s.pick("rows", "torch")
    net.samples, net.flat_bias, net.product = 0, True, s.pick("@", "dot")
    net.penalty = s.pick("", "", "half")
    kind = s.pick("one-hot", "mse", "squared sigmoid", "bce")
    o = net.output
    reduction = {"one-hot": "mean", "bce": "mean"}.get(kind, s.pick("half mean", "half sum"))
    net.output = Output(kind, reduction, o.z, o.y, o.n, 1)
    if kind == "one-hot" and net.sizes[-1] == 1:
        net.sizes[-1] = 3
    names, top = net.names, net.depth
    net.head()
    with s.function(net.signature("loss")):
        net.count()
        net.forward()
        net.result([net.weight(i) for i in range(1, top + 1)])
    with s.function(net.signature("gradient")):
        net.count()
        sums = [(net.weight(i), names.dweight.format(i)) for i in range(1, top + 1)]
        sums += [(net.bias(i), names.dbias.format(i)) for i in range(1, top + 1)]
        for value, total in sums:
            s(f"{total} = np.zeros_like({value})")
        averaged = net.output.averaged
        with s.block(f"for k in range({net.n}):", ("G802", "for k in range(1):")):
            x, y = "x", "t"
            s(f"x, t = X[k], {net.y}[k]")
            below = x
            for i in range(1, top + 1):
                w, z = net.weight(i), net.pre(i)
                product = f"{w}.T" if net.layout == "rows" else w
                s(f"{z} = {net.dot(product, below)} + {net.bias(i)}")
                if i < top:
                    s(f"{net.act_name(i)} = {net.activated(i)}")
                below = net.act_name(i)
            delta = names.dpre.format(top)
            p = net.output.p.replace("axis=1", "axis=0")
            if kind == "one-hot":
                z = net.pre(top)
                s(f"p = np.exp({z} - {z}.max())")
                s("p /= p.sum()")
            else:
                s(f"p = {p}")
            slope = " * p * (1 - p)" if kind == "squared sigmoid" else ""
            wrong = [("G205", f"({y} - p){slope}" if slope else f"{y} - p")]
            if slope:
                wrong += [("G502", f"p - {y}"), ("G403", f"(p - {y}) * (1 - p)")]
            elif kind != "mse":
                wrong.append(("G501", f"(p - {y}) * p * (1 - p)"))
            wrong.append(("G204", f"2 * (p - {y}){slope}"))
            core = f"(p - {y}){slope}" if slope else f"p - {y}"
            s(f"{delta} = {core}", *((c, f"{delta} = {t}") for c, t in wrong))
            for i in range(top, 0, -1):
                dz, dw, db = names.dpre.format(i), names.dweight.format(i), names.dbias.format(i)
                below = net.act_name(i - 1) if i > 1 else x
                pair = (below, dz) if net.layout == "rows" else (dz, below)
                outer = f"np.outer({pair[0]}, {pair[1]})"
                s(
                    f"{dw} += {outer}",
                    ("G802", f"{dw} = {outer}"),
                    ("G701", f"{dw} += np.outer({pair[1]}, {pair[0]})"),
                    *(
                        [("G703", f"{dw} += {outer.replace(below, net.pre(i - 1))}")]
                        if i > 1
                        else []
                    ),
                )
                s(f"{db} += {dz}", ("G802|G602", f"{db} = {dz}"), ("G603", f"{db} += {dz}.sum()"))
                if i > 1:
                    w = net.weight(i)
                    product, turned = (w, f"{w}.T") if net.layout == "rows" else (f"{w}.T", w)
                    lower, fill = names.dpre.format(i - 1), {"z": net.pre(i - 1), "a": below}
                    slope = f" * {net.slope.format(**fill)}" if net.slope else ""
                    s(
                        f"{lower} = {net.dot(product, dz)}{slope}",
                        ("G702", f"{lower} = {net.dot(turned, dz)}{slope}"),
                        *([("G401", f"{lower} = {net.dot(product, dz)}")] if slope else []),
                        *(
                            (code, f"{lower} = {net.dot(product, dz)} * {text.format(**fill)}")
                            for code, text in net.act.wrong
                        ),
                    )
        over = f" / {net.n}" if averaged else ""
        if net.penalty:
            for value, total in sums[:top]:
                term, faults = net.penalty_term(value)
                s(
                    f"{total} = {total}{over}{term}",
                    *((code, f"{total} = {total}{over}{text}") for code, text in faults),
                    *([("G201", f"{total} = {total}{term}")] if averaged else []),
                )
            for _, total in sums[top:]:
                if averaged:
                    s(f"{total} = {total}{over}", ("G201|G601", OMITTED))
            net.returned(dict(sums))
        elif averaged:
            table = dict(sums)
            whole = "return {" + ", ".join(f'"{k}": {v} / {net.n}' for k, v in table.items()) + "}"
            plain = "return {" + ", ".join(f'"{k}": {v}' for k, v in table.items()) + "}"
            s(
                whole,
                ("G201", plain),
                ("G203", whole.replace(f"/ {net.n}", "/ X.shape[1]")),
                ("G202", whole.replace(f"/ {net.n}", f"/ {net.n} ** 2")),
            )
        else:
            net.returned(dict(sums))
    net.example()


def classes(s: Sheet) -> None:
    """Layer objects that keep their inputs and gradients."""
    net = Dense(s, (2, 2, 3))
    net.penalty, net.late = "", False
    net.product = "@" if net.product == "einsum" else net.product
    if not net.slope:
        net.act = ACTIVATIONS["tanh"]
        net.slope = net.act.slopes[0]
    net.head()
    layer, unit = s.pick(("Linear", "Act"), ("Dense", "Activation"), ("FullyConnected", "Nonlin"))
    g = s.pick("grad", "dout", "delta", "g")
    s("\n\n")
    with s.block(f"class {layer}:"):
        with s.block("def __init__(self):"):
            s("self.W = self.b = None")
            s("self.dW = self.db = 0")
        s("")
        with s.block("def forward(self, x):"):
            s("self.x = x")
            s(f"return {net.linear('x', 'self.W', 'self.b')}")
        s("")
        with s.block(f"def backward(self, {g}):"):
            right, total = net.outer("self.x", g), net.total(g)
            turned = net.outer("self.x", g, transposed=True)
            s(
                f"self.dW = {right}",
                ("G106", f"self.dW = self.dW + {right}"),
                ("G106", f"self.dW += {right}"),
                ("G701", f"self.dW = {turned}"),
            )
            s(
                f"self.db = {total}",
                ("G106", f"self.db = self.db + {total}"),
                *((code, f"self.db = {text}") for code, text in net.bias_faults(g, total)),
            )
            early = net.back(g, "(self.W - 0.1 * self.dW)")
            s(
                f"return {net.back(g, 'self.W')}",
                ("G702", f"return {net.back(g, 'self.W', wrong=True)}"),
                ("G804", f"return {early}"),
            )
    s("\n\n")
    with s.block(f"class {unit}:"):
        with s.block("def forward(self, x):"):
            s("self.x = x")
            s(f"self.out = {net.act.call.format(z='x', a='')}")
            s("return self.out")
        s("")
        with s.block(f"def backward(self, {g}):"):
            fill = {"z": "self.x", "a": "self.out"}
            s(
                f"return {g} * {net.slope.format(**fill)}",
                ("G401", f"return {g}"),
                *((code, f"return {g} * {text.format(**fill)}") for code, text in net.act.wrong),
            )
    made = ", ".join([f"{layer}(), {unit}()"] * (net.depth - 1) + [f"{layer}()"])
    s("\n\n")
    model = s.pick("net", "model", "layers")
    s(f"{model} = [{made}]")
    with s.function(f"def run(X, {', '.join(net.parameters)}):"):
        for i in range(1, net.depth + 1):
            place = f"{model}[{2 * (i - 1)}]"
            s(f"{place}.W, {place}.b = {net.weight(i)}, {net.bias(i)}")
        s("out = X")
        with s.block(f"for layer in {model}:"):
            s("out = layer.forward(out)")
        s("return out")
    o = net.output
    net.output = Output(o.kind, o.reduction, "scores", o.y, o.n, o.axis)
    for name in ("loss", "gradient"):
        with s.function(net.signature(name)):
            net.count()
            s(f"scores = run(X, {', '.join(net.parameters)})")
            if name == "loss":
                net.result([])
                continue
            net.output.gradient(s, g, False, net.sizes[-1])
            with s.block(f"for layer in reversed({model}):"):
                s(f"{g} = layer.backward({g})")
            gradients = {}
            for i in range(1, net.depth + 1):
                gradients[net.weight(i)] = f"{model}[{2 * (i - 1)}].dW"
                gradients[net.bias(i)] = f"{model}[{2 * (i - 1)}].db"
            net.returned(gradients)
    net.example()


DENSE = {
    "flat": flat,
    "expression": expression,
    "loops": loops,
    "layers": layers,
    "samples": samples,
    "classes": classes,
}

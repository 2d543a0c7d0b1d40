"""Which constant, size or scalar a factor is: named only if it follows the probes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainrule.checking.sizes import Sizes

_EXACT = 1e-7
#: Names of the scalars that dropout uses.
KEEP = re.compile(r"keep|drop|^p$|^q$|rate|prob", re.I)


@dataclass(frozen=True)
class Factor:
    """A factor that has a meaning.

    Attributes
    ----------
    text : str
        As it is written: ``"n"``, ``"-2"``, ``"1/keep"``.
    codes : tuple of str
        The mistakes that it stands for; two for a product of two.
    follows : str
        What it follows: ``"n"``, ``"1/n"``, ``"sizes"``, the ``"root"`` of one, ``"sum"``,
        ``"part"`` of a sum, ``"batch"``, ``"scalar"`` or ``"constant"``.
    meaning : str
        A clause that says what the number is.
    of_sum : bool
        It is also the number of entries that the gradient of a broadcast parameter sums over, or
        one over it.
    """

    text: str
    codes: tuple[str, ...]
    follows: str
    meaning: str
    of_sum: bool = False


_TWOS: tuple[tuple[float, str, tuple[str, ...]], ...] = (
    (1.0, "", ()),
    (-1.0, "-", ("G205",)),
    (2.0, "2·", ("G204",)),
    (0.5, "½·", ("G204",)),
    (-2.0, "-2·", ("G205", "G204")),
    (-0.5, "-½·", ("G205", "G204")),
)


Formula = tuple[str, str, str, str, list[float]]


def name_factor(
    values: Sequence[float],
    sizes: Sequence[Mapping[str, int]],
    scalars: Sequence[Mapping[str, float]],
    symbols: Sizes,
    means: Sequence[Sequence[int]],
    sums: Sequence[Sequence[int]] = (),
    rates: Sequence[float] = (),
    divisors: Sequence[Mapping[str, float]] = (),
    totals: Sequence[Mapping[str, float]] = (),
) -> Factor | None:
    """What a factor is, from its value on every probe; None if nothing follows it.

    Parameters
    ----------
    values : sequence of float
        The factor on each probe.
    sizes : sequence of mapping of str to int
        The sizes of each probe.
    scalars : sequence of mapping of str to float
        The scalar arguments of each probe.
    symbols : Sizes
    means : sequence of sequence of int
        How many elements each mean of the loss runs over, on each probe.
    sums : sequence of sequence of int
        The same for the sums of which gradients of broadcast parameters consist.
    rates : sequence of float
        The numbers by which dropout scales.
    divisors : sequence of mapping of str to float
        What the loss divides by on each probe, such as a sum of weights, by name.
    totals : sequence of mapping of str to float
        What arrays of data sum to on each probe, by name.
    """
    constant = all(_close(value, values[0]) for value in values)
    if constant and _may_be_a_size(values[0], symbols, sizes, means, divisors):
        return None
    if constant:
        for number, sign, codes in _TWOS[1:]:
            if _close(values[0], number):
                text = {"-": "-1", "2·": "2", "½·": "1/2"}.get(sign, sign.rstrip("·"))
                if "G204" in codes and _is_of_means(symbols, sizes, means):
                    said = "also what the loss is a mean over for each sample"
                    return Factor(text, (*codes, "G203"), "constant", said)
                return Factor(text, codes, "constant", "whatever the sizes")
    formulas = [
        *_of_sizes(symbols, sizes, means), *_of_sums(sums), *_of_scalars(scalars, symbols, sizes),
        *_of_divisors(divisors, totals, symbols, sizes), *_of_roots(symbols, sizes),
    ]  # fmt: skip
    for number, sign, codes in _TWOS:
        for text, code, follows, meaning, formula in formulas:
            fits = all(_close(v, number * f) for v, f in zip(values, formula, strict=True))
            if fits and _moves(formula):
                plain = not codes and any(
                    all(_close(v, f) for v, f in zip(values, each[-1], strict=True))
                    for each in _of_sums(sums)
                )
                return Factor(sign + text, (*codes, code), follows, meaning, plain)
    batch = symbols.batch
    if not constant and batch is not None:
        ns = [float(each[batch]) for each in sizes]
        for text, scaled in (
            ("/n", [v * n for v, n in zip(values, ns, strict=True)]),
            ("·n", [v / n for v, n in zip(values, ns, strict=True)]),
        ):
            if all(_close(v, scaled[0]) for v in scaled):
                return Factor(f"{scaled[0]:.6g}{text}", ("G206",), "batch", "n is the batch size")
    if constant:
        for rate in rates:
            for text, number in ((f"{rate:.6g}", rate), (f"1/{rate:.6g}", 1 / rate)):
                if _close(values[0], number):
                    return Factor(text, ("G902",), "scalar", f"{rate:.6g} is dropout's scale")
        part = _part_of_sum(values[0], sums)
        if part is not None:
            return part
        return Factor(f"{values[0]:.6g}", ("G206",), "constant", "whatever the sizes")
    return None


def _is_of_means(
    symbols: Sizes, sizes: Sequence[Mapping[str, int]], means: Sequence[Sequence[int]]
) -> bool:
    """Whether a 2 or ½ may be a size of 2: the loss is a mean over twice as many elements as there
    are samples on every probe.
    """
    n = symbols.batch
    return n is not None and any(
        all(_close(count, 2 * each[n]) for count, each in zip(counts, sizes, strict=True))
        for counts in zip(*means, strict=False)
    )


def _part_of_sum(value: float, sums: Sequence[Sequence[int]]) -> Factor | None:
    """One over a count of entries that stays the same, such as those of an image, where the sums
    run over a multiple of it.
    """
    count = round(1 / value) if 0 < value < 0.4 else 0
    if not count or not _close(1 / value, count) or not sums:
        return None
    if all(any(each % count == 0 for each in counts) for counts in sums):
        said = f"{count} entries enter each sum"
        return Factor(f"1/{count}", ("G203", "G206"), "part", said)
    return None


def _may_be_a_size(
    value: float,
    symbols: Sizes,
    sizes: Sequence[Mapping[str, int]],
    means: Sequence[Sequence[int]],
    divisors: Sequence[Mapping[str, float]],
) -> bool:
    """Whether a constant could as well be a size that does not differ between the probes, or what
    the loss divides by.
    """
    fixed = {s for s in symbols.symbols if len({each[s] for each in sizes}) == 1}
    counts = {float(sizes[0][s]) for s in fixed}
    counts |= {float(a) for a, *rest in zip(*means, strict=False) if all(b == a for b in rest)}
    for name in set.intersection(*(set(each) for each in divisors)) if divisors else ():
        if all(_close(each[name], divisors[0][name]) for each in divisors):
            counts.add(divisors[0][name])
    batch = float(sizes[0][symbols.batch]) if symbols.batch in fixed else None
    if any(_close(abs(value), each) for each in (1.0, 2.0, 0.5)):
        return batch is not None and any(
            _close(abs(value), each) for each in (batch, 1 / batch, batch - 1)
        )
    products = counts | {a * b for a in counts for b in counts}
    return any(
        _close(abs(value), scale * each) or _close(abs(value), scale / each)
        for each in products
        for scale in (1.0, 2.0, 0.5)
    )


def _moves(formula: Sequence[float]) -> bool:
    """Whether it differs between the probes, so that it cannot be taken for a constant."""
    return not all(_close(value, formula[0]) for value in formula[1:])


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= _EXACT * max(abs(a), abs(b), 1e-300)


def _of_sizes(
    symbols: Sizes, sizes: Sequence[Mapping[str, int]], means: Sequence[Sequence[int]]
) -> list[Formula]:
    """The sizes, their inverses, and their products and ratios, the likeliest first."""
    found: list[Formula] = []

    def add(text: str, code: str, follows: str, meaning: str, value: list[float]) -> None:
        found.append((text, code, follows, meaning, value))

    n = symbols.batch
    if n is not None:
        ns = [float(each[n]) for each in sizes]
        add("n", "G201", "n", "n is the batch size", ns)
        add("1/n", "G202", "1/n", "n is the batch size", [1 / v for v in ns])
        for power, code in ((2, "G201"), (-2, "G202")):
            text = "n²" if power > 0 else "1/n²"
            add(text, code, "n" if power > 0 else "1/n", "n is the batch size",
                [v**power for v in ns])  # fmt: skip
        near = "n is the batch size"
        add("n/(n-1)", "G203", "sizes", near, [v / (v - 1) for v in ns])
        add("(n-1)/n", "G203", "sizes", near, [(v - 1) / v for v in ns])
        add("1/(n-1)", "G203", "sizes", near, [1 / (v - 1) for v in ns])
        add("n-1", "G203", "sizes", near, [v - 1 for v in ns])
    for number in range(min((len(each) for each in means), default=0)):
        counts = [float(each[number]) for each in means]
        said = "the loss is a mean over that many elements"
        add("N", "G201", "n", said, counts)
        add("1/N", "G202", "1/n", said, [1 / v for v in counts])
        if n is not None:
            said = f"N is the number of elements that the loss is a mean over, {near}"
            add("N/n", "G203", "sizes", said, [v / m for v, m in zip(counts, ns, strict=True)])
            add("n/N", "G203", "sizes", said, [m / v for v, m in zip(counts, ns, strict=True)])
    others = [symbol for symbol in symbols.symbols if symbol != n]
    for symbol in others:
        vs = [float(each[symbol]) for each in sizes]
        word = "C" if symbol == symbols.classes else "d"
        said = (
            "C is the number of classes"
            if symbol == symbols.classes
            else f"d is a width, {symbols.symbols[symbol]} in your example"
        )
        add(word, "G203", "sizes", said, vs)
        add(f"1/{word}", "G203", "sizes", said, [1 / v for v in vs])
        if n is not None:
            pairs = list(zip(ns, vs, strict=True))
            also = f"n is the batch size and {said}"
            add(f"n·{word}", "G203", "sizes", also, [a * b for a, b in pairs])
            add(f"1/(n·{word})", "G203", "sizes", also, [1 / (a * b) for a, b in pairs])
            add(f"n/{word}", "G203", "sizes", also, [a / b for a, b in pairs])
            add(f"{word}/n", "G203", "sizes", also, [b / a for a, b in pairs])
    for i, first in enumerate(others):
        for second in others[i + 1 :]:
            products = [float(each[first] * each[second]) for each in sizes]
            ratios = [each[first] / each[second] for each in sizes]
            said = "a product or ratio of widths"
            add("d·d'", "G203", "sizes", said, products)
            add("1/(d·d')", "G203", "sizes", said, [1 / v for v in products])
            add("d/d'", "G203", "sizes", said, ratios)
            add("d'/d", "G203", "sizes", said, [1 / v for v in ratios])
    return found


def _of_divisors(
    divisors: Sequence[Mapping[str, float]],
    totals: Sequence[Mapping[str, float]],
    symbols: Sizes,
    sizes: Sequence[Mapping[str, int]],
) -> list[Formula]:
    """What the loss divides by, such as how many entries of a mask count or what weights sum to,
    and its ratios to other counts.
    """
    found: list[Formula] = []
    others: list[tuple[str, str, list[float]]] = []
    names = list(symbols.symbols)
    for i, first in enumerate(names):
        word = "n" if first == symbols.batch else "d"
        others.append((word, "", [float(each[first]) for each in sizes]))
        for second in names[i + 1 :]:
            others.append(("(n·d)", "", [float(each[first] * each[second]) for each in sizes]))
    plain = [counts for _, _, counts in others]
    plain += [[v**0.5 for v in counts] for counts in plain]
    for name in set.intersection(*(set(each) for each in totals)) if totals else ():
        summed = [each[name] for each in totals]
        others.append((f"Σ{name}", f", Σ{name} the sum of {name}", summed))
    for name in set.intersection(*(set(each) for each in divisors)) if divisors else ():
        m = [each[name] for each in divisors]
        if any(not _moves([a / b for a, b in zip(m, each, strict=True)]) for each in plain):
            continue  # a size of its own or its root, up to a number
        said = "m is a sum or count that the loss divides by"
        found.append(("m", "G201", "n", said, m))
        found.append(("1/m", "G202", "1/n", said, [1 / v for v in m]))
        for text, more, counts in others:
            ratios = [a / b for a, b in zip(m, counts, strict=True)]
            found.append((f"m/{text}", "G203", "sizes", said + more, ratios))
    return found


def _of_roots(symbols: Sizes, sizes: Sequence[Mapping[str, int]]) -> list[Formula]:
    """The roots of sizes, by which attention and initialisations scale."""
    found: list[Formula] = []
    for symbol in symbols.symbols:
        word = "n" if symbol == symbols.batch else "d"
        roots = [float(each[symbol]) ** 0.5 for each in sizes]
        said = f"{word} is {symbols.symbols[symbol]} in your example"
        found.append((f"√{word}", "G206", "root", said, roots))
        found.append((f"1/√{word}", "G206", "root", said, [1 / v for v in roots]))
    return found


def _of_sums(sums: Sequence[Sequence[int]]) -> list[Formula]:
    """Over how many entries a gradient is a sum, and the inverse."""
    found: list[Formula] = []
    said = "the gradient is a sum over that many entries"
    for counts in {tuple(map(float, each)) for each in zip(*sums, strict=False)}:
        if not all(counts):
            continue  # such as of rows that no index picks
        found.append(("1/m", "G203", "sum", said, [1 / v for v in counts]))
        found.append(("m", "G203", "sum", said, list(counts)))
    return found


def _of_scalars(
    scalars: Sequence[Mapping[str, float]], symbols: Sizes, sizes: Sequence[Mapping[str, int]]
) -> list[Formula]:
    """The scalar arguments, such as a keep probability or a learning rate."""
    found: list[Formula] = []
    for name in scalars[0] if scalars else ():
        vs = [each[name] for each in scalars]
        if any(v == 0 or v == 1 for v in vs):
            continue
        code = "G902" if all(0 < v < 1 for v in vs) and KEEP.search(name) else "G206"
        said = f"{name} is an argument"
        found.append((name, code, "scalar", said, list(vs)))
        found.append((f"1/{name}", code, "scalar", said, [1 / v for v in vs]))
        found.append((f"(1-{name})", code, "scalar", said, [1 - v for v in vs]))
        found.append((f"1/(1-{name})", code, "scalar", said, [1 / (1 - v) for v in vs]))
        found.append((f"{name}²", code, "scalar", said, [v * v for v in vs]))
        found.append((f"1/{name}²", code, "scalar", said, [1 / (v * v) for v in vs]))
        if symbols.batch is not None:
            ns = [float(each[symbols.batch]) for each in sizes]
            said = f"{said} and n the batch size"
            pairs = list(zip(vs, ns, strict=True))
            found.append((f"{name}·n", code, "scalar", said, [v * m for v, m in pairs]))
            found.append((f"{name}/n", code, "scalar", said, [v / m for v, m in pairs]))
    return found

"""Files drawn by seed from independent choices of network, layout, style, names and mistake."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.generated_layers import LAYERS
from tests.checking.corpus.generated_small import SMALL
from tests.checking.corpus.generated_structures import STRUCTURES
from tests.checking.corpus.generated_styles import DENSE
from tests.checking.corpus.sheet import Sheet, confirmed, truth

WRITERS = {**DENSE, **LAYERS, **STRUCTURES, **SMALL}
SHARES = {"flat": 5, "loops": 3, "layers": 3, "samples": 3, "classes": 2, "careless": 4}
"""How often a kind comes in a round; once where it is not named."""


def generated(count: int = 200, seed: int = 0) -> Iterator[Case]:
    """Files to check, every fourth one right; the same ones at each call.

    Every right file, also the one that a mutant was made from, agrees with central differences to
    1e-6. A mutant's gradient is off by more than 1e-3 of its norm, has the wrong shape, or shows
    the fault of hygiene that its code names. Of the mistakes that a file offers, the one that came
    up least so far is taken.

    Parameters
    ----------
    count : int
    seed : int
        Another one gives other files.
    """
    choice = random.Random(seed)
    taken: Counter[str] = Counter()
    kinds: list[str] = []
    for number in range(count):
        if not kinds:
            kinds = [kind for kind in WRITERS for _ in range(SHARES.get(kind, 1))]
            choice.shuffle(kinds)
        kind = kinds.pop()
        name = f"generated/{number:03d} {kind}"
        true = None
        while true is None:
            sheet = Sheet(choice.randrange(2**31))
            WRITERS[kind](sheet)
            right = sheet.right(name)
            true = truth(right)
        if number % 4 == 3:
            yield right
            continue
        mutants = list(sheet.mutants(name))
        choice.shuffle(mutants)
        mutants.sort(key=lambda case: max(taken[code] for code in case.code.split("|")))
        case = next(found for mutant in mutants if (found := confirmed(mutant, true)))
        taken.update(case.code.split("|"))
        yield case

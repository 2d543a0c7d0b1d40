"""The part of the blind corpus that was held back and judged once, when all mending was done."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_held_layers import held_layers
from tests.checking.corpus.blind_held_models import held_models
from tests.checking.corpus.blind_held_modules import held_modules
from tests.checking.corpus.blind_held_networks import held_networks
from tests.checking.corpus.blind_held_pairs import held_pairs
from tests.checking.corpus.blind_held_sequences import held_sequences
from tests.checking.corpus.case import Case

PARTS = (held_models, held_networks, held_modules, held_layers, held_sequences, held_pairs)


def held() -> Iterator[Case]:
    """All files that are held back, each base followed by what is made of it."""
    for part in PARTS:
        yield from part()

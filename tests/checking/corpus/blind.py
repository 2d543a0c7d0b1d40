"""A corpus written without sight of the checker, by the book of mistakes alone."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_activations import activations
from tests.checking.corpus.blind_classes import classes
from tests.checking.corpus.blind_classifiers import classifiers
from tests.checking.corpus.blind_distances import distances
from tests.checking.corpus.blind_embeddings import embeddings
from tests.checking.corpus.blind_factors import factors
from tests.checking.corpus.blind_images import images
from tests.checking.corpus.blind_networks import networks
from tests.checking.corpus.blind_normalisation import normalisation
from tests.checking.corpus.blind_regression import regression
from tests.checking.corpus.blind_sequences import sequences
from tests.checking.corpus.blind_statistics import statistics
from tests.checking.corpus.blind_structures import structures
from tests.checking.corpus.blind_unusual import unusual
from tests.checking.corpus.case import Case

PARTS = (
    regression,
    classifiers,
    networks,
    classes,
    activations,
    structures,
    normalisation,
    images,
    sequences,
    embeddings,
    factors,
    distances,
    statistics,
    unusual,
)


def blind() -> Iterator[Case]:
    """All files but those that are held back, each base followed by what is made of it."""
    for part in PARTS:
        yield from part()

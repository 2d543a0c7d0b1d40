"""A corpus written without sight of the checker, by the book of mistakes alone."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_activations import activations
from tests.checking.corpus.blind_classes import classes
from tests.checking.corpus.blind_classifiers import classifiers
from tests.checking.corpus.blind_networks import networks
from tests.checking.corpus.blind_regression import regression
from tests.checking.corpus.blind_structures import structures
from tests.checking.corpus.case import Case


def blind() -> Iterator[Case]:
    """All files but those that are held back, each base followed by what is made of it."""
    for part in (regression, classifiers, networks, classes, activations, structures):
        yield from part()

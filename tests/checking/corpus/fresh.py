"""Fresh files, written without a look at the check: all of them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_chains import chains
from tests.checking.corpus.fresh_forms import forms
from tests.checking.corpus.fresh_hygiene import hygiene
from tests.checking.corpus.fresh_images import images
from tests.checking.corpus.fresh_layers import layers
from tests.checking.corpus.fresh_likelihoods import likelihoods
from tests.checking.corpus.fresh_margins import margins
from tests.checking.corpus.fresh_models import models
from tests.checking.corpus.fresh_networks import networks
from tests.checking.corpus.fresh_regressions import regressions
from tests.checking.corpus.fresh_sequences import sequences
from tests.checking.corpus.fresh_structures import structures


def fresh() -> Iterator[Case]:
    """Every fresh file, right and wrong."""
    yield from networks()
    yield from layers()
    yield from sequences()
    yield from chains()
    yield from images()
    yield from margins()
    yield from likelihoods()
    yield from regressions()
    yield from models()
    yield from forms()
    yield from structures()
    yield from hygiene()

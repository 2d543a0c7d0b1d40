"""Files as students of courses hand them in, by a writer who has not looked at the check.

Arguments and gradients come in order as often as by name. Every second program has been read for
a change of the check since it was first counted; the others are kept apart for judging: their count
is read, never the files.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_layers import layers
from tests.checking.corpus.handed_in_networks import networks
from tests.checking.corpus.handed_in_objects import objects
from tests.checking.corpus.handed_in_pairs import pairs
from tests.checking.corpus.handed_in_pictures import pictures
from tests.checking.corpus.handed_in_regressions import regressions
from tests.checking.corpus.handed_in_sequences import sequences

#: Programs that have been read.
_READ = frozenset(
    {
        "ng-logistic",
        "cs231n-softmax-naive",
        "cs231n-twolayer",
        "makemore-manual",
        "cs189-model",
        "nn-from-scratch",
        "minchar-rnn",
        "embedding-average",
        "layernorm-gelu",
        "attention-head",
        "gram-style",
        "siamese",
        "tied-autoencoder",
        "logistic-outlier",
        "layer-classes",
        "loop-layers-square",
        "broadcast-mlp",
        "beginner-loops",
        "avgpool-conv",
        "dlai-dropout",
        "micrograd",
        "sgns",
        "tied-bigram",
        "four-relus",
        "maxpool-linear",
        "bn-columns",
        "stale-default",
        "manual-three-hidden",
        "bn-dropout-mlp",
        "columns-mse-m1",
        "softmax-bigscores",
    }
)


def handed_in() -> Iterator[Case]:
    """The files that have been read since, right and wrong."""
    yield from (case for case in _written() if _program(case) in _READ)


def handed_in_kept() -> Iterator[Case]:
    """Those that nobody has read for a change."""
    yield from (case for case in _written() if _program(case) not in _READ)


def _program(case: Case) -> str:
    return case.name.removeprefix("handed-in-").split("/")[0]


def _written() -> Iterator[Case]:
    yield from regressions()
    yield from networks()
    yield from layers()
    yield from pictures()
    yield from sequences()
    yield from pairs()
    yield from objects()

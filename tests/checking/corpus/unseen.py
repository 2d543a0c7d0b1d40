"""Unseen files, kept apart for judging only.

Whoever writes them has not looked at the check, and whoever changes the check does not look at
what it misses here: the count is read, never the files. A file that has been read for a change
belongs in another corpus from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_adjoints import adjoints
from tests.checking.corpus.unseen_attention import attention
from tests.checking.corpus.unseen_classifiers import classifiers
from tests.checking.corpus.unseen_dense import dense
from tests.checking.corpus.unseen_embeddings import embeddings
from tests.checking.corpus.unseen_layers import layers
from tests.checking.corpus.unseen_likelihoods import likelihoods
from tests.checking.corpus.unseen_objects import objects
from tests.checking.corpus.unseen_pairs import pairs
from tests.checking.corpus.unseen_physics import physics
from tests.checking.corpus.unseen_pictures import pictures
from tests.checking.corpus.unseen_recursions import recursions
from tests.checking.corpus.unseen_sequences import sequences

#: Programs that were called wrong or left undecided though they are right, and read for that.
_READ = ("unseen-ordered-categories", "unseen-risk-parity")


def unseen() -> Iterator[Case]:
    """The files that nobody has read for a change, right and wrong: every second program."""
    yield from (case for number, case in _numbered() if number % 2 and not _is_read(case))


def seen_since() -> Iterator[Case]:
    """Those that have been read after their first count."""
    yield from (case for number, case in _numbered() if not number % 2 or _is_read(case))


def _is_read(case: Case) -> bool:
    return case.name.startswith(_READ)


def _numbered() -> Iterator[tuple[int, Case]]:
    """The files with the numbers of their programs."""
    programs = groupby(_written(), key=lambda case: case.name.split("/")[0])
    for number, (_, cases) in enumerate(programs):
        yield from ((number, case) for case in cases)


def _written() -> Iterator[Case]:
    yield from dense()
    yield from layers()
    yield from pictures()
    yield from sequences()
    yield from attention()
    yield from recursions()
    yield from adjoints()
    yield from likelihoods()
    yield from classifiers()
    yield from embeddings()
    yield from pairs()
    yield from physics()
    yield from objects()

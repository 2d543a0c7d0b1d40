"""What goes wrong in a search, said in one or two sentences with the cure."""

from __future__ import annotations

from chainrule.engine.errors import ChainruleError


class SearchError(ChainruleError):
    """A space, strategy, objective, store or specification that cannot be used."""

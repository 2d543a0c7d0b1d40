"""What the name of an argument says about it, where nothing else does."""

from __future__ import annotations

import re

_DATA = re.compile(
    r"^(x|y|t|z|a|xs|ys|x_.*|y_.*|.*_x|.*_y|xb|yb|.*batch.*|data.*|inputs?|images?|features?|"
    r"targets?|labels?|one_?hot.*|.*mask.*|train.*|test.*|h0|h_?init.*|c0|eps|noise.*|.*cache.*)$",
    re.I,
)
#: The first line: words that begin as parameters do, such as of a memory's keys and values.
_PARAMETER = re.compile(
    r"^(?!(bag|bar|bid|bin|bit|box|key|kind|unit|use|user|val|var|vec|view|vote|way)s?$)"
    r"((w|b|v|u|k|theta|beta|gamma|weights?|bias(es)?|kernels?|emb.*|[wbuvk]_?[a-z0-9]{1,3})$"
    r"|(w|b|bias|weights?|gamma|beta|theta)_\w*$|(bias|weights?|gamma|beta|theta)\w*$|(?-i:[WU])\w*$)",
    re.I,
)
_PENALTY = re.compile(
    r"^(lam|lambda|lmbda?|lmbd|reg|l2|weight_?decay|wd|decay|penalty|ridge)", re.I
)


def number_of(name: str) -> str:
    """The number that a name ends in, such as 1 for ``W1``; empty for a name without one."""
    return name[len(name.rstrip("0123456789")) :]


def sounds_like_data(name: str) -> bool:
    """Whether data are called so."""
    return _DATA.match(name) is not None


def sounds_like_parameter(name: str) -> bool:
    """Whether parameters are called so."""
    return _PARAMETER.match(name) is not None


def sounds_like_penalty(name: str) -> bool:
    """Whether the weight of a penalty is called so."""
    return _PENALTY.match(name) is not None

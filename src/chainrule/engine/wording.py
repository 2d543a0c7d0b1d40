"""Numbers with their nouns, for messages and reports."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun; the plural has an s where none is given.

    >>> counted(1, "trial"), counted(1200, "trial"), counted(0, "batch", "batches")
    ('1 trial', '1,200 trials', '0 batches')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def counted_were(number: int, noun: str) -> str:
    """Return a number and its noun as the subject of what happened to them.

    >>> counted_were(1, "file"), counted_were(2, "file")
    ('1 file was', '2 files were')
    """
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'}"

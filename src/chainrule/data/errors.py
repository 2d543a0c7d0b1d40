"""The errors of the data room."""


class DataError(ValueError):
    """Data are missing, damaged or wrong; the message names them and the cure."""


class Unavailable(DataError):
    """No mirror gave a file; the message lists each address with its reason."""

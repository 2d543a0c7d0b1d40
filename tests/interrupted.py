"""The command line with a data set and weights that a loopback server holds, as a script.

``python -m tests.interrupted ADDRESS WORDS…`` replaces MNIST by one file of that address, and the
weights of VGG19 too; the words are those of ``chainrule``.
"""

from __future__ import annotations

import hashlib
import sys

from chainrule.cli import main
from chainrule.data import storage
from chainrule.data.download import CHUNK
from chainrule.data.registry import DataSet, Form, RemoteFile

#: Two of the pieces in which a download is kept.
CONTENT = bytes(range(256)) * (2 * CHUNK // 256)
NAME = "file.gz"


def replace_addresses(address: str) -> None:
    """Let everything that is downloaded come from one address."""
    from chainrule.vision.weights_registry import WEIGHTS, Weights, WholeFile

    form = Form(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    file = RemoteFile("train", form, form, (), (address,))
    storage.DATA_SETS = {"mnist": DataSet("mnist", "Tiny", (file,))}
    WEIGHTS["vgg19"] = Weights("vgg19", "vgg19", "MIT", WholeFile(form, (address,)))


if __name__ == "__main__":
    replace_addresses(sys.argv.pop(1))
    sys.exit(main())

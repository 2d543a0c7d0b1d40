"""Training: batches, the loop, its history, checkpoints, and many networks at once."""

from chainrule.training.batches import Batches
from chainrule.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from chainrule.training.errors import CheckpointError, NonFiniteLoss
from chainrule.training.history import History
from chainrule.training.loop import Progress, Result, fit
from chainrule.training.many import Many, train_many
from chainrule.training.stopping import EarlyStopping

__all__ = [
    "Batches",
    "Checkpoint",
    "CheckpointError",
    "EarlyStopping",
    "History",
    "Many",
    "NonFiniteLoss",
    "Progress",
    "Result",
    "fit",
    "load_checkpoint",
    "save_checkpoint",
    "train_many",
]

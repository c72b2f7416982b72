"""Training hypernetworks on a frozen base model: ``train`` is the whole of it."""

from inference.engine.training.datasets import Dataset, read_dataset
from inference.engine.training.errors import TrainingError
from inference.engine.training.options import PRESETS, TrainingOptions
from inference.engine.training.run import Progress, TrainingResult, train

__all__ = [
    "PRESETS",
    "Dataset",
    "Progress",
    "TrainingError",
    "TrainingOptions",
    "TrainingResult",
    "read_dataset",
    "train",
]

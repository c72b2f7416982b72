from inference.models.base_model import BaseModel
from inference.models.grid import BasePicture, Cell, PreviewGrid
from inference.models.prompt import OwnPrompt, SuitePrompt

__all__ = ["BaseModel", "BasePicture", "Cell", "OwnPrompt", "PreviewGrid", "SuitePrompt"]

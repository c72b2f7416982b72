"""Why a base model does not load: one type each, with its data and a sentence."""

from pathlib import Path


class BaseModelError(Exception):
    """Base of all of them; `str(error)` says what is wrong and what to do."""


class BaseNotFound(BaseModelError):
    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"There is no base model at {path}. Correct the path, or copy it there.")


class PickledCheckpoint(BaseModelError):
    """A .ckpt can run code when it is opened, so it never is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        target = path.with_suffix(".safetensors").name
        super().__init__(
            f"{path.name} is a pickle, which can run anything when it is read. Convert it once, on "
            "a machine that you can afford to lose: python -c 'import torch; from "
            "safetensors.torch import save_file; d = torch.load("
            f'"{path.name}", map_location="cpu", weights_only=True); '
            'd = d.get("state_dict", d); save_file({k: v.contiguous() for k, v in d.items() '
            f'if isinstance(v, torch.Tensor)}}, "{target}")\', and give the path of {target}.'
        )


class UnknownLayout(BaseModelError):
    """Neither a diffusers folder nor a checkpoint of Stable Diffusion 1.x or 2.x."""

    def __init__(self, path: Path, found: str) -> None:
        self.path, self.found = path, found
        super().__init__(
            f"{path.name} is no base model of Stable Diffusion 1.x or 2.x: {found}. Give a "
            "diffusers folder (with model_index.json) or a .safetensors checkpoint."
        )


class WrongFamily(BaseModelError):
    def __init__(self, path: Path, *, expected: str, found: str) -> None:
        self.path, self.expected, self.found = path, expected, found
        names = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL"}
        super().__init__(
            f"{path.name} is {names.get(found, found)}, but it was registered as "
            f"{names.get(expected, expected)}. Correct the family, or the path."
        )


class WeightsMissing(BaseModelError):
    """`names` are the missing tensors or files of one part."""

    def __init__(self, path: Path, *, part: str, names: list[str]) -> None:
        self.path, self.part, self.names = path, part, names
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        super().__init__(
            f"The {part} of {path.name} is not whole: {shown} missing. Copy the model again, or "
            "use a complete one (with UNet, VAE and text encoder)."
        )


class WeightsBroken(BaseModelError):
    def __init__(self, path: Path, *, part: str, reason: str) -> None:
        self.path, self.part, self.reason = path, part, reason
        super().__init__(
            f"The {part} of {path.name} cannot be used: {reason}. Copy the model again."
        )


class PredictionUnknown(BaseModelError):
    """SD 2.x in one file: what the UNet predicts is written nowhere in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"Say what {path.name} predicts: “epsilon” (SD 2.x base, 512 px) or “v_prediction” "
            "(768 px). Its file does not, and the wrong one gives noise."
        )


class TokenizerMissing(BaseModelError):
    def __init__(self, path: Path, *, tokens: int) -> None:
        self.path, self.tokens = path, tokens
        super().__init__(
            f"The text encoder of {path.name} knows {tokens} tokens, which are not CLIP's 49408. "
            "Put the folder `tokenizer` that belongs to it (vocab.json, merges.txt) beside it."
        )

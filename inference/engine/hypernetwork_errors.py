"""Why a hypernetwork cannot be applied: one type each, with its data and a sentence.

Each of them stands for a picture that would otherwise silently be the base model's, or noise.
"""

from collections.abc import Iterable, Sequence


class HypernetworkError(Exception):
    """Base of all of them; `str(error)` says what is wrong and what to do."""


class UnreadableHypernetwork(HypernetworkError):
    """The reader's refusal is the `__cause__`."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"The hypernetwork “{name}” cannot be read: {reason}")


class UnknownActivation(HypernetworkError):
    def __init__(self, name: str, activation: str) -> None:
        self.name, self.activation = name, activation
        super().__init__(
            f"The hypernetwork “{name}” wants the activation “{activation}”, which torch does not "
            "have (or not for such layers). Correct `activation_func` in the file."
        )


class NoMatchingWidth(HypernetworkError):
    """No attention of the UNet has a context as wide as any of the network's layers."""

    def __init__(self, name: str, *, widths: Iterable[int], of_unet: Iterable[int]) -> None:
        self.name = name
        self.widths, self.of_unet = tuple(sorted(widths)), tuple(sorted(of_unet))
        super().__init__(
            f"The hypernetwork “{name}” is for contexts of {_listed(self.widths)}, but this base "
            f"model has {_listed(self.of_unet)}: it would change nothing. Choose a base model of "
            "the family that it was trained on."
        )


class NotANumber(HypernetworkError):
    """Weights, or what came of them, are NaN or infinite."""

    def __init__(self, names: Sequence[str], *, where: str) -> None:
        self.names, self.where = tuple(names), where
        several = "s" if len(self.names) > 1 else ""
        quoted = ", ".join(f"“{name}”" for name in self.names)
        super().__init__(
            f"The hypernetwork{several} {quoted} gave {where} that are not finite. Use a smaller "
            "multiplier, or full precision; if that does not help, the file is broken."
        )


class UnknownAttention(HypernetworkError):
    """`site` is the attention's name in the UNet."""

    def __init__(self, site: str) -> None:
        self.site = site
        super().__init__(
            f"The attention {site} of this UNet is of a kind that Stable Diffusion 1.x and 2.x do "
            "not have: hypernetworks cannot be applied to it."
        )


class WrongMultipliers(HypernetworkError):
    def __init__(self, name: str, *, given: int, batch: int) -> None:
        self.name, self.given, self.batch = name, given, batch
        super().__init__(
            f"{given} multipliers are given for “{name}”, but the batch has {batch} rows: one for "
            "each is needed, unconditional rows included."
        )


def _listed(widths: Sequence[int]) -> str:
    numbers = [str(width) for width in widths]
    if not numbers:
        return "no width at all"
    return " and ".join(filter(None, (", ".join(numbers[:-1]), numbers[-1])))

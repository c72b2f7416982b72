"""What networks make of a context: x + m·f(x), one network after the other, a number m per row.

Everything that one `hypernetworks_on` shares between its attention sites is here: f of the text
states is computed once for all sites, steps and strengths, because
to_k(c + m·f(c)) = to_k(c) + m·(to_k without its bias)(f(c)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from inference.engine.hypernetwork import Affine, Hypernetwork, NotANumber, WrongMultipliers

Half = Callable[[Tensor], Tensor]


class Applied:
    """One network in one batch: its multipliers as numbers and, when first needed, as a tensor."""

    def __init__(self, network: Hypernetwork, multipliers: Tensor) -> None:
        self.network = network
        self.numbers: list[float] = multipliers.reshape(-1).tolist()
        self._column: Tensor | None = None

    @property
    def is_off(self) -> bool:
        return not any(self.numbers)

    def column(self, like: Tensor) -> Tensor:
        """(batch, 1, 1), where and as `like` is."""
        if self._column is None or (self._column.device, self._column.dtype) != (
            like.device,
            like.dtype,
        ):
            self._column = like.new_tensor(self.numbers)[:, None, None]
        return self._column

    def require_rows(self, batch: int) -> None:
        if len(self.numbers) != batch:
            raise WrongMultipliers(self.network.name, given=len(self.numbers), batch=batch)

    def added(self, x: Tensor, f: Half, pictures: Sequence[int] | None) -> Tensor:
        """x + m·f(x); rows of multiplier 0 stay what they are, to the bit."""
        rows = [row for row, number in enumerate(self.numbers) if number]
        if not rows:
            return x
        if self.network.mixes_rows:
            return self._added_by_picture(x, f, pictures or [0] * len(x))
        m = self.column(x)
        if len(rows) == len(x):
            return torch.addcmul(x, f(x), m)
        out = x.clone()
        if rows[-1] - rows[0] + 1 == len(rows):
            part = slice(rows[0], rows[-1] + 1)
            out[part].addcmul_(f(x[part]), m[part])
        else:
            some = torch.tensor(rows, device=x.device)
            out[some] = torch.addcmul(x[some], f(x[some]), m[some])
        return out

    def _added_by_picture(self, x: Tensor, f: Half, pictures: Sequence[int]) -> Tensor:
        """f of each picture's rows alone: what its neighbours are must not change it."""
        out, m = x.clone(), self.column(x)
        for picture in dict.fromkeys(pictures):
            rows = [row for row, of in enumerate(pictures) if of == picture]
            if any(self.numbers[row] for row in rows):
                some = torch.tensor(rows, device=x.device)
                out[some] = torch.addcmul(x[some], f(x[some]), m[some])
        return out


class Seen:
    """A tensor as it was: equal to itself until it is written to."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._writes = 0 if tensor.is_inference() else tensor._version

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Seen)
            and self._tensor is other._tensor
            and self._writes == other._writes
        )

    __hash__ = None  # type: ignore[assignment]  # nothing to look up by


@dataclass
class _Text:
    """A context tensor, its distinct rows, and f of them; `of` tells each row's place in `rows`."""

    seen: Seen
    rows: Tensor
    of: Tensor
    bent: tuple[Tensor, Tensor] | None = None


class Bending:
    """All networks of one `hypernetworks_on`, in prompt order."""

    def __init__(
        self, applied: Sequence[Applied], *, folds: bool, pictures: Sequence[int] | None
    ) -> None:
        self._applied, self._folds, self._pictures = applied, folds, pictures
        self._text: _Text | None = None

    def bent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (batch, tokens, width) as keys and as values are made of it."""
        for_k = for_v = x
        for applied in self._of_width(x):
            f_k, f_v = self._halves(applied.network, x)
            for_k = applied.added(for_k, f_k, self._pictures)
            for_v = applied.added(for_v, f_v, self._pictures)
        return for_k, for_v

    def projected(self, context: Tensor, to_k: Any, to_v: Any) -> tuple[Tensor, Tensor]:
        """to_k and to_v of a bent context, each distinct row of it once."""
        applied = self._of_width(context)
        text = self._known(context)
        if not applied:
            return to_k(text.rows)[text.of], to_v(text.rows)[text.of]
        one = applied[0]
        if len(applied) == 1 and not one.network.mixes_rows:
            if text.bent is None:
                text.bent = self._finite(self._both(one.network, text.rows))
            return (
                _mixed(to_k, text, text.bent[0], one),
                _mixed(to_v, text, text.bent[1], one),
            )
        if text.bent is None:  # of several networks: every row by itself
            text.bent = self._finite(self.bent(context))
        return to_k(text.bent[0]), to_v(text.bent[1])

    def folded_at(self, to_k: Any, to_v: Any) -> FoldedSite | None:
        """For a site that one affine network bends, its products; None where that is not so."""
        applied = [one for one in self._applied if to_k.in_features in one.network.heads]
        if not self._folds or len(applied) != 1 or not applied[0].network.affine:
            return None
        return FoldedSite(applied[0], to_k, to_v)

    def _of_width(self, x: Tensor) -> list[Applied]:
        found = [one for one in self._applied if x.shape[-1] in one.network.heads]
        for one in found:
            one.require_rows(len(x))
        return found

    def _halves(self, network: Hypernetwork, x: Tensor) -> tuple[Half, Half]:
        """f_k and f_v for contexts of x's width, affine ones as one product."""
        width = x.shape[-1]
        if self._folds and network.affine:
            k, v = (affine.like(network.weight) for affine in network.folded[width])
            return _in_dtype(k, network.dtype), _in_dtype(v, network.dtype)
        head_k, head_v = network.heads[width]
        return _in_dtype(head_k, network.dtype), _in_dtype(head_v, network.dtype)

    def _both(self, network: Hypernetwork, x: Tensor) -> tuple[Tensor, Tensor]:
        f_k, f_v = self._halves(network, x)
        return f_k(x), f_v(x)

    def _known(self, context: Tensor) -> _Text:
        if self._text is None or self._text.seen != Seen(context):
            flat, of = torch.unique(context.flatten(1), dim=0, return_inverse=True)
            self._text = _Text(Seen(context), flat.view(-1, *context.shape[1:]), of)
        return self._text

    def _finite(self, bent: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        if not all(bool(half.isfinite().all()) for half in bent):
            raise NotANumber([one.network.name for one in self._applied], where="text states")
        return bent


class FoldedSite:
    """K = x (W + m P)ᵀ + …, with P = W F multiplied out once per network and site."""

    def __init__(self, applied: Applied, to_k: Any, to_v: Any) -> None:
        self._applied = applied
        f_k, f_v = applied.network.folded[to_k.in_features]
        self._k = _FoldedHalf(applied, to_k, applied.network.product(to_k, f_k))
        self._v = _FoldedHalf(applied, to_v, applied.network.product(to_v, f_v))

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of x (batch, tokens, width), heads still joined."""
        self._applied.require_rows(len(x))
        return self._k(x), self._v(x)


class _FoldedHalf:
    """Rows of one multiplier have one matrix; a batch of equal runs has a batch of matrices."""

    def __init__(self, applied: Applied, to: Any, product: Affine) -> None:
        self._applied, self._to, self._product = applied, to, product
        self._runs = _runs(applied.numbers)
        if self._runs is not None:
            numbers = applied.numbers[:: len(applied.numbers) // self._runs]
            m = product.weight.new_tensor(numbers)
            weight = to.weight + m[:, None, None] * product.weight
            bias = m[:, None] * product.bias + (0 if to.bias is None else to.bias)
            # (runs, width, out) and (runs, 1, out)
            self._weight = weight.to(to.weight.dtype).transpose(1, 2).contiguous()
            self._bias = bias.to(to.weight.dtype)[:, None]

    def __call__(self, x: Tensor) -> Tensor:
        if self._runs is None:
            product = self._product.like(x)
            return torch.addcmul(self._to(x), product(x), self._applied.column(x))
        batch, tokens, width = x.shape
        runs = x.reshape(self._runs, -1, width)
        return torch.baddbmm(self._bias, runs, self._weight).view(batch, tokens, -1)


def _runs(numbers: Sequence[float]) -> int | None:
    """Into how many equally long runs of one number they fall; None if that saves nothing."""
    changes = [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1]]
    length = math.gcd(len(numbers), *changes)
    runs = len(numbers) // length
    return runs if length > 1 or runs == 1 else None


def _mixed(to: Any, text: _Text, bent: Tensor, applied: Applied) -> Tensor:
    """to(c) + m·(to without its bias)(f(c)) for every row of the batch."""
    plain, added = to(text.rows), F.linear(bent, to.weight)
    return torch.addcmul(plain[text.of], added[text.of], applied.column(plain))


def _in_dtype(f: Half, dtype: torch.dtype) -> Half:
    """f in the network's own dtype, its result in that of the context."""
    return lambda x: f(x.to(dtype)).to(x.dtype)

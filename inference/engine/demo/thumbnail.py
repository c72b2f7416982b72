"""The start of the autoencoder: exact thumbnails.

From a random start an autoencoder with 4 latent channels takes tens of thousands of steps to find
the colours, for group normalisation hides them. So it starts as a linear map: three latents are
the mean colour of a block of pixels, the fourth a slope of the brightness; the decoder enlarges
them. What is left to learn is the shape of edges.

How a linear path passes SiLU and the normalisation before it: each signal travels twice, as x and
-x, and silu(x) - silu(-x) = x; all other channels are constants of ±LEVEL, whose spread decides
the normalisation, whatever the picture.
"""

import torch
from diffusers import AutoencoderKL
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

SIGNALS = 4
LEVEL = 1.0
LOG_VARIANCE = -6.0
BRIGHTNESS = (0.299, 0.587, 0.114)


@torch.no_grad()
def start_as_thumbnail(vae: AutoencoderKL) -> None:
    for module in vae.modules():
        if isinstance(module, ResnetBlock2D):
            _pass_on(module)
        elif isinstance(module, Downsample2D):
            _each_channel(module.conv, [[0.25, 0.25, 0], [0.25, 0.25, 0], [0, 0, 0]])
        elif isinstance(module, Upsample2D):
            _each_channel(module.conv, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    colours = torch.eye(SIGNALS, 3)
    colours[3] = torch.tensor(BRIGHTNESS)
    _enter(vae.encoder.conv_in, colours)
    _slope(_last_downsample(vae), channel=3)
    _leave(vae.encoder.conv_out, torch.eye(SIGNALS))
    _enter(vae.decoder.conv_in, torch.eye(SIGNALS))
    _leave(vae.decoder.conv_out, torch.eye(3, SIGNALS))
    _identity(vae.quant_conv)
    _bias(vae.quant_conv)[SIGNALS:] = LOG_VARIANCE
    _identity(vae.post_quant_conv)


def _last_downsample(vae: AutoencoderKL) -> nn.Conv2d:
    last: nn.Conv2d = [m.conv for m in vae.encoder.modules() if isinstance(m, Downsample2D)][-1]
    return last


def _pass_on(block: ResnetBlock2D) -> None:
    """The block adds nothing yet; channels that it has more than its input are constants."""
    _clear(block.conv2)
    if block.conv_shortcut is not None:
        nn.init.dirac_(block.conv_shortcut.weight)
        block.conv_shortcut.bias.copy_(_constants(block.out_channels))
        block.conv_shortcut.bias[: block.in_channels] = 0


def _constants(channels: int) -> Tensor:
    """LEVEL and -LEVEL in turn, after the channels of the signals."""
    level = torch.full((channels,), LEVEL)
    level[1::2] *= -1
    level[: 2 * SIGNALS] = 0
    return level


def _each_channel(conv: nn.Conv2d, kernel: list[list[float]]) -> None:
    _clear(conv)
    for channel in range(conv.out_channels):
        conv.weight[channel, channel] = torch.tensor(kernel)


def _slope(conv: nn.Conv2d, *, channel: int) -> None:
    """The difference of two opposite corners instead of the mean, for a signal and its double."""
    for signal in (channel, channel + SIGNALS):
        conv.weight[signal, signal] = torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, 0]])


def _enter(conv: nn.Conv2d, signals: Tensor) -> None:
    """``signals``: how each signal is mixed from the input's channels."""
    _clear(conv)
    conv.weight[: 2 * SIGNALS, :, 1, 1] = torch.cat([signals, -signals])
    _bias(conv).copy_(_constants(conv.out_channels))


def _leave(conv: nn.Conv2d, outputs: Tensor) -> None:
    """``outputs``: how the first outputs are mixed from the signals; the scale is taken back."""
    _clear(conv)
    spread = LEVEL * (1 - 2 * SIGNALS / conv.in_channels) ** 0.5
    conv.weight[: len(outputs), : 2 * SIGNALS, 1, 1] = spread * torch.cat([outputs, -outputs], 1)


def _identity(conv: nn.Conv2d) -> None:
    _clear(conv)
    nn.init.dirac_(conv.weight)


def _clear(conv: nn.Conv2d) -> None:
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(_bias(conv))


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None  # noqa: S101 — diffusers gives each of these one
    return conv.bias

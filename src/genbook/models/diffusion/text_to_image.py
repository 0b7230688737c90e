"""From words to pictures: flow matching of a picture's codes, given its caption."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator, check_share
from genbook.models.base import GenerativeModel
from genbook.models.diffusion import conditions
from genbook.models.diffusion._doors import check_guidance
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.networks.dit import DiT
from genbook.models.networks.words import MOST_WIDTH, WordEncoder
from genbook.models.representation.places import PlaceAutoencoder

_MOST_DRAWS = 1_000
_HEADS = 4  # of each attention


class CaptionedFlow(FlowMatching):
    """Flow matching that reads each caption once for several times and noises.

    To read a caption costs as much as to answer for a code. A training step therefore
    asks ``draws`` questions about each picture, and its network reads ``m`` captions
    for ``draws * m`` codes.

    Args:
        network: A network whose condition is a caption.
        draws: How many times and noises a step draws for each picture, at most 1,000.
        sigma_data: About the standard deviation of the codes.
        label_dropout: How often the caption is left out.
        steps: The steps of the solver.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> net = DiT((3, 4), WordEncoder(9, 6, width=8), width=16, depth=1)
        >>> model = CaptionedFlow(net, draws=2)
        >>> y = torch.tensor([[1, 5, 3, 0, 0, 0]])
        >>> model.loss(torch.randn(1, 3, 4), y).shape
        torch.Size([])
    """

    net: DiT

    def __init__(
        self,
        network: DiT,
        *,
        draws: int = 4,
        sigma_data: float = 1.2,
        label_dropout: float = 0.1,
        steps: int = 12,
    ) -> None:
        if not isinstance(network, DiT):
            raise TypeError(f"network must be a DiT, got {type(network).__name__}")
        super().__init__(
            network.event_shape,
            network=network,
            sigma_data=sigma_data,
            label_dropout=label_dropout,
            steps=steps,
            times="logit-normal",
        )
        self.draws = check_count(draws, "draws", 1, _MOST_DRAWS)
        self.config["draws"] = self.draws

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error of the velocities, over all draws.

        Args:
            x: Codes, ``(n, tokens, features)``.
            y: Captions, ``(n, length)``.
            generator: The source of times and noise.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If a shape is another, a token out of range, or there are no
                captions.
        """
        self._check_x(x, allow_empty=False)
        y = self._check_y(y, len(x))
        if y is None:
            raise ValueError("y must be captions, (n, length), got None")
        null = self.net.null_condition
        out = self._uniform(len(x), generator=generator) < self.label_dropout
        y = conditions.drop(y, out, null)
        x = x.repeat(self.draws, 1, 1)  # (draws n, tokens, features)
        t = self.sample_times(len(x), generator=generator)
        eps = self._normal(*x.shape, generator=generator)
        output = self._predict(self.add_noise(x, eps, t), t, y)
        return (output - self.target(x, eps, t)).square().mean()

    def _check_y(self, y: Tensor | None, n: int) -> Tensor | None:
        y = super()._check_y(y, n)
        return y if y is None else self.net.words.check_captions(y)


class TextToImage(GenerativeModel):
    """A model of pictures given their captions: an autoencoder and a flow of its codes.

    The two are trained one after the other: ``code`` on pictures alone, then ``flow``
    on the codes of pictures and on captions.

    Args:
        vocabulary: How many tokens there are.
        length: The tokens of a caption.
        latent_dim: The numbers of the code of a place.
        components: The principal components that the autoencoder begins with.
        code_width: The width of the autoencoder's layers.
        words_width: The length of a word's vector, a multiple of 4.
        words_blocks: How many blocks of attention the captions pass.
        width: The length of a token's vector in the flow's network, a multiple of 4.
        depth: How many blocks that has.
        cross: Whether its tokens look at the words, see
            :class:`~genbook.models.networks.dit.DiT`.
        draws: See :class:`CaptionedFlow`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> model = TextToImage(9, 6, components=20, words_width=8, width=8, depth=1)
        >>> model.sample(2, torch.tensor([[1, 5, 0, 0, 0, 0]] * 2)).shape
        torch.Size([2, 3, 24, 48])
    """

    event_shape = (3, 24, 48)

    def __init__(
        self,
        vocabulary: int,
        length: int,
        *,
        latent_dim: int = 16,
        components: int = 128,
        code_width: int = 256,
        words_width: int = 64,
        words_blocks: int = 1,
        width: int = 96,
        depth: int = 3,
        cross: bool = True,
        draws: int = 4,
    ) -> None:
        super().__init__()
        check_count(code_width, "code_width", 1, 65_536)
        check_count(words_blocks, "words_blocks", 0, 100)
        for size, name in ((words_width, "words_width"), (width, "width")):
            if check_count(size, name, 1, MOST_WIDTH) % _HEADS:
                raise ValueError(f"{name} must be a multiple of {_HEADS}, got {size}")
        self.config: dict[str, Any] = {
            "vocabulary": vocabulary,
            "length": length,
            "latent_dim": latent_dim,
            "components": components,
            "code_width": code_width,
            "words_width": words_width,
            "words_blocks": words_blocks,
            "width": width,
            "depth": depth,
            "cross": cross,
            "draws": draws,
        }
        self.code = PlaceAutoencoder(
            self.event_shape,
            latent_dim=latent_dim,
            components=components,
            width=code_width,
        )
        sizes = {"width": words_width, "blocks": words_blocks, "heads": _HEADS}
        words = WordEncoder(vocabulary, length, **sizes)
        sizes = {"width": width, "depth": depth, "heads": _HEADS}
        network = DiT(self.code.latent_shape, words, cross=cross, **sizes)
        self.flow = CaptionedFlow(network, draws=draws)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the flow's loss on the codes of pictures.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
            y: Captions, ``(n, length)``.
            generator: The source of times and noise.
        """
        with torch.no_grad():
            z = self.code.encode(x)
        return self.flow.loss(z, y, generator=generator)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        guidance: float = 2.0,
        steps: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw pictures, ``(n, 3, 24, 48)``.

        Args:
            n: How many.
            y: Captions, ``(n, length)``; none asks for any picture.
            guidance: How much the caption is exaggerated; 1 for not at all, and where
                there is none.
            steps: The steps of the solver; those of the flow when ``None``.
            generator: The source of noise; the global one when ``None``.
        """
        z = self.flow.sample(n, y, guidance=guidance, steps=steps, generator=generator)
        return self.code.decode(z)

    @torch.no_grad()
    def edit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        strength: float,
        guidance: float = 2.0,
        steps: int = 12,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Noise the codes of pictures part of the way, and come back with a caption.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
            y: What is asked for, ``(n, length)``.
            strength: How far towards noise, above 0 and below 1.
            guidance: How much the caption is exaggerated.
            steps: The steps of Euler's method on the way back, at most 100,000.
            generator: The source of noise; the global one when ``None``.

        Returns:
            Pictures, ``(n, 3, 24, 48)``.
        """
        strength = check_share(strength, "strength")
        check_generator(generator)
        steps = check_count(steps, "steps", 1, 100_000)
        self._check_x(x)
        guidance = check_guidance(guidance, self.flow._check_y(y, len(x)))
        z = self.code.encode(x)
        eps = self._normal(*z.shape, generator=generator)
        times = torch.linspace(strength, 0, steps + 1, dtype=z.dtype, device=z.device)
        z = self.flow.add_noise(z, eps, times[:1].expand(len(z)))
        for now, then in pairwise(times):
            v = self.flow.velocity(z, now, y, guidance=guidance)
            z = z + (then - now) * v
        return self.code.decode(z)

    @torch.no_grad()
    def bridge(
        self,
        x: Tensor,
        y_from: Tensor,
        y_to: Tensor,
        *,
        guidance: float = 2.0,
        steps: int = 24,
    ) -> Tensor:
        """Walk from pictures to their noise with one caption, and back with another.

        Nothing is drawn at random: what the caption does not say is kept in the noise.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
            y_from: What they show, ``(n, length)``.
            y_to: What they shall show, ``(n, length)``.
            guidance: How much the second caption is exaggerated.
            steps: The steps of the solver each way, at most 100,000.

        Returns:
            Pictures, ``(n, 3, 24, 48)``.
        """
        steps = check_count(steps, "steps", 1, 100_000)
        wanted = len(self._check_x(x)), int(self.config["length"])
        for y, name in ((y_from, "y_from"), (y_to, "y_to")):
            if self.flow.net.words.check_captions(y, name).shape != wanted:
                raise ValueError(f"{name} must be {wanted}, got {tuple(y.shape)}")
        noise = self.flow.encode(self.code.encode(x), y_from, steps=steps)
        z = self.flow.decode(noise, y_to, steps=steps, guidance=guidance)
        return self.code.decode(z)

"""Calls that no docstring shows, for the harvest: small, quick, and of every option."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from genbook import training
from genbook.course import diagrams, plotting, scoreboard, style, tables, timeline
from genbook.course.counted_words import CountedWords
from genbook.course.drawings import faces, family_tree, field_map, gridworld
from genbook.course.fingerprint import Code, Imports, Package
from genbook.course.pretrained import load_pretrained, save_pretrained
from genbook.course.recipes import (
    adversarial,
    autoregressive,
    bridges,
    language,
    picture_tokens,
)
from genbook.course.surroundings import file_digest
from genbook.data import digits, tokenisers, tokens, toy, toy_mixtures, world
from genbook.data.prose import Prose, load_books
from genbook.data.still_life.captions import still_life
from genbook.data.still_life.grammar import Grammar
from genbook.data.still_life.pictures import sample_still_lifes
from genbook.data.texts import load_texts
from genbook.discriminative import authorship, crf, logistic, tree
from genbook.discriminative.convolutional import ConvolutionalClassifier
from genbook.discriminative.image_classifier import ImageClassifier
from genbook.discriminative.scenes import SceneReader
from genbook.explorables.box import explore_box
from genbook.explorables.guess import explore_guess
from genbook.metrics import nats_above_entropy
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.autoregressive.pictures import PictureWriter
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.density.box import UniformBox
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import PPCAMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.models.diffusion.schedules import Cosine, LinearBeta, Straight
from genbook.models.diffusion.text_to_image import CaptionedFlow, TextToImage
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.flows.image_flow import ImageFlow
from genbook.models.networks.attention import Past
from genbook.models.networks.cnn import TimeConditionedCNN
from genbook.models.networks.dcgan import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
)
from genbook.models.networks.dit import DiT
from genbook.models.networks.words import WordEncoder
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.mixture_of_autoencoders import MixtureOfAutoencoders
from genbook.models.representation.pca import PCA
from genbook.models.representation.places import PlaceAutoencoder
from genbook.models.representation.tokens import TokenAutoencoder
from genbook.models.variational.vae import VAE
from genbook.practice.cloud import pack
from genbook.practice.reader import Reader
from genbook.practice.serving.feedback import FeedbackStore
from genbook.practice.serving.shelf import load_models, read_model
from genbook.practice.serving.watching import save_reference
from genbook.reinforcement import q_learning
from genbook.reinforcement.bandit import ClassificationBandit
from genbook.training.checkpoint import load, save
from genbook.training.loop import Batches
from genbook.training.schedules import constant

LOW, HIGH = [-1.0, -1.0], [1.0, 1.0]
Corners = tuple[Tensor, Tensor]


def seeded(seed: int = 0) -> torch.Generator:
    """Return a new generator."""
    return torch.Generator().manual_seed(seed)


def few() -> dict[str, Any]:
    """Return the arguments of a short walk, its generator new: none is used twice."""
    return {"steps": 2, "generator": seeded()}


X = torch.rand(12, 2, generator=seeded()) - 0.5
Y = torch.arange(12) % 2
TIMES = torch.linspace(0.1, 0.9, 12)
IMAGES = (torch.rand(12, 1, 4, 4, generator=seeded()) > 0.5).float()
CAPTIONS = torch.tensor([[1, 4, 2, 0, 0, 0], [1, 3, 2, 0, 0, 0]])  # words of two
FOLDER = tempfile.TemporaryDirectory()  # the files of the calls, while they are used


def closed_forms() -> None:
    """Densities with a fit of their own, and what is like them."""
    for model in (
        UniformBox(2).fit(X),
        Gaussian(2).fit(X),
        Histogram(LOW, HIGH, 4).fit(X),
        KernelDensity(2).fit(X),
        ProbabilisticPCA((2,), 1).fit(X, min_variance=1e-6),
        PPCAMixture((2,), 2, 1).fit(X, iterations=2, generator=seeded()),
        GaussianMixture(2, 2).fit(X, iterations=2, generator=seeded()),
        GridNetwork(LOW, HIGH, bins=4, hidden=8),
    ):
        model.loss(X, generator=seeded())
        model.log_prob(X)
        model.sample(4, generator=seeded())
    for plane in (PPCAMixture((2,), 2, 1), GaussianMixture(2, 2)):
        plane.fit(X, iterations=2, generator=seeded())
        plane.log_joint(X)
        plane.responsibilities(X)
        plane.decode(plane.encode(X))
    ppca = ProbabilisticPCA((2,), 1).fit(X)
    ppca.decode(ppca.encode(X))
    classes = ClassConditional((2,), 2, 1, 1)
    classes.fit(X, Y, iterations=2, generator=seeded())
    classes.log_joint(X)
    classes.predict_proba(X)
    by_label(classes)
    components = PCA((2,), 1).fit(X)
    components.decode(components.encode(X))
    components.loss(X, generator=seeded())


def by_label(model: Any) -> None:
    """Use a conditional model."""
    model.loss(X, Y, generator=seeded())
    model.log_prob(X, Y)
    model.sample(4, Y[:4], generator=seeded())


def networks() -> None:
    """Densities that are trained."""
    made = MADE(LOW, HIGH, 4, hidden=(8,), frequencies=1, classes=2)
    by_label(made)
    made.sample(4, Y[:4], temperature=0.9, generator=seeded())
    made.log_mass(X, Y, net=0)
    made.log_prob_by_order(X, Y)
    flow = Flow(2, transforms=1, hidden=(8,), bins=4, classes=2, low=LOW, high=HIGH)
    by_label(flow)
    flow.decode(flow.encode(X, Y), Y)
    flow(X, Y)
    flat = IMAGES.flatten(1)
    images = ImageFlow(4, 4, transforms=1, channels=4, bins=4, classes=2)
    images.start_from(flat)
    images.decode(images.encode(flat, Y), Y)
    images(flat, Y)
    images.log_prob(flat, Y)
    images.loss(flat, Y, generator=seeded())
    images.sample(4, Y[:4], generator=seeded())
    images.table.count(flat, 0.1)
    pixels = PixelCNN((1, 4, 4), 2, channels=4, depth=1, kernel_size=3, classes=2)
    pixels.loss(IMAGES, Y, generator=seeded())
    pixels.log_prob(IMAGES, Y)
    pixels.quantise(IMAGES)
    pixels.logits(IMAGES, Y)
    prefix = IMAGES[:4, :, :2]
    options: dict[str, Any] = {"temperature": 0.9, "prefix": prefix}
    pixels.sample(4, Y[:4], **options, generator=seeded())
    words = torch.arange(12).reshape(3, 4) % 5
    reader = Transformer(5, 4, width=8, depth=1, heads=2)
    reader.loss(words, generator=seeded())
    reader.log_prob(words)
    reader.logits(words)
    reader.token_log_probs(words)
    reader.sample(3, prompt=(0, 1), temperature=0.9, generator=seeded())


def codes() -> None:
    """Models with codes, and games."""
    vae = VAE((2,), 2, hidden=(8,), classes=2)
    vae.loss(X, Y, generator=seeded())
    vae.elbo(X, Y, k=2, generator=seeded())
    vae.log_weights(X, Y, k=2, generator=seeded())
    vae.posterior(X, Y)
    z = vae.encode(X, Y)
    vae.decode(z, Y)
    vae.log_likelihood(X, z, Y)
    vae.likelihood_log_prob(X, vae.likelihood_params(z, Y))
    vae.sample(4, Y[:4], generator=seeded())
    coder = Autoencoder((1, 4, 4), 2, hidden=(8,))
    coder.loss(IMAGES, generator=seeded())
    coder.decode(coder.encode(IMAGES))
    mixed = MixtureOfAutoencoders((1, 4, 4), 2, 2, hidden=8, augment=0.1)
    mixed.loss(IMAGES, generator=seeded())
    mixed.terms(IMAGES, generator=seeded())
    mixed.decode(mixed.encode(IMAGES))
    mixed.draw(mixed.encode(IMAGES))
    mixed.predict(IMAGES)
    mixed.predict_proba(IMAGES)
    game = GAN((2,), 2, hidden=(8,), classes=2, ema_decay=0.5)
    game.loss(X, Y, generator=seeded())
    fake = game.generate(torch.zeros(12, 2), Y)
    game.discriminate(X, Y)
    game.discriminator_loss(X, fake, Y)
    game.generator_loss(fake, Y)
    game.update_ema()
    game.sample(4, Y[:4], generator=seeded())
    G = ConvolutionalGenerator((1, 4, 4), 2, width=4, patch=2, pace=2.0)
    D = ConvolutionalDiscriminator((1, 4, 4), 0, width=4, patch=2)
    game = GAN((1, 4, 4), 2, networks=(G, D), r1_weight=1.0, r1_every=2)
    game.discriminator_loss(IMAGES, IMAGES, generator=seeded())


def paths() -> None:
    """Gaussian paths from data to noise."""
    options: dict[str, Any] = {"width": 8, "depth": 1, "steps": 3, "classes": 2}
    for model in (Diffusion((2,), **options), FlowMatching((2,), **options)):
        model.loss(X, Y, generator=seeded())
        model.add_noise(X, X, TIMES)
        model.target(X, X, TIMES)
        model.predict_x0_eps(X, X, TIMES)
        model.velocity(X, TIMES, Y, guidance=1.5)
        model.sample_times(4, generator=seeded())
        model.time_grid(3)
        z = model.encode(X, Y, steps=2, method="heun")
        model.decode(z, Y, steps=2, method="heun", guidance=1.5)
        model.sample(4, Y[:4], **few(), method="heun", guidance=1.5)
        model.log_prob(X, Y, **few(), method="rk4", divergence="hutchinson", probes=1)
    noise = Diffusion((2,), **options)
    noise.score(X, TIMES, Y)
    noise.elbo(X, Y, draws=1, **few())
    noise.posterior_std(TIMES - 0.05, TIMES)
    noise.reverse_step(X, TIMES[5], TIMES[4], Y, eta=1.0, guidance=1.5)
    noise.sample_ancestral(4, Y[:4], **few(), eta=1.0, guidance=1.5)
    Cosine(max_angle=1.5)
    LinearBeta(beta_min=0.1, beta_max=20.0, t_min=1e-3)
    for schedule in (Straight(), Cosine(), LinearBeta()):
        schedule.alpha(TIMES)
        schedule.sigma(TIMES)
        schedule.d_alpha(TIMES)
        schedule.d_sigma(TIMES)


def energies() -> None:
    """Densities up to a constant."""
    sizes: dict[str, Any] = {"hidden": (8,), "frequencies": 1, "chains": 8}
    model = EnergyNetwork(LOW, HIGH, **sizes)
    model.energy(X)
    model.loss(X, generator=seeded())
    model.sample(4, anneal_steps=2, langevin_steps=1, generator=seeded())
    model.log_partition(method="annealed", points=8, anneal_steps=2, generator=seeded())
    levels = NoiseConditionalEnergy((2,), X, width=8, depth=1, num_scales=2)
    levels.energy(X, torch.full((12,), 0.5))
    levels.loss(X, generator=seeded())
    levels.sample(4, langevin_steps=1, step_size=0.5, generator=seeded())
    net = TimeConditionedCNN((1, 4, 4), channels=(2,), width=4, classes=3)
    asked = NoiseConditionalEnergy((1, 4, 4), network=net, num_scales=2)
    images, y = torch.rand(6, 1, 4, 4, generator=seeded()), torch.arange(6) % 3
    asked.energy(images, torch.full((6,), 0.5), y)
    asked.loss(images, y, generator=seeded())
    asked.sample(6, y, langevin_steps=1, step_size=0.5, generator=seeded())


def known_densities() -> None:
    """What we observe, where its density is known."""
    for p in (
        toy.TwoMoons(0.1, standardise=True),
        toy.Rings((1.0, 2.0), 0.1),
        toy.Checkerboard(4),
        toy_mixtures.GaussianMixture2D(torch.ones(1), X[:1], torch.eye(2)[None]),
        toy_mixtures.Pinwheel(5, 0.3, 0.1, 1.0),
        world.WorldMap(),
    ):
        x = p.sample(4, generator=seeded(), dtype=torch.float32)
        p.log_prob(x)
        p.on_support(x)
    nats_above_entropy(Gaussian(2).fit(X), toy.Rings(), 8, generator=seeded())
    tokens.tokenise_prose(20, 4)


def folders() -> None:
    """Data of the reader's own."""
    home = Path(FOLDER.name)
    for name, head, size in (
        ("train-images-idx3-ubyte", [3, 6, 28, 28], 6 * 28 * 28),
        ("train-labels-idx1-ubyte", [1, 6], 6),
    ):
        shape = b"".join(n.to_bytes(4, "big") for n in head[1:])
        data = bytes([0, 0, 8, head[0]]) + shape + bytes(i % 10 for i in range(size))
        (home / name).write_bytes(data)
    digits.load_idx(home, "train", size=7, dtype=torch.float32)
    for name in ("a", "b"):
        text = " ".join(f"This is sentence {i} of the book." for i in range(400))
        (home / f"{name}.txt").write_text(text, "utf-8")
    load_books(home, words=40)
    days = (f"On day {i} it rained, and all of us stayed in." for i in range(600))
    (home / "diary.md").write_text("\n\n".join(days), "utf-8")
    load_texts(home, most=1_000_000)


def labels() -> None:
    """Models of labels, and agents."""
    rows = torch.rand(3, 4, 2, generator=seeded())
    tags = torch.arange(12).reshape(3, 4) % 2
    chain = crf.LinearChainCRF(2, 2)
    chain.fit(rows, tags, l2=1e-4, iterations=2)
    chain.loss(rows, tags, generator=seeded())
    chain.score(rows, tags)
    chain.log_conditional(rows, tags)
    chain.log_partition(rows)
    chain.marginals(rows)
    chain.viterbi(rows)
    line = logistic.LogisticRegression(2, l2=1e-3).fit(X, Y, iterations=2)
    line.loss(X, Y, generator=seeded())
    line.logits(X)
    line.contributions(X)
    leaves = tree.DecisionTree(2, criterion="gini", min_samples_leaf=1).fit(X, Y)
    leaves.predict(X)
    leaves.predict_proba(X)
    texts = tuple(f"{w} sea, {w} salt" for w in ("the", "a") for _ in range(8))
    prose = Prose(texts, ("A",) * 8 + ("B",) * 8, ("x", "y") * 8)
    writer = authorship.AuthorClassifier("all", c=1.0, folds=2, min_count=1)
    writer.fit(prose, "A")
    writer.predict(texts)
    writer.logits(texts)
    writer.contributions(texts[0])
    game = ClassificationBandit([0, 0, 1], [1, 1, 0], size=2)
    game.reset(seed=0, options={})
    game.step(np.int64(1))
    table = q_learning.transition_table(game)
    q_learning.value_iteration(table, 0.5, tolerance=1e-6)
    q_learning.policy_value(table, np.zeros(2, dtype=int), 0.5)
    rates: dict[str, Any] = {"epsilon": 0.1, "lr": 0.1, "lr_end": 0.05}
    q_learning.q_learning(game, episodes=3, discount=0.5, **rates, optimism=1.0)


def loop() -> None:
    """Training, and files."""
    folder = Path(FOLDER.name)
    model, file = Gaussian(2), folder / "model.safetensors"
    save(model, file)
    load(model, file)
    pack(file, folder / "model.tar.gz")
    shelf = folder / "shelf"
    shelf.mkdir()
    save(Flow(2, transforms=1, hidden=(8,)), shelf / "flow.safetensors")
    load_models(shelf, torch.float64)
    read_model(shelf / "flow.safetensors")
    save_reference(X, shelf, "flow")
    file = folder / "run.safetensors"
    by: dict[str, Any] = {"checkpoint": file, "checkpoint_every": 1, "seed": 0}
    by |= {"x_val": X, "validate_every": 1, "grad_clip": 1.0, "progress": False}
    by |= {"ema": 0.9}
    training.fit(model, X, steps=2, batch_size=4, betas=(0.9, 0.99), **by)
    file.unlink()
    flow = Flow(2, transforms=1, hidden=(8,), classes=2)
    training.fit(
        flow, X, Y, steps=1, x_val=X, y_val=Y, validate_every=1, progress=False
    )
    batches = Batches(X, Y, 4, seed=0)
    batches(0)
    batches.state(1)
    constant(1, 2, 0.1)


def texts() -> None:
    """A language whose truth is known, its tokens, and models of them."""
    grammar = still_life()
    words = ["a", "cup", "stands", "on", "the", "table", "."]
    grammar.log_prob(words)
    grammar.next_words(words[:2])
    grammar.parse(words)
    grammar.facts(words)
    grammar.sample(2, generator=seeded())
    grammar.captions(2, generator=seeded())
    next(Grammar(grammar.rules, "count=2").sentences(most=10))
    model = Transformer(5, 4, width=8, depth=1, heads=2, separator=0)
    save_pretrained(model, {}, "still-life-language", FOLDER.name)
    load_pretrained("still-life-language", FOLDER.name)
    rows = torch.arange(12).reshape(3, 4) % 5
    language.still_life_language(rows, vocab_size=5, width=8, steps=1, seed=0)
    language.prose_language(rows, vocab_size=5, steps=1, seed=0)
    language.still_life_masked(rows, vocab_size=5, width=8, steps=1, seed=0)
    known = language.still_life_words()
    model = Transformer(88, 40, width=8, depth=1, heads=2, separator=0)
    language.caption_scores(model, known, 2, seed=2, region="seen")
    known.encode("a cup .")
    known.decode([1, 2])
    model.logits(rows, [Past()])
    masked = MaskedDiffusion(5, 4, width=8, depth=1, heads=2)
    masked.logits(rows)
    masked.elbo(rows, generator=seeded())
    masked.loss(rows, generator=seeded())
    masked.sample(2, steps=2, temperature=1.0, generator=seeded())
    pieces = tokenisers.BytePairs(["low lower lowest"], merges=2)
    pieces.decode([0, 1])
    tokenisers.Characters(["low lower"]).decode([0, 1])
    desk = Reader(100, 20, width=8, depth=1, heads=2)
    rows = torch.arange(40).reshape(2, 20)
    desk.log_prob(rows)
    desk.logits(rows, [Past()])
    desk.sample(2, prompt=[0, 1], temperature=1.0, generator=seeded())
    desk.token_log_probs(rows)


def captions() -> None:
    """A network that reads captions, and a flow of codes."""
    net = DiT((3, 4), WordEncoder(9, 6, width=8), width=16, depth=1)
    z, t = torch.randn(2, 3, 4, generator=seeded()), torch.tensor([0.5, 0.7])
    net.looks(z, t, CAPTIONS)
    flow = CaptionedFlow(net, draws=1, steps=2)
    flow.encode(z, CAPTIONS, steps=2, method="heun")
    how: dict[str, Any] = {"divergence": "hutchinson", "probes": 1}
    flow.log_prob(z, CAPTIONS, steps=2, method="rk4", **how, generator=seeded())
    flow.predict_x0_eps(z, z, t)
    flow.velocity(z, t, CAPTIONS, guidance=1.0)


def pictures() -> None:
    """Codes of pictures, and a model that writes them."""
    x = torch.rand(2, 3, 24, 48, generator=seeded())
    code = TokenAutoencoder([4, 4], 2, components=20)
    code.loss(x)
    code.quantiser(torch.zeros(2, 2))
    writer = PictureWriter([4, 4], 6, words=9, caption=6, width=8)
    tokens = code.tokens(x)
    writer.logits(tokens, CAPTIONS)
    writer.loss(tokens, CAPTIONS)
    writer.sample(2, CAPTIONS, temperature=1.0, p=0.9, generator=seeded())
    PictureWriter([4, 4], 6, words=9, caption=6, period=2, width=8)
    code.begin_from(PlaceAutoencoder(latent_dim=4, components=20))


def still_lifes() -> None:
    """Pictures of still lifes, and models that draw them from captions."""
    seen = sample_still_lifes(2, generator=seeded())
    SceneReader(2).eval().accuracy(seen.x, seen.scenes)
    model = TextToImage(9, 6, components=20, words_width=8, width=8, depth=1)
    model.loss(seen.x, CAPTIONS, generator=seeded())
    back: dict[str, Any] = {"guidance": 2.0, "steps": 2}
    model.edit(seen.x, CAPTIONS, strength=0.5, **back, generator=seeded())
    model.bridge(seen.x, CAPTIONS, CAPTIONS, **back)
    code = TokenAutoencoder([4, 4], 2, components=20)
    tokens = code.tokens(seen.x)
    start = PlaceAutoencoder().fit_components(seen.x)
    picture_tokens.token_code(seen.x, start, steps=1, seed=0)
    picture_tokens.write_pictures(tokens, CAPTIONS, code, steps=1, seed=0)
    picture_tokens.token_use(tokens, 16, 2)
    words = CountedWords(["a cup", "a pear"], 2)
    words.shorter(1).log_prob(["a cup"])
    words.write(2, longest=4, generator=seeded())
    store = FeedbackStore(":memory:")
    store.forget(3, date(2026, 1, 1))


def recipes() -> None:
    """The shortest runs of the recipes."""
    adversarial.gan_world(X, steps=1, seed=0)
    adversarial.gan_digits(IMAGES, Y, r1_weight=1.0, steps=1, seed=0)
    autoregressive.made_world(X, steps=1, seed=0)
    autoregressive.pixelcnn_digits(IMAGES, Y, steps=1, seed=0)
    words = torch.arange(12).reshape(3, 4) % 5
    autoregressive.transformer_prose(words, vocab_size=5, steps=1, seed=0)
    bridges.diffusion_1d(X[:, :1], steps=1, seed=0)
    bridges.diffusion_2d(X, steps=1, seed=0)
    bridges.latent_diffusion(X, Y, classes=2, steps=1, seed=0)
    scoreboard.Candidate("Gaussian", lambda x: (Gaussian(2).fit(x), None))
    reader = ConvolutionalClassifier((1, 8, 8), 10, width=2, features=4).eval()
    seen = torch.rand(24, 1, 8, 8, generator=seeded())
    reader.loss(seen, torch.arange(24) % 10)
    ImageClassifier((1, 4, 4), 10, 8).loss(IMAGES, Y)
    timeline.evaluate(seen[:8], reader, seen[8:16], torch.arange(8))


def figures() -> None:
    """What draws, and what stands beside the figures."""
    style.setup()
    plotting.subplots(1, 2, width="text", height=2.0)
    ax = Figure().subplots()
    faces.draw_faces(Figure().subplots())
    plotting.to_numpy(X)
    plotting.show_points(ax, X, "data", size=3.0, alpha=0.5, label="x", colour="k")
    plotting.grid_points(LOW, HIGH, 3)
    density = Gaussian(2).fit(X)
    plotting.show_density(ax, density, LOW, HIGH, resolution=3, ceiling=1.0)
    plotting.show_box(ax, LOW, HIGH)
    plotting.world_axes(ax, labels=True)
    plotting.draw_land(ax, [np.array([[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]])], fill=True)
    plotting.show_images(ax, IMAGES[:2], columns=2, gap=1, vmax=1.0)
    plotting.show_curve(ax, [3.0, 2.0, 1.0], smooth=2, source="model", label="loss")
    family_tree.draw_sets(ax)
    family_tree.draw_tree(ax)
    field_map.draw_landscape(ax, field_map.METHODS[:1])
    states = np.zeros(4)
    gridworld.draw_grid(ax, ["SF", "HG"], values=states, policy=states.astype(int))
    gridworld.draw_loop(ax, agent="a", environment="b", action="c", feedback="d")
    three = [("x", "(n, 2)", "data"), ("linear", "(n, 3)"), ("add", "(n, 2)")]
    diagrams.layers_diagram(three, skips=[(0, 2)])
    diagrams.process_diagram({"a": ["b", "c"]}, back={"a": (1, 0, "d")}, width="text")
    diagrams.boxes_diagram({"a": (0, 0), "b": (1, 1)}, [("a", "b", "c")], width="text")
    diagrams.units_diagram([2, 1], ["a", "b"])
    found = tables.table([{"model": "a", "nats": 1.0}])
    for write in (found.to_html, found.to_latex, found.to_markdown, found.to_myst):
        write()
    explorer = explore_box(X, LOW, HIGH, aspect=1.0)
    explorer.log_likelihood(LOW, HIGH)
    explorer._repr_mimebundle_()
    explore_guess(X, lambda x: x[:, 0] > 0, LOW, HIGH, aspect=1.0)
    Package("genbook", None).key(Code("abc", Imports(frozenset({"json"}))))
    file_digest(Path(__file__))


ALL: list[Callable[[], object]] = [
    *(closed_forms, networks, codes, paths, energies, known_densities),
    *(folders, labels, loop, texts, captions, pictures, still_lifes, recipes),
    figures,
]

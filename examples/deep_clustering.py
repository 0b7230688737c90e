"""Sort handwritten digits into ten piles without labels, by ten small autoencoders.

k-means on pixels is the yardstick. The mixture of autoencoders is asked to be sure, to
use all piles alike, and not to change its mind when a digit is bent a little.

Chapter: book/foundations/representation-learning.md
"""

from __future__ import annotations

from time import process_time

import torch
from sklearn.cluster import KMeans

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.metrics import clustering_accuracy
from genbook.models.representation.mixture_of_autoencoders import (
    MixtureOfAutoencoders,
)
from genbook.training import fit


@torch.no_grad()
def main() -> None:
    """Cluster by both methods, compare with the labels, and draw the drawings."""
    parser = example_parser(__doc__)
    parser.add_argument(
        "--augment", type=float, default=0.2, help="0 is the paper's loss"
    )
    args = parser.parse_args()
    train, fresh = (load_digits(split, size=14) for split in ("train", "test"))
    kmeans = KMeans(10, n_init=10, random_state=args.seed)
    kmeans.fit(train.x.flatten(1).numpy())

    torch.manual_seed(args.seed)  # for the networks' first weights
    model = MixtureOfAutoencoders((1, 14, 14), hidden=32, augment=args.augment)
    start = process_time()
    with torch.enable_grad():
        steps = 150 if args.fast else 900
        fit(model, train.x, steps=steps, batch_size=128, lr=0.02, seed=args.seed)
    seconds = process_time() - start

    print(f"accuracy under the best naming of the piles; {seconds:.1f} CPU s to train")
    for name, x, y in (("training", train.x, train.y), ("held out", fresh.x, fresh.y)):
        theirs = torch.as_tensor(kmeans.predict(x.flatten(1).numpy())).long()
        k, ours = (clustering_accuracy(y, c) for c in (theirs, model.predict(x)))
        print(f"{name}  k-means {k:.1%}  mixture of autoencoders {ours:.1%}")
    pairs = 10 * model.predict(fresh.x) + fresh.y
    counts = pairs.bincount(minlength=100).view(10, 10)  # (pile, digit)
    print("held-out digits 0 to 9 in each pile")
    for k in counts.argmax(1).argsort().tolist():
        print(" ".join(f"{n:4}" for n in counts[k].tolist()))

    shown = fresh.x[:10]
    drawn = model.draw(model.encode(shown))
    sheet = torch.cat([shown[:, None], drawn], dim=1).flatten(0, 1)
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=5.6)
    plotting.show_images(ax, sheet, columns=11)
    ax.set_title("a digit, and how each autoencoder draws it")
    fig.savefig(args.out / "drawings.png")
    print(f"Figure: {args.out}/drawings.png")


if __name__ == "__main__":
    main()

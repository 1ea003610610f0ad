"""Draw the site's icon and the picture that is shown where somebody shares a link to it, both from the package's own drawn garments.

    python tools/pictures.py            writes nbs/favicon.svg and nbs/share.png
"""
import io
import sys

import numpy as np

from pages import ROOT, settings

PAPER, INK, ACCENT = "#fdfdfb", "#23272b", "#a63d2f"
SIZE = 1200, 630   # pixels; what Open Graph and the others ask for


def garments(rows=3, columns=10, seed=5):
    "Drawn garments, one kind in each column: uint8 (rows, columns, 28, 28)."
    from fashion_cnn.sketch import sketch_set
    images, labels = sketch_set(40 * columns, seed=seed)
    return np.stack([images[labels == kind][:rows].reshape(rows, 28, 28) for kind in range(columns)], axis=1)


def icon():
    "A T-shirt of middling cut in 14 x 14 squares of four tones, as SVG."
    from fashion_cnn.sketch import parameters, render
    values = parameters([0], 0.5) | {"tone": np.float32([200]), "right": np.float32([0.0]), "lean": np.float32([0.0]),
                                     "tilt": np.float32([0.0]), "stripes": np.float32([0.0]), "print": np.float32([0.0])}
    shirt = render([0], values)[0, :, :, 0].reshape(14, 2, 14, 2).mean(axis=(1, 3))
    tones = np.digitize(shirt, [30, 90, 130])
    squares = [f'<rect x="{x + 1}" y="{y + 1}" width="1" height="1" opacity="{(0, 0.35, 0.65, 1)[tones[y, x]]}"/>'
               for y in range(14) for x in range(14) if tones[y, x]]
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" shape-rendering="crispEdges">\n'
            f'<title>fashion_cnn</title>\n<rect width="16" height="16" rx="3" fill="{PAPER}"/>\n'
            f'<g fill="{ACCENT}">\n' + "\n".join(squares) + "\n</g>\n</svg>\n")


def share(root=ROOT):
    "Name, one sentence and three rows of garments, as PNG."
    from matplotlib.figure import Figure
    from PIL import Image
    values = settings(root)
    figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor=PAPER)
    rows = garments()
    for (row, column), place in np.ndenumerate(np.empty(rows.shape[:2])):
        axis = figure.add_axes(((60 + 109 * column) / SIZE[0], (40 + 109 * (2 - row)) / SIZE[1], 99 / SIZE[0], 99 / SIZE[1]))
        axis.imshow(255 - rows[row, column], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.axis("off")
    figure.text(60 / SIZE[0], 520 / SIZE[1], values["title"], fontsize=54, fontweight="bold", color=ACCENT)
    figure.text(60 / SIZE[0], 500 / SIZE[1], "Convolutional networks: build them, train them,\nand find out whether to believe them",
                fontsize=27, color=INK, va="top", linespacing=1.35)
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(48).save(packed, format="png", optimize=True)
    return packed.getvalue()


def write(root=ROOT):
    "Draw both; gives their paths."
    (root / "nbs" / "favicon.svg").write_text(icon(), encoding="utf-8")
    (root / "nbs" / "share.png").write_bytes(share(root))
    return [root / "nbs" / name for name in ("favicon.svg", "share.png")]


if __name__ == "__main__":
    sys.path.append(str(ROOT))
    for path in write():
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")

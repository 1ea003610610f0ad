"""Draw the small pictures on the cards of the lessons, on the first page: from drawn garments and recorded runs, each as SVG.

    python tools/cards.py               writes nbs/cards/lesson1.svg to lesson9.svg
"""
import sys

import numpy as np

from pages import ROOT
from pictures import ACCENT, INK, PAPER, garments

WIDTH, HEIGHT = 240, 96
SOFT, LINE = "#8a939b", "#c9ced3"
BOOT, SHIRT, SNEAKER = 9, 0, 7    # kinds of garment


def tones(image, cells=14):
    "An image as cells x cells numbers from 0 to 1."
    step = image.shape[0] // cells
    return image.reshape(cells, step, cells, step).mean(axis=(1, 3)) / 255


def squares(values, x, y, size, colour=INK):
    "Numbers from 0 to 1 as a raster of squares of so many pixels in all; what is nearly 0 is left out."
    side = size / len(values)
    cells = [f'<rect x="{x + side * column:g}" y="{y + side * row:g}" width="{side:g}" height="{side:g}" opacity="{value:.2f}"/>'
             for (row, column), value in np.ndenumerate(np.round(values * 5) / 5) if value > 0]
    return f'<g fill="{colour}" shape-rendering="crispEdges">{"".join(cells)}</g>'


def box(x, y, width, height, fill, more=""):
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}" {more}/>'


def line(points, colour=INK, more=""):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" {more}/>'


def dot(x, y, radius, colour):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def arrow(x, y):
    return line([(x, y), (x + 18, y)], SOFT) + line([(x + 13, y - 4), (x + 18, y), (x + 13, y + 4)], SOFT)


def garment(kind, cells=14):
    return tones(garments(rows=1)[0, kind], cells)


def convolution():
    "A boot, nine of its pixels in a frame, and what a kernel for vertical edges makes of it."
    boot = garment(BOOT)
    edges = np.abs(boot[:, 2:] - boot[:, :-2])
    sums = np.clip(edges[:-2] + edges[1:-1] + edges[2:], 0, 2) / 2
    frame = box(32 + 5 * 5, 13 + 5 * 5, 15, 15, "none", f'stroke="{ACCENT}" stroke-width="2.5"')
    return squares(boot, 32, 13, 70) + frame + arrow(111, 48) + squares(sums, 143, 18, 60, ACCENT)


def overfitting():
    "The training and the validation loss of the recorded recipe `brief`."
    from fashion_cnn.run import recorded
    history = recorded("brief")[0].history
    losses = [np.asarray(history[key])[:40] for key in ("loss", "val_loss")]
    top = max(map(max, losses))
    places = [[(20 + 200 * i / 39, 84 - 72 * loss / top) for i, loss in enumerate(part)] for part in losses]
    return line(places[0]) + line(places[1], ACCENT, 'stroke-dasharray="5 3"') + line([(20, 8), (20, 86), (222, 86)], LINE)


def augmentation():
    "One sneaker four times: as it is, turned, mirrored, sheared."
    shoe = squares(garment(SNEAKER), -24, -24, 48)
    poses = ("", "rotate(-18)", "scale(-1,1)", "skewX(18) scale(0.9)")
    shown = (f'<use href="#shoe" transform="translate({34 + 57 * i},48) {pose}"/>' for i, pose in enumerate(poses))
    return f'<defs><g id="shoe">{shoe}</g></defs>{"".join(shown)}'


def residual():
    "Two layers in a row, and a way around them."
    layers = box(72, 46, 34, 28, SOFT, 'rx="3"') + box(124, 46, 34, 28, SOFT, 'rx="3"')
    way = line([(18, 60), (72, 60)]) + line([(106, 60), (124, 60)]) + line([(158, 60), (180, 60)]) + line([(198, 60), (222, 60)])
    around = f'<path d="M44 60 V26 Q44 18 52 18 H181 Q189 18 189 26 V51" fill="none" stroke="{ACCENT}" stroke-width="3"/>'
    plus = f'<circle cx="189" cy="60" r="9" fill="none" stroke="{INK}" stroke-width="2"/>' + line([(184, 60), (194, 60)]) + line([(189, 55), (189, 65)])
    return layers + way + around + plus


def transfer():
    "Layers that are kept as they are, and a new one at their end."
    kept = "".join(box(26 + 30 * i, 14 + 5 * i, 20, 68 - 10 * i, LINE, 'rx="3"') for i in range(5))
    return kept + box(184, 30, 20, 36, ACCENT, 'rx="3"') + line([(26, 90), (166, 90)], SOFT, 'stroke-dasharray="2 4"')


def autoencoder():
    "A shirt through a narrow passage, and what comes out."
    passage = f'<path d="M88 14 L120 40 L152 14 V82 L120 56 L88 82 Z" fill="{LINE}"/>' + box(115, 38, 10, 20, ACCENT)
    return squares(garment(SHIRT), 14, 17, 62) + passage + squares(garment(SHIRT, 7), 164, 17, 62)


def comparing():
    "The accuracies of the recorded recipes `brief` and `deeper` with their 95 % intervals."
    from fashion_cnn.compare import accuracy_interval
    from fashion_cnn.evaluate import Evaluation
    from fashion_cnn.run import recorded
    shown = []
    for name, y, colour in (("brief", 32, INK), ("deeper", 62, ACCENT)):
        judged = Evaluation.from_run(recorded(name)[0])
        low, middle, high = (24 + 192 * (share - 0.935) / 0.03 for share in (accuracy_interval([judged])[0], judged.accuracy, accuracy_interval([judged])[1]))
        shown.append(line([(low, y), (high, y)], colour, 'stroke-linecap="round"') + dot(middle, y, 5, colour))
    return "".join(shown) + line([(20, 86), (222, 86)], LINE)


def bug():
    "Lines of a program, one of them wrong, under a glass."
    lines = [(0, 92), (14, 70), (14, 104), (14, 58), (0, 76)]
    rows = "".join(box(40 + indent, 14 + 15 * i, length, 6, ACCENT if i == 2 else LINE, 'rx="3"') for i, (indent, length) in enumerate(lines))
    glass = f'<circle cx="140" cy="47" r="22" fill="none" stroke="{INK}" stroke-width="3"/>' + line([(156, 63), (176, 83)], INK, 'stroke-linecap="round"')
    return rows + glass


def knobs():
    "Three sliders."
    return "".join(line([(34, y), (206, y)], LINE, 'stroke-linecap="round"') + dot(x, y, 8, ACCENT if x == 150 else SOFT)
                   for y, x in ((22, 84), (48, 150), (74, 118)))


def cards():
    "{number of the lesson: its picture}."
    drawn = (convolution, overfitting, augmentation, residual, transfer, autoencoder, comparing, bug, knobs)
    paper = box(0, 0, WIDTH, HEIGHT, PAPER, 'rx="4"')
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">\n'
    return {number: f'{frame}<title>{draw.__doc__}</title>\n{paper}\n{draw()}\n</svg>\n'
            for number, draw in enumerate(drawn, 1)}


def write(root=ROOT):
    "Draw all; gives their paths."
    folder = root / "nbs" / "cards"
    folder.mkdir(exist_ok=True)
    for number, text in cards().items():
        (folder / f"lesson{number}.svg").write_text(text, encoding="utf-8")
    return sorted(folder.glob("*.svg"))


if __name__ == "__main__":
    sys.path.append(str(ROOT))
    for path in write():
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")

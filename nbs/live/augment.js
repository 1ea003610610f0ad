// Changes of a picture that keep its class, drawn anew each time it is shown to the network.
const SIDE = 28;

// A picture (28 x 28 numbers) mirrored, and moved by so many pixels to the right and down; between pixels their values are weighted,
// and what comes in from outside is 0
export function moved(picture, mirror, right, down, into = new Float32Array(SIDE * SIDE)) {
  const at = (x, y) => x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : picture[y * SIDE + (mirror ? SIDE - 1 - x : x)];
  for (let row = 0; row < SIDE; row++) for (let column = 0; column < SIDE; column++) {
    const x = column - right, y = row - down, x0 = Math.floor(x), y0 = Math.floor(y), dx = x - x0, dy = y - y0;
    into[row * SIDE + column] = (1 - dy) * ((1 - dx) * at(x0, y0) + dx * at(x0 + 1, y0)) + dy * ((1 - dx) * at(x0, y0 + 1) + dx * at(x0 + 1, y0 + 1));
  }
  return into;
}

export const AUGMENTATIONS = {
  none: picture => picture,
  mirror: (picture, random) => random() < 0.5 ? picture : moved(picture, true, 0, 0),
  "mirror and shift": (picture, random) => moved(picture, random() < 0.5, 4 * random() - 2, 4 * random() - 2),
};

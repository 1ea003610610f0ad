// From a photograph of one garment on a plain background to what the network was trained on: 28 x 28, light on black, centred.
// Step by step what `prepare` of fashion_cnn/predict.py does; tests/test_live.py holds the two against each other.
import {BICUBIC, grey, picture, resize, sharpened, thumbnail} from "./pixels.js";

const WORKING = 252;                      // pixels: photographs are brought down to this
const GREY = [0.299, 0.587, 0.114].map(Math.fround);   // shares of red, green and blue in luminance, in single precision as in Python

export class NoGarment extends Error {}

export function median(numbers) {
  const sorted = Float64Array.from(numbers).sort(), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Places of the outermost twenty-fifth of a picture on each side, at least one pixel
function border(width, height) {
  const edge = Math.max(1, roundEven(Math.min(width, height) / 25)), places = [];
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    if (y < edge || x < edge || y >= height - edge || x >= width - edge) places.push(y * width + x);
  }
  return places;
}

// As Python rounds: halves to the even neighbour
function roundEven(number) {
  const low = Math.floor(number), part = number - low;
  return part < 0.5 || part === 0.5 && low % 2 === 0 ? low : low + 1;
}

// A surface of second degree over a picture, coordinates from -1 to 1, has six terms: 1, row, column, their squares, their product.
// Those of the pixels at some places, six numbers each
function termsAt(places, width, height) {
  const terms = new Float64Array(6 * places.length);
  for (let n = 0; n < places.length; n++) {
    const row = height > 1 ? -1 + 2 * Math.floor(places[n] / width) / (height - 1) : -1;
    const column = width > 1 ? -1 + 2 * (places[n] % width) / (width - 1) : -1, at = 6 * n;
    terms[at] = 1; terms[at + 1] = row; terms[at + 2] = column;
    terms[at + 3] = row * row; terms[at + 4] = column * column; terms[at + 5] = row * column;
  }
  return terms;
}

const surfaceAt = (terms, at, surface) => terms[at] * surface[0] + terms[at + 1] * surface[1] + terms[at + 2] * surface[2]
  + terms[at + 3] * surface[3] + terms[at + 4] * surface[4] + terms[at + 5] * surface[5];

// The three surfaces, one for each colour, nearest to the chosen pixels in least squares, by the normal equations;
// a trace of ridge decides where a tiny picture leaves them open
function fit(terms, colours, chosen) {
  const matrix = Array.from({length: 6}, () => new Float64Array(9));
  for (const n of chosen) for (let i = 0; i < 6; i++) {
    const row = matrix[i], term = terms[6 * n + i];
    for (let j = 0; j < 6; j++) row[j] += term * terms[6 * n + j];
    for (let c = 0; c < 3; c++) row[6 + c] += term * colours[c][n];
  }
  for (let i = 0; i < 6; i++) matrix[i][i] += 1e-13 * chosen.length;
  for (let i = 0; i < 6; i++) for (let j = 0; j < 6; j++) {
    const factor = i === j ? 0 : matrix[j][i] / matrix[i][i];
    for (let k = i; factor && k < 9; k++) matrix[j][k] -= factor * matrix[i][k];
  }
  return [6, 7, 8].map(column => matrix.map((row, i) => row[column] / row[i]));
}

// Numbers of the pixels for which `miss` is below a limit
const below = (misses, limit) => Array.from(misses.keys()).filter(n => misses[n] < limit);

// How far each pixel is from what is expected there, in the colour that is farthest
function missesOf(colours, expected) {
  return colours[0].map((_, n) => Math.max(...[0, 1, 2].map(c => Math.abs(expected(c, n) - colours[c][n]))));
}

// The ground behind a garment, a surface through the pixels of the border, and the noise of the border in grey levels
function groundOf({width, height, data}) {
  const places = border(width, height), terms = termsAt(places, width, height);
  const colours = [0, 1, 2].map(c => Float64Array.from(places, place => data[3 * place + c])), middle = colours.map(median);
  let plain = below(missesOf(colours, c => middle[c]), 48), surfaces, noise;
  for (let time = 0; time < 3; time++) {
    surfaces = fit(terms, colours, plain);
    const misses = missesOf(colours, (c, n) => surfaceAt(terms, 6 * n, surfaces[c]));
    noise = Math.max(1, median(plain.map(n => misses[n])));
    plain = below(misses, 4 * noise + 2);
  }
  const all = termsAt(Uint32Array.from({length: width * height}, (_, place) => place), width, height), ground = new Float64Array(3 * width * height);
  for (let c = 0; c < 3; c++) {
    const surface = surfaces[c];
    for (let at = c, from = 0; at < ground.length; at += 3, from += 6) ground[at] = Math.min(255, Math.max(0, surfaceAt(all, from, surface)));
  }
  return {ground, noise};
}

// The middle one of each pixel and its eight neighbours
function median3(values, width, height) {
  const made = new Float64Array(values.length), nine = new Float64Array(9);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    for (let n = 0; n < 9; n++) {
      const row = Math.min(height - 1, Math.max(0, y + Math.floor(n / 3) - 1)), column = Math.min(width - 1, Math.max(0, x + n % 3 - 1));
      let at = n, value = values[row * width + column];
      while (at > 0 && nine[at - 1] > value) nine[at] = nine[--at];
      nine[at] = value;
    }
    made[y * width + x] = nine[4];
  }
  return made;
}

// A mask, and the neighbours above, below, left and right, so many times
function grown(mask, width, height, times) {
  for (let time = 0; time < times; time++) {
    const next = Uint8Array.from(mask);
    for (let at = 0; at < mask.length; at++) {
      if (!mask[at]) continue;
      const x = at % width;
      if (x) next[at - 1] = 1;
      if (x < width - 1) next[at + 1] = 1;
      if (at >= width) next[at - width] = 1;
      if (at < mask.length - width) next[at + width] = 1;
    }
    mask = next;
  }
  return mask;
}

// The number of the connected part that each pixel belongs to; 0 for those in none
function parts(mask, width) {
  const label = new Int32Array(mask.length), waiting = [];
  let count = 0;
  const visit = at => { if (mask[at] && !label[at]) { label[at] = count; waiting.push(at); } };
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || label[start]) continue;
    count++;
    visit(start);
    while (waiting.length) {
      const at = waiting.pop(), x = at % width;
      if (x) visit(at - 1);
      if (x < width - 1) visit(at + 1);
      if (at >= width) visit(at - width);
      if (at < mask.length - width) visit(at + width);
    }
  }
  return {label, count};
}

// Where the garment is
function garmentMask({width, height, data}, ground, noise) {
  let away = new Float64Array(width * height);
  for (let place = 0, at = 0; place < away.length; place++) {
    for (let c = 0; c < 3; c++, at++) away[place] = Math.max(away[place], Math.abs(data[at] - ground[at]));
  }
  const reach = Math.floor(Math.max(width, height, 3) / 90);
  if (reach) away = median3(away, width, height);
  const mask = Uint8Array.from(away, value => value > Math.max(0.05 * 255, 5 * noise));
  const {label, count} = parts(grown(mask, width, height, reach), width), areas = new Float64Array(count + 1);
  mask.forEach((inside, at) => { if (label[at]) areas[label[at]] += inside; });
  const least = Math.max(...areas) / 50;
  const kept = mask.map((inside, at) => inside && areas[label[at]] > least ? 1 : 0);
  if (kept.reduce((sum, inside) => sum + inside, 0) < 4) {
    throw new NoGarment("Nothing stands out from the background here: one garment on a plain background of another colour.");
  }
  return kept;
}

// The first and the last row and column of a mask
function frame(mask, width, height) {
  let [left, right, top, bottom] = [width, 0, height, 0];
  mask.forEach((inside, at) => {
    if (!inside) return;
    const x = at % width, y = Math.floor(at / width);
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  return {left, right, top, bottom};
}

const luminance = (colours, at) => GREY[0] * colours[at] + GREY[1] * colours[at + 1] + GREY[2] * colours[at + 2];

// The garment, bright where it differs from the background, on black, cut out at its edges
function distanceFromGround(photograph) {
  const small = thumbnail(photograph, WORKING), {width, height, data} = small;
  const {ground, noise} = groundOf(small), mask = garmentMask(small, ground, noise), near = grown(mask, width, height, 2);
  const {left, right, top, bottom} = frame(mask, width, height), made = picture(right - left + 1, bottom - top + 1);
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) {
    const at = 3 * (y * width + x);
    if (!near[at / 3]) continue;
    const tone = Math.fround(luminance(data, at)), behind = luminance(ground, at);
    made.data[(y - top) * made.width + x - left] = roundEven(255 * Math.abs(tone - behind) / Math.max(behind, 255 - behind));
  }
  return made;
}

// The longest edge brought to `size` pixels, sharpened if that made it smaller, and centred
function centred(garment, size) {
  const scale = Math.min(size / garment.width, size / garment.height);
  const [width, height] = [garment.width, garment.height].map(side => Math.max(1, roundEven(side * scale)));
  let small = resize(garment, width, height, BICUBIC);
  if (scale < 1) small = sharpened(small);
  const canvas = picture(size, size), left = (size - width) >> 1, top = (size - height) >> 1;
  for (let y = 0; y < height; y++) canvas.data.set(small.data.subarray(y * width, (y + 1) * width), (top + y) * size + left);
  return canvas;
}

const isLight = plain => median(border(plain.width, plain.height).map(place => plain.data[place])) > 127;

// A photograph (three channels) as an image of Fashion-MNIST: {seen, steps}; NoGarment where nothing stands out
export function prepare(photograph, size = 28) {
  const plain = grey(photograph), light = isLight(plain);
  if (photograph.width === size && photograph.height === size) {
    return {seen: light ? picture(size, size, 1, plain.data.map(value => 255 - value)) : plain, light};
  }
  return {seen: centred(distanceFromGround(photograph), size), light};
}

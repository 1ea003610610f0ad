// Pictures in memory, and the four things Pillow does to them on the way to a network: to shrink by whole numbers, to resize,
// to sharpen, to make grey. The same arithmetic in the same whole numbers, so that the page and Python see the same picture.
// A picture is {width, height, channels, data}, its data row by row, 0 to 255.

export const picture = (width, height, channels = 1, data = new Uint8ClampedArray(width * height * channels)) =>
  ({width, height, channels, data});

const BITS = 22;    // of fraction in Pillow's weights

// Filters: how far they reach, and their weight at a distance
export const BOX = {support: 0.5, weight: x => x > -0.5 && x <= 0.5 ? 1 : 0};
export const BICUBIC = {support: 2, weight: cubic};

function cubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

// For each of `size` new pixels: the first old pixel that counts, and the weights of that one and of those behind it
function weights(length, end, size, filter) {
  const scale = end / size, wide = Math.max(scale, 1), reach = filter.support * wide;
  return Array.from({length: size}, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(length, Math.trunc(centre + reach + 0.5));
    const shares = Array.from({length: last - first}, (_, n) => filter.weight((n + first - centre + 0.5) / wide));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return {first, shares: shares.map(share => roundAway(share / total * 2 ** BITS))};
  });
}

const roundAway = number => Math.trunc(number + (number < 0 ? -0.5 : 0.5));

// Rows made shorter or longer; `end` is how far into the old row the new one goes
function resizeRows({width, height, channels, data}, size, end, filter) {
  const made = picture(size, height, channels), table = weights(width, end, size, filter);
  for (let y = 0; y < height; y++) for (let x = 0; x < size; x++) for (let c = 0; c < channels; c++) {
    const {first, shares} = table[x];
    let sum = 2 ** (BITS - 1), from = (y * width + first) * channels + c;
    for (let n = 0; n < shares.length; n++, from += channels) sum += data[from] * shares[n];
    made.data[(y * size + x) * channels + c] = Math.floor(sum / 2 ** BITS);
  }
  return made;
}

export function transposed({width, height, channels, data}) {
  const made = picture(height, width, channels);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) {
    made.data[(x * height + y) * channels + c] = data[(y * width + x) * channels + c];
  }
  return made;
}

const inRows = (from, size, end, filter) => size === from.width && end === size ? from : resizeRows(from, size, end, filter);
const inColumns = (from, size, end, filter) => size === from.height && end === size ? from
  : transposed(resizeRows(transposed(from), size, end, filter));

// Rows first, then columns; the other way round where the picture is tall, as Pillow 13 does
export function resize(from, width, height, filter, endX = from.width, endY = from.height) {
  const lost = from.height - height, tall = lost > 0 && lost > 2 * (from.width - width);
  if (tall) return inRows(inColumns(from, height, endY, filter), width, endX, filter);
  return inColumns(inRows(from, width, endX, filter), height, endY, filter);
}

// Means of blocks; what is left at the right and at the bottom becomes smaller blocks
export function reduce(from, across, down) {
  const {width, height, channels, data} = from;
  const made = picture(Math.ceil(width / across), Math.ceil(height / down), channels);
  for (let y = 0; y < made.height; y++) for (let x = 0; x < made.width; x++) {
    const right = Math.min(width, (x + 1) * across), bottom = Math.min(height, (y + 1) * down);
    const count = (right - x * across) * (bottom - y * down), factor = Math.floor(Math.fround(2 ** 24 / count));
    for (let c = 0; c < channels; c++) {
      let sum = Math.floor(count / 2);
      for (let row = y * down; row < bottom; row++) {
        for (let at = (row * width + x * across) * channels + c, end = (row * width + right) * channels; at < end; at += channels) sum += data[at];
      }
      made.data[(y * made.width + x) * channels + c] = Math.floor(sum * factor / 2 ** 24);
    }
  }
  return made;
}

// As large as fits into a square of `most` pixels; a smaller picture stays
export function thumbnail(from, most) {
  const {width, height} = from, shape = width / height;
  if (width <= most && height <= most) return from;
  const nearest = (number, miss) => {
    const low = Math.floor(number), high = Math.ceil(number);
    return Math.max(miss(low) <= miss(high) ? low : high, 1);
  };
  let [x, y] = [most, most];
  if (shape <= 1) x = nearest(most * shape, n => Math.abs(shape - n / most));
  else y = nearest(most / shape, n => n === 0 ? 0 : Math.abs(shape - most / n));
  const across = Math.floor(width / x / 2) || 1, down = Math.floor(height / y / 2) || 1;
  const smaller = across > 1 || down > 1 ? reduce(from, across, down) : from;
  return resize(smaller, x, y, BOX, width / across, height / down);
}

// Luminance of red, green and blue
export function grey({width, height, channels, data}) {
  const made = picture(width, height);
  for (let at = 0, from = 0; at < made.data.length; at++, from += channels) {
    made.data[at] = (data[from] * 19595 + data[from + 1] * 38470 + data[from + 2] * 7471 + 0x8000) >> 16;
  }
  return made;
}

// Pillow's Gaussian blur of radius 1: three times a sixth, two thirds, a sixth, along rows and along columns
const MIDDLE = Math.floor(Math.fround(2 ** 24 / 1.5)), SIDE = (2 ** 24 - MIDDLE) >> 1;

function softened({width, height, data}) {
  let line = data;
  for (let time = 0; time < 3; time++) {
    const next = new Uint8ClampedArray(line.length);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const at = y * width + x, left = x ? at - 1 : at, right = x < width - 1 ? at + 1 : at;
      next[at] = Math.floor((line[at] * MIDDLE + (line[left] + line[right]) * SIDE + 2 ** 23) / 2 ** 24);
    }
    line = next;
  }
  return picture(width, height, 1, line);
}

// What a blur takes away, added by half once more (UnsharpMask with radius 1 and 50 percent)
export function sharpened(from) {
  const blurred = transposed(softened(transposed(softened(from))));
  return picture(from.width, from.height, 1, from.data.map((value, at) => value + Math.trunc((value - blurred.data[at]) * 50 / 100)));
}

// Layers that learn. Each takes a batch of rows of numbers and gives one: forward(x, batch, training), and backward(above, batch, wanted),
// which adds to the gradients of its weights and gives the gradient of what came in. `shape` is what one image has become.
import {convolution, convolve, convolveBack, dense as multiplyRows, denseBack, softmax} from "./kernels.js";

// Activations, and their slope at a value that they gave
export const ACTIVATIONS = {
  linear: {value: x => x, slope: () => 1},
  relu: {value: x => x > 0 ? x : 0, slope: y => y > 0 ? 1 : 0},
  sigmoid: {value: x => 1 / (1 + Math.exp(-x)), slope: y => y * (1 - y)},
  tanh: {value: Math.tanh, slope: y => 1 - y * y},
  elu: {value: x => x > 0 ? x : Math.expm1(x), slope: y => y > 0 ? 1 : y + 1},
};

const zeros = arrays => arrays.map(array => new Float32Array(array.length));

// Uniform numbers whose spread keeps signals and gradients of like size from layer to layer (Glorot and Bengio, 2010)
function glorot(count, comeIn, goOut, random) {
  const most = Math.sqrt(6 / (comeIn + goOut));
  return Float32Array.from({length: count}, () => most * (2 * random() - 1));
}

function activate(numbers, {value}) {
  for (let at = 0; at < numbers.length; at++) numbers[at] = value(numbers[at]);
  return numbers;
}

const throughSlope = (above, out, {slope}) => above.map((value, at) => value * slope(out[at]));

export function conv(name, shape, {filters, kernel, padding, activation}, random) {
  const sizes = convolution(shape, {kernel, filters, padding}), bend = ACTIVATIONS[activation];
  const weights = [glorot(sizes.patch * filters, sizes.patch, kernel * kernel * filters, random), new Float32Array(filters)], grads = zeros(weights);
  let input, out;
  return {
    name, weights, grads, kernel, channels: shape.channels, shape: {height: sizes.rows, width: sizes.columns, channels: filters},
    forward(x, batch) {
      input = x;
      return out = activate(convolve(x, weights[0], weights[1], sizes, batch), bend);
    },
    backward: (above, batch, wanted) => convolveBack(input, weights[0], sizes, batch, throughSlope(above, out, bend), grads, wanted),
  };
}

// Of every 2 x 2 pixels the largest; what is left over at the right and at the bottom is dropped
export function pool(name, {height, width, channels}) {
  const rows = Math.floor(height / 2), columns = Math.floor(width / 2);
  let from, size;
  return {
    name, weights: [], grads: [], shape: {height: rows, width: columns, channels},
    forward(x, batch) {
      const out = new Float32Array(batch * rows * columns * channels);
      [from, size] = [new Int32Array(out.length), x.length];
      let to = 0;
      for (let n = 0; n < batch; n++) for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
        const corner = ((n * height + 2 * row) * width + 2 * column) * channels;
        for (let c = 0; c < channels; c++, to++) {
          let best = corner + c;
          for (const other of [best + channels, best + width * channels, best + (width + 1) * channels]) if (x[other] > x[best]) best = other;
          out[to] = x[from[to] = best];
        }
      }
      return out;
    },
    backward(above) {
      const back = new Float32Array(size);
      for (let at = 0; at < above.length; at++) back[from[at]] += above[at];
      return back;
    },
  };
}

// Each channel to mean 0 and variance 1 over the batch, then scaled and moved; at inference by running averages
export function norm(name, shape, {momentum = 0.99, epsilon = 1e-3} = {}) {
  const {channels} = shape, one = value => new Float32Array(channels).fill(value);
  const weights = [one(1), one(0)], grads = zeros(weights), averages = [one(0), one(1)];
  let even, spread, training;
  function moments(x) {
    const mean = new Float64Array(channels), variance = new Float64Array(channels), count = x.length / channels;
    for (let at = 0; at < x.length; at++) mean[at % channels] += x[at] / count;
    for (let at = 0; at < x.length; at++) variance[at % channels] += (x[at] - mean[at % channels]) ** 2 / count;
    return [mean, variance];
  }
  return {
    name, weights, grads, averages, shape,
    forward(x, batch, learning) {
      training = learning;
      const [mean, variance] = learning ? moments(x) : averages;
      if (learning) averages.forEach((average, n) => average.forEach((value, c) => { average[c] = momentum * value + (1 - momentum) * [mean, variance][n][c]; }));
      spread = Float64Array.from(variance, value => Math.sqrt(value + epsilon));
      even = x.map((value, at) => (value - mean[at % channels]) / spread[at % channels]);
      return even.map((value, at) => value * weights[0][at % channels] + weights[1][at % channels]);
    },
    backward(above) {
      const [scale, shift] = [new Float64Array(channels), new Float64Array(channels)], count = above.length / channels;
      for (let at = 0; at < above.length; at++) { scale[at % channels] += above[at] * even[at]; shift[at % channels] += above[at]; }
      for (let c = 0; c < channels; c++) { grads[0][c] += scale[c]; grads[1][c] += shift[c]; }
      return above.map((value, at) => {
        const c = at % channels, own = training ? (shift[c] + even[at] * scale[c]) / count : 0;
        return weights[0][c] / spread[c] * (value - own);
      });
    },
  };
}

// In training silences a share of the numbers by chance, and makes the others larger
export function dropout(name, shape, {rate}, random) {
  const layer = {
    name, weights: [], grads: [], shape, mask: null,
    forward(x, batch, training) {
      layer.mask = training ? Float32Array.from(x, () => random() < rate ? 0 : 1 / (1 - rate)) : null;
      return training ? x.map((value, at) => value * layer.mask[at]) : x;
    },
    backward: above => layer.mask ? above.map((value, at) => value * layer.mask[at]) : above,
  };
  return layer;
}

export function dense(name, {height, width, channels}, {units, activation}, random) {
  const size = height * width * channels, bend = ACTIVATIONS[activation];
  const weights = [glorot(size * units, size, units, random), new Float32Array(units)], grads = zeros(weights);
  let input, out;
  return {
    name, weights, grads, shape: {height: 1, width: 1, channels: units},
    forward(x, batch) {
      input = x;
      return out = activate(multiplyRows(x, weights[0], weights[1], batch), bend);
    },
    backward: (above, batch) => denseBack(input, weights[0], batch, throughSlope(above, out, bend), grads),
  };
}

// Cross-entropy of scores, as mean over the batch: {probabilities, loss, right, gradient}
export function crossEntropy(scores, labels, classes) {
  const probabilities = softmax(scores, classes), gradient = probabilities.map(share => share / labels.length);
  let loss = 0, right = 0;
  labels.forEach((label, n) => {
    const row = probabilities.subarray(n * classes, (n + 1) * classes);
    loss -= Math.log(Math.max(row[label], 1e-7)) / labels.length;
    right += row.indexOf(Math.max(...row)) === label ? 1 : 0;
    gradient[n * classes + label] -= 1 / labels.length;
  });
  return {probabilities, loss, right, gradient};
}

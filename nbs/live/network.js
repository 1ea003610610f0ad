// A trained network from its packed form (fashion_cnn.page.live makes it): a list of layers, each with the names of what it takes in, and all
// numbers in one file. It looks at the picture and, where it was trained to, at its mirror image, and answers with the mean.
import {convolution, convolve, dense, globalAverage, softmax} from "./kernels.js";

// A number in half precision (16 bits: sign, 5 of exponent, 10 of fraction)
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * fraction / 1024);
}

// The arrays of a packed file by name: {name: {shape, data}}
export function unpacked(buffer, arrays) {
  return Object.fromEntries(Object.entries(arrays).map(([name, {dtype, shape, offset}]) => {
    const length = shape.reduce((product, side) => product * side, 1);
    const data = dtype === "uint8" ? new Uint8Array(buffer, offset, length)
      : Float32Array.from(new Uint16Array(buffer, offset, length), fromHalf);
    return [name, {shape, data}];
  }));
}

// What each kind of layer does: (what comes in, the layer, its arrays) -> what goes out, each {height, width, channels, data}
const LAYERS = {
  scale: ([x], {factor}) => ({...x, data: x.data.map(value => value * factor)}),
  conv([x], layer, {kernel, bias}) {
    const [size, , , filters] = kernel.shape, shape = convolution(x, {...layer, kernel: size, filters});
    return {height: shape.rows, width: shape.columns, channels: filters, data: convolve(x.data, kernel.data, bias?.data, shape, 1)};
  },
  norm([x], {epsilon}, {gamma, beta, mean, variance}) {
    const factor = gamma.data.map((value, c) => value / Math.sqrt(variance.data[c] + epsilon));
    return {...x, data: x.data.map((value, at) => { const c = at % x.channels; return (value - mean.data[c]) * factor[c] + beta.data[c]; })};
  },
  relu: ([x]) => ({...x, data: x.data.map(value => Math.max(value, 0))}),
  add: ([x, y]) => ({...x, data: x.data.map((value, at) => value + y.data[at])}),
  average: ([x]) => ({height: 1, width: 1, channels: x.channels, data: globalAverage(x.data, x, 1)}),
  dense: ([x], _, {kernel, bias}) => ({height: 1, width: 1, channels: bias.data.length,
                                       data: softmax(dense(x.data, kernel.data, bias.data, 1), bias.data.length)}),
};

// Everything that a picture (28 x 28 bytes) becomes on its way: {name of a layer: {height, width, channels, data}}
export function forward({layers, arrays}, pixels, side) {
  const made = {pixels: {height: side, width: side, channels: 1, data: Float32Array.from(pixels)}};
  for (const layer of layers) {
    const own = Object.fromEntries(layer.arrays.map(name => [name, arrays[`${layer.name}/${name}`]]));
    made[layer.name] = LAYERS[layer.kind](layer.inputs.map(name => made[name]), layer, own);
  }
  return made;
}

export const mirrored = (pixels, side) => pixels.map((_, at) => pixels[at - at % side + side - 1 - at % side]);

// {probabilities, maps, features}: the mean answer, every layer of the picture as it is, and the averages before the last layer
export function answer(network, pixels, side = 28) {
  const {layers, mirror} = network, last = layers.at(-1), maps = forward(network, pixels, side);
  let probabilities = maps[last.name].data;
  if (mirror) {
    const other = forward(network, mirrored(pixels, side), side)[last.name].data;
    probabilities = probabilities.map((value, c) => (value + other[c]) / 2);
  }
  return {probabilities, maps, features: maps[last.inputs[0]].data};
}

// What each place of the last feature maps adds to the score of a class; its mean and the bias are that score
export function classMap({layers, arrays}, maps, number) {
  const last = layers.at(-1), average = layers.find(layer => layer.name === last.inputs[0]);
  const {height, width, channels, data} = maps[average.inputs[0]], {kernel, bias} =
    {kernel: arrays[`${last.name}/kernel`].data, bias: arrays[`${last.name}/bias`].data};
  const out = new Float32Array(height * width);
  for (let at = 0; at < data.length; at++) out[Math.floor(at / channels)] += data[at] * kernel[at % channels * bias.length + number];
  return {height, width, data: out.map(value => value + bias[number])};
}

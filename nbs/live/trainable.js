// The network of the page "Train in the page": that of `a3-dropout` in fashion_cnn/models/networks.py, stage by stage a convolution,
// normalisation if asked for, pooling and dropout, then two dense layers; and one step of its training.
import {conv, crossEntropy, dense, dropout, norm, pool} from "./layers.js";

export const UNITS = 64;    // of the dense layer before the last

export const stages = ({filters, depth}) => Array.from({length: depth}, (_, n) => filters * 2 ** n);

// Layers from 28 x 28 pixels to scores
export function network({filters, depth, kernel, activation, normalization, dropout: rate, classes = 10}, random) {
  const layers = [];
  let shape = {height: 28, width: 28, channels: 1};
  const put = layer => { layers.push(layer); shape = layer.shape; };
  stages({filters, depth}).forEach((count, n) => {
    put(conv(`conv${n + 1}`, shape, {filters: count, kernel, padding: n ? "same" : "valid", activation}, random));
    if (normalization === "batch") put(norm(`norm${n + 1}`, shape));
    put(pool(`pool${n + 1}`, shape));
    if (rate) put(dropout(`dropout${n + 1}`, shape, {rate}, random));
  });
  put(dense("dense", shape, {units: UNITS, activation}, random));
  put(dense("probabilities", shape, {units: classes, activation: "linear"}, random));
  return layers;
}

export const parameters = layers => layers.flatMap(({weights}) => weights).reduce((sum, {length}) => sum + length, 0);

// What every layer makes of some images: [output, ...], the last of them scores
export function forward(layers, images, batch, training = false) {
  const outputs = [];
  for (const layer of layers) outputs.push(layer.forward(outputs.at(-1) ?? images, batch, training));
  return outputs;
}

// Gradients of one batch, left in the layers: {loss, right}
export function gradients(layers, images, labels) {
  const scores = forward(layers, images, labels.length, true).at(-1), judged = crossEntropy(scores, labels, layers.at(-1).shape.channels);
  let above = judged.gradient;
  for (let n = layers.length - 1; n >= 0; n--) above = layers[n].backward(above, labels.length, n > 0);
  return judged;
}

// Loss and accuracy of images that are not learnt from, 100 at a time
export function judge(layers, x, y, size = 784) {
  let loss = 0, right = 0;
  for (let start = 0; start < y.length; start += 100) {
    const labels = y.subarray(start, start + 100), scores = forward(layers, x.subarray(start * size, (start + labels.length) * size), labels.length).at(-1);
    const part = crossEntropy(scores, labels, layers.at(-1).shape.channels);
    loss += part.loss * labels.length / y.length;
    right += part.right;
  }
  return {loss, accuracy: right / y.length};
}

// A worker: holds the trained network, makes the picture that it sees, and answers. The page stays free meanwhile.
import {answer, classMap, unpacked} from "./network.js";
import {NoModel} from "./onnx.js";
import {opened as openedModel} from "./own.js";
import {NoGarment, prepare} from "./photograph.js";

const MOST = 50e6;    // pixels of a photograph
let network, mistakes, means, own = null;    // `own`: a network of the visitor's, in place of the recorded one

async function load(folder) {
  const [plan, buffer] = await Promise.all([fetch(new URL("fast.json", folder)).then(opened).then(answer => answer.json()),
                                            fetch(new URL("fast.bin", folder)).then(opened).then(answer => answer.arrayBuffer())]);
  const arrays = unpacked(buffer, plan.arrays), size = arrays.means.shape[1];
  network = {...plan, arrays};
  means = rows(arrays.means.data, size);
  mistakes = rows(arrays.mistakes.data, size).map(whitened);
  return plan;
}

function opened(answer) {
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
  return answer;
}

const rows = (numbers, size) => Array.from({length: numbers.length / size}, (_, n) => numbers.subarray(n * size, (n + 1) * size));

// Features in directions in which all spreads are alike, so that distances mean the same everywhere
function whitened(features) {
  const {data} = network.arrays.whitening;
  return Float32Array.from(features, (_, row) => features.reduce((sum, value, n) => sum + value * data[row * features.length + n], 0));
}

const distance = (a, b) => Math.sqrt(a.reduce((sum, value, n) => sum + (value - b[n]) ** 2, 0));

// A picture file as red, green and blue, upright, on white where it is transparent
async function decoded(file) {
  const bitmap = await createImageBitmap(file, {imageOrientation: "from-image", colorSpaceConversion: "none"}).catch(() => {
    throw new NoGarment("This file is no picture that the browser can read. JPEG and PNG work everywhere.");
  });
  const {width, height} = bitmap;
  if (width * height > MOST) throw new NoGarment(`This picture has ${Math.round(width * height / 1e6)} million pixels; at most ${MOST / 1e6} million are read here.`);
  const drawn = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
  drawn.fillStyle = "#fff";
  drawn.fillRect(0, 0, width, height);
  drawn.drawImage(bitmap, 0, 0);
  return withoutAlpha(drawn.getImageData(0, 0, width, height));
}

function withoutAlpha({width, height, data}) {
  const made = new Uint8ClampedArray(3 * width * height);
  for (let from = 0, to = 0; to < made.length; from += 4) for (let c = 0; c < 3; c++) made[to++] = data[from + c];
  return {width, height, channels: 3, data: made};
}

// What is asked: a finished picture (`pixels`), a photograph in a `file`, or a `drawing` (ImageData)
async function seenOf({pixels, file, drawing}, side) {
  if (pixels && side === 28) return {seen: {width: 28, height: 28, channels: 1, data: pixels}, light: false};
  if (pixels) return prepare({width: 28, height: 28, channels: 3, data: Uint8ClampedArray.from({length: 3 * pixels.length}, (_, at) => pixels[Math.floor(at / 3)])}, side);
  return prepare(file ? await decoded(file) : withoutAlpha(drawing), side);
}

async function look(question) {
  const {seen, light} = await seenOf(question, own?.side ?? 28);
  if (own) return {seen, light, own: own.name, ...await own.answer(seen.data)};
  const {probabilities, maps, features} = answer(network, seen.data);
  const here = whitened(features), away = mistakes.map(other => distance(here, other));
  const nearest = away.map((_, n) => n).sort((a, b) => away[a] - away[b]).slice(0, 6);
  return {seen, light, probabilities, maps, nearest, unlike: Math.min(...means.map(mean => distance(here, mean))),
          classMaps: network.class_names.map((_, number) => classMap(network, maps, number))};
}

// The visitor's network from now on; with no file, the recorded one again
async function change({file}) {
  own = file ? await openedModel(await file.arrayBuffer()) : null;
  return own ? {name: own.name, names: own.names, layers: own.layers, side: own.side} : {name: null};
}

const ASKED = {
  load: async ({folder}) => ({kind: "ready", plan: await load(folder)}),
  model: async question => ({kind: "model", ...await change(question)}),
  look: async question => ({kind: "answer", question: question.number, ...await look(question)}),
};
const FAILED = {load: "failed", model: "model", look: "answer"};

self.onmessage = async ({data: question}) => {
  try { self.postMessage(await ASKED[question.kind](question)); }
  catch (error) {
    const plain = error instanceof NoGarment || error instanceof NoModel ? error.message : `Something went wrong: ${error.message}`;
    self.postMessage({kind: FAILED[question.kind], question: question.number, problem: plain});
  }
};

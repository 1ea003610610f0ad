// A worker that trains. It works for a few hundredths of a second, tells the page, listens, and goes on; so the page never waits,
// and a press on "pause" is heard at once.
import {AUGMENTATIONS, moved} from "./augment.js";
import {softmax} from "./kernels.js";
import {OPTIMIZERS} from "./optimizers.js";
import {generator, shuffle} from "./random.js";
import {garments, SIDE} from "./sketch.js";
import {forward, gradients, judge, network, parameters} from "./trainable.js";

const SIZE = SIDE * SIDE, HELD_OUT = 500, EXAMPLES = 20, WORK = 40;    // WORK: milliseconds between two looks at the door
let table, data, settings, running = false, example = 0, run = null;

// --- the garments ---

const scaled = bytes => Float32Array.from(bytes, value => value / 255);

// Pictures of the visitor, each moved a little and copied until the class is about as large as the others
function copies(pictures, count, random) {
  return Array.from({length: count}, (_, n) => moved(pictures[n % pictures.length], false, n < pictures.length ? 0 : 4 * random() - 2, n < pictures.length ? 0 : 4 * random() - 2));
}

function joined({x, y}, pictures) {
  const all = new Float32Array(x.length + pictures.length * SIZE), labels = new Uint8Array(y.length + pictures.length);
  all.set(x);
  pictures.forEach((picture, n) => all.set(picture, x.length + n * SIZE));
  labels.set(y);
  labels.fill(10, y.length);
  return {x: all, y: labels};
}

// Two sets of drawn garments, one to learn from and one to judge by; with a class of the visitor's own, a quarter of it to judge by
function prepared({images, own}) {
  if (data?.images !== images) {
    const [learn, held] = [garments(table, images, 1), garments(table, HELD_OUT, 2)];
    data = {images, learn: {x: scaled(learn.x), y: learn.y}, held: {x: scaled(held.x), y: held.y}};
  }
  const names = [...table.class_names];
  if (!own.pictures.length) return {...data, names};
  const pictures = own.pictures.map(scaled), cut = Math.max(1, Math.floor(pictures.length / 4)), random = generator(3);
  return {names: [...names, own.name], learn: joined(data.learn, copies(pictures.slice(cut), images / 10, random)), held: joined(data.held, pictures.slice(0, cut))};
}

// --- one training ---

function begin() {
  const random = generator(settings.seed), sets = prepared(settings), layers = network({...settings, classes: sets.names.length}, random);
  run = {sets, layers, random, step: OPTIMIZERS[settings.optimizer](layers), order: [], at: 0, steps: 0, epoch: 0, loss: 0, right: 0, history: [], seconds: 0};
  self.postMessage({kind: "begun", parameters: parameters(layers), images: sets.learn.y.length, held: sets.held.y.length, names: sets.names,
                    layers: layers.map(({name}) => name), examples: {x: sets.held.x.slice(0, EXAMPLES * SIZE), y: sets.held.y.slice(0, EXAMPLES)}});
}

// The next images in their new order, changed as the augmentation says
function batch() {
  const {sets: {learn}, order, at, random} = run, count = Math.min(settings.batch_size, order.length - at);
  const x = new Float32Array(count * SIZE), y = new Uint8Array(count), change = AUGMENTATIONS[settings.augmentation];
  for (let n = 0; n < count; n++) {
    const place = order[at + n];
    x.set(change(learn.x.subarray(place * SIZE, (place + 1) * SIZE), random), n * SIZE);
    y[n] = learn.y[place];
  }
  return {x, y};
}

function step() {
  if (run.at === 0) {
    run.order = shuffle(Uint32Array.from(run.sets.learn.y.keys()), run.random);
    run.loss = run.right = 0;
  }
  const {x, y} = batch(), {loss, right} = gradients(run.layers, x, y);
  if (!Number.isFinite(loss)) return diverged();
  run.step(settings.learning_rate);
  run.loss += loss * y.length;
  run.right += right;
  run.at += y.length;
  run.steps++;
  if (run.at === run.order.length) endEpoch();
}

function endEpoch() {
  const held = judge(run.layers, run.sets.held.x, run.sets.held.y), count = run.order.length;
  run.epoch++;
  run.history.push({epoch: run.epoch, loss: run.loss / count, accuracy: run.right / count, val_loss: held.loss, val_accuracy: held.accuracy});
  run.at = 0;
}

function diverged() {
  running = false;
  run.problem = "The loss is no longer a number: the steps were too long. Take a smaller learning rate.";
}

// --- what the page is told ---

function told() {
  const {layers, sets, at, epoch, steps, history, loss, right, seconds, problem} = run, image = sets.held.x.subarray(example * SIZE, (example + 1) * SIZE);
  const outputs = forward(layers, image, 1);
  return {kind: "state", running, problem, epoch, steps, seconds, history, at, images: sets.learn.y.length, loss: at ? loss / at : null, accuracy: at ? right / at : null,
          kernels: layers[0].weights[0].slice(), kernel: layers[0].kernel, filters: layers[0].shape.channels,
          maps: Object.fromEntries(layers.slice(0, -2).map((layer, n) => [layer.name, {...layer.shape, data: outputs[n].slice()}])),
          probabilities: softmax(outputs.at(-1), sets.names.length)};
}

const listen = () => new Promise(heard => setTimeout(heard));

async function work() {
  let last = 0;
  while (running) {
    const begun = performance.now();
    do step(); while (running && performance.now() - begun < WORK);
    run.seconds += (performance.now() - begun) / 1000;
    if (performance.now() - last > 150) { self.postMessage(told()); last = performance.now(); }
    await listen();
  }
  self.postMessage(told());
}

const ASKED = {
  load({ranges}) { table = ranges; },
  begin(asked) {
    settings = asked.settings;
    running = running && asked.go;    // a knob goes on with new weights, "start anew" stands still
    begin();
    self.postMessage(told());
  },
  go() {
    if (running || !run || run.problem) return;
    running = true;
    return work();
  },
  pause() { running = false; },
  step() {
    if (!run || run.problem) return;
    const begun = performance.now();
    step();
    run.seconds += (performance.now() - begun) / 1000;
    self.postMessage(told());
  },
  example({number}) {
    example = number;
    if (!running) self.postMessage(told());
  },
};

self.onmessage = async ({data: asked}) => {
  try { await ASKED[asked.kind](asked); }
  catch (error) {
    running = false;
    run = null;
    self.postMessage({kind: "problem", text: error.message});
  }
};

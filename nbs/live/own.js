// A visitor's own network, from the ONNX file that `Run.export` wrote. The library that runs it lies beside the pages, and is loaded only now.
import {described, NoModel, withOutputs} from "./onnx.js";

const ABSENT = "The library that opens models could not be loaded. The connection failed, or this site was built without it (tools/onnxruntime_web.py fetches it when the site is made).";

async function library() {
  try {
    const ort = await import("./ort/ort.wasm.bundle.min.mjs");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = {wasm: new URL("./ort/ort-wasm-simd-threaded.wasm", import.meta.url).href};
    return ort;
  } catch { throw new NoModel(ABSENT); }
}

// What the file says of itself, with what can be guessed where it says nothing
function facts({metadata}) {
  const {class_names, input_shape, task, recipe} = metadata, shape = input_shape ? JSON.parse(input_shape) : [28, 28, 1];
  if (task === "reconstruct") throw new NoModel("This network gives an image, not names: the page shows networks that name what they see.");
  if (shape[0] !== shape[1] || shape[2] !== 1) throw new NoModel(`This network looks at images of ${shape.join(" x ")}; the page prepares square grey ones.`);
  return {name: recipe ?? "your network", side: shape[0], names: class_names ? JSON.parse(class_names) : null};
}

// Channels first, as ONNX has them, to channels last, of the first image of a batch
function map({dims: [, channels, height, width], data}) {
  const size = height * width, made = new Float32Array(size * channels);
  for (let c = 0; c < channels; c++) for (let at = 0; at < size; at++) made[at * channels + c] = data[c * size + at];
  return {height, width, channels, data: made};
}

// {name, names, side, layers, answer(pixels)} of a file; NoModel where the page cannot use it
export async function opened(buffer) {
  const bytes = new Uint8Array(buffer), told = described(bytes), {name, side, names} = facts(told), ort = await library();
  const session = await ort.InferenceSession.create(withOutputs(bytes, told.convolutions)).catch(error => { throw new NoModel(`The library cannot run this model: ${error.message}`); });
  const [input] = session.inputNames, last = session.outputNames.find(each => !told.convolutions.includes(each));
  const layers = Object.fromEntries(told.convolutions.map((output, n) => [`convolution ${n + 1}`, output]));
  async function answer(pixels) {
    const found = await session.run({[input]: new ort.Tensor("float32", Float32Array.from(pixels), [1, side, side, 1])});
    const maps = Object.entries(layers).filter(([, output]) => found[output].dims.length === 4).map(([layer, output]) => [layer, map(found[output])]);
    return {probabilities: Float32Array.from(found[last].data), maps: Object.fromEntries(maps)};
  }
  const first = await answer(new Uint8Array(side * side)), count = first.probabilities.length;
  return {name, side, names: names ?? Array.from({length: count}, (_, n) => `class ${n}`), layers: Object.keys(first.maps), answer};
}

// What the page must know of an ONNX file, and one change to it. The file is a message of Protocol Buffers: fields, each a number, a kind
// and a value, one behind the other (https://onnx.ai/onnx/repo-docs/IR.html, https://protobuf.dev/programming-guides/encoding).
export class NoModel extends Error {}    // what the page cannot use, in words

const TEXT = new TextDecoder(), BYTES = new TextEncoder();
const GRAPH = 7, METADATA = 14, NODE = 1, OUTPUT = 12;    // numbers of fields

// A whole number of as many bytes as it needs: [value, where it ends]
function number(bytes, at) {
  for (let value = 0, factor = 1; ; at++, factor *= 128) {
    if (at >= bytes.length) throw new NoModel("This is no ONNX file, or only a part of one.");
    value += (bytes[at] & 127) * factor;
    if (bytes[at] < 128) return [value, at + 1];
  }
}

// The fields of a message that hold bytes: [[number of the field, bytes], ...]; numbers are passed over
function fields(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    let tag, length;
    [tag, at] = number(bytes, at);
    if (tag % 8 === 0) { [, at] = number(bytes, at); continue; }
    if (tag % 8 === 2) [length, at] = number(bytes, at);
    else if (tag % 8 === 1 || tag % 8 === 5) length = tag % 8 === 1 ? 8 : 4;
    else throw new NoModel("This is no ONNX file, or a damaged one.");
    if (at + length > bytes.length) throw new NoModel("This ONNX file is cut off.");
    if (tag % 8 === 2) found.push([Math.floor(tag / 8), bytes.subarray(at, at + length)]);
    at += length;
  }
  return found;
}

const all = (message, field) => message.filter(([number]) => number === field).map(([, bytes]) => bytes);
const text = (message, field) => all(message, field).map(bytes => TEXT.decode(bytes));

// {convolutions: names of what every convolution puts out, metadata: {name: text}}
export function described(bytes) {
  const model = fields(bytes), [graph] = all(model, GRAPH);
  if (!graph) throw new NoModel("This is no ONNX file: there is no graph in it.");
  const nodes = all(fields(graph), NODE).map(fields), entries = all(model, METADATA).map(fields);
  return {convolutions: nodes.filter(node => text(node, 4)[0] === "Conv").map(node => text(node, 2)[0]),
          metadata: Object.fromEntries(entries.map(entry => [text(entry, 1)[0], text(entry, 2)[0]]))};
}

// A field that holds bytes, as bytes
function field(number, content) {
  const head = [];
  for (let value of [number * 8 + 2, content.length]) {
    for (; value >= 128; value = Math.floor(value / 128)) head.push(value % 128 + 128);
    head.push(value);
  }
  return Uint8Array.from([...head, ...content]);
}

// The same model, which also gives what its convolutions put out: messages that follow are joined with those before
export function withOutputs(bytes, names) {
  const outputs = names.flatMap(name => [...field(OUTPUT, field(1, BYTES.encode(name)))]), more = field(GRAPH, outputs), made = new Uint8Array(bytes.length + more.length);
  made.set(bytes);
  made.set(more, bytes.length);
  return made;
}

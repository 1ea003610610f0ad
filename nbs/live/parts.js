// Small pieces that both pages are put together from: elements, knobs, pictures on canvas, bars.

// element("button", {textContent: "Stop", onclick: stop}, child, ...); `data` and `aria` are objects of their own
export function element(kind, {data = {}, aria = {}, ...options} = {}, ...children) {
  const made = Object.assign(document.createElement(kind), options);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(name === "role" ? name : `aria-${name}`, value);
  made.append(...children);
  return made;
}

export const button = (text, onclick, options = {}) => element("button", {type: "button", className: "live-button", textContent: text, onclick, ...options});

// A label around a knob, and where it is a slider, its value
export function labelled(text, knob) {
  const label = element("label", {className: "live-label"}, element("span", {textContent: text}), knob);
  if (knob.type === "range") {
    const shown = element("output", {textContent: knob.value});
    knob.addEventListener("input", () => { shown.textContent = knob.value; });
    label.append(shown);
  }
  return label;
}

export const slider = (name, min, max, step, value) => element("input", {type: "range", name, min, max, step, value});

// A list that opens; options are texts, or [value, text]
export const choice = (name, options, value) => element("select", {name}, ...options.map(option => {
  const [key, text] = Array.isArray(option) ? option : [option, option];
  return element("option", {value: key, textContent: text, selected: key === value});
}));

// Knobs that exclude each other, in a frame with a name; `then` is told which
export function radios(legend, name, options, then) {
  const frame = element("fieldset", {className: "live-radios"}, element("legend", {textContent: legend}));
  options.forEach(([value, text], n) => frame.append(element("label", {},
    element("input", {type: "radio", name, value, checked: n === 0, onchange: () => then(value)}), ` ${text}`)));
  return frame;
}

// A picture of numbers in grey, from `low` (black) to `high` (white)
export function paint(canvas, {width, height, data}, low = 0, high = 255) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height), factor = 255 / (high - low || 1);
  for (let at = 0; at < width * height; at++) {
    image.data.fill((data[at] - low) * factor, 4 * at, 4 * at + 3);
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Feature maps side by side as one picture, each from its own lowest (0) to its own highest value (255), a grey line between
export function tiles({width, height, channels, data}) {
  const columns = Math.min(channels, channels > 16 ? 16 : 8), across = columns * (width + 1) - 1, down = Math.ceil(channels / columns) * (height + 1) - 1;
  const all = new Float32Array(across * down).fill(128);
  for (let c = 0; c < channels; c++) {
    let low = Infinity, high = -Infinity;
    for (let at = c; at < data.length; at += channels) { low = Math.min(low, data[at]); high = Math.max(high, data[at]); }
    const corner = Math.floor(c / columns) * (height + 1) * across + c % columns * (width + 1);
    for (let at = 0; at < width * height; at++) {
      all[corner + Math.floor(at / width) * across + at % width] = 255 * (data[at * channels + c] - low) / (high - low || 1);
    }
  }
  return {width: across, height: down, data: all};
}

// From blue through white to orange, 0 in the middle
export function paintSigned(canvas, {width, height, data}, most, opacity = 1) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const share = Math.max(-1, Math.min(1, data[at] / (most || 1))), away = Math.abs(share);
    const ink = share > 0 ? [213, 94, 0] : [0, 114, 178];
    for (let c = 0; c < 3; c++) image.data[4 * at + c] = 255 + away * (ink[c] - 255);
    image.data[4 * at + 3] = 255 * opacity;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// A sheet of pictures, side by side, as numbers
export async function sheet(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const drawn = new OffscreenCanvas(image.width, image.height).getContext("2d", {willReadFrequently: true});
  drawn.drawImage(image, 0, 0);
  return drawn.getImageData(0, 0, image.width, image.height);
}

// One picture of it, as {width, height, channels, data}
export function cut({width, data}, number, side = 28) {
  const columns = width / side, corner = Math.floor(number / columns) * side * width + number % columns * side;
  const pixels = Uint8ClampedArray.from({length: side * side}, (_, at) => data[4 * (corner + Math.floor(at / side) * width + at % side)]);
  return {width: side, height: side, channels: 1, data: pixels};
}

export const percent = share => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;

// One bar for each name, with its share in figures; the largest stands out
export function bars(names, label) {
  const rows = names.map(name => {
    const bar = element("span", {className: "live-bar"}), share = element("span", {className: "live-share"});
    return {bar, share, row: element("li", {}, element("span", {className: "live-name", textContent: name}), element("span", {className: "live-track"}, bar), share)};
  });
  const node = element("ol", {className: "live-bars", aria: {label}}, ...rows.map(({row}) => row));
  return {node, show(shares, texts) {
    const most = Math.max(...shares);
    rows.forEach(({bar, share, row}, n) => {
      bar.style.width = `${100 * shares[n]}%`;
      share.textContent = texts ? texts[n] : percent(shares[n]);
      row.classList.toggle("most", shares[n] === most && most > 0);
    });
  }};
}

// A sentence for those who listen: only the last of many in a hurry
export function speaker() {
  const node = element("p", {className: "live-said", aria: {role: "status"}});
  let waiting;
  return {node, say(text, wait = 0) {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (node.textContent !== text) node.textContent = text; }, wait);
  }};
}

// A worker that answers one question at a time: of those that come meanwhile, the newest is asked next, the others never
export function newestOnly(worker, then) {
  let busy = false, next = null;
  worker.addEventListener("message", ({data}) => {
    if (data.kind !== "answer") return;
    busy = false;
    if (next) ask(next);    // at once, so that the worker computes while the page paints
    then(data);
  });
  function ask(question) {
    if (busy) { next = question; return; }
    [busy, next] = [true, null];
    worker.postMessage(question);
  }
  return ask;
}

export function stylesheet(name) {
  const href = new URL(name, import.meta.url).href;
  if ([...document.styleSheets].some(sheet => sheet.href === href)) return;
  document.head.append(element("link", {rel: "stylesheet", href}));
}

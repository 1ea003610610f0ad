// The page "Train in the page": knobs, curves, kernels and feature maps of a network that learns in training.js, a worker.
import {bars, button, choice, cut, element, labelled, paint, paintSigned, percent, sheet, slider, speaker, stylesheet, tiles} from "./parts.js";
import {chart} from "./chart.js";
import {pad} from "./pad.js";
import {NoGarment, prepare} from "./photograph.js";
import {python} from "./python.js";

const HERE = new URL(".", import.meta.url);
const MINE = 4;    // pictures of one's own, at least

// name: [label, options or [low, high, step], at the beginning]; those that are numbers become numbers
const KNOBS = {
  images: ["garments", [1000, 2000, 4000, 6000], 1000],
  filters: ["filters of the first stage", [2, 4, 8, 16], 8],
  depth: ["stages", [1, 2, 3], 2],
  kernel: ["kernel size", [1, 3, 5, 7], 3],
  activation: ["activation", ["relu", "sigmoid", "tanh", "elu", "linear"], "relu"],
  normalization: ["normalisation", ["none", "batch"], "none"],
  dropout: ["dropout", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0],
  optimizer: ["optimiser", ["adam", "sgd", "momentum"], "adam"],
  learning_rate: ["learning rate", [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1], 0.003],
  batch_size: ["batch size", [8, 16, 32, 64, 128, 256], 32],
  augmentation: ["augmentation", ["none", "mirror", "mirror and shift"], "none"],
  seed: ["seed", [0, 1, 2, 3, 4], 0],
};

function knobs(changed) {
  const boxes = Object.fromEntries(Object.entries(KNOBS).map(([name, [, options, value]]) => [name, choice(name, options.map(String), String(value))]));
  for (const [name, box] of Object.entries(boxes)) box.addEventListener("change", () => changed(name));
  const node = element("fieldset", {className: "live-knobs"}, element("legend", {textContent: "Knobs"}),
    ...Object.entries(KNOBS).map(([name, [label]]) => labelled(label, boxes[name])));
  const settings = () => Object.fromEntries(Object.entries(boxes).map(([name, {value}]) => [name, typeof KNOBS[name][2] === "number" ? Number(value) : value]));
  return {node, boxes, settings};
}

// --- views of a training: each has a node and show(state) ---

const FIGURES = [["loss", "loss", "val_loss"], ["accuracy", "accuracy", "val_accuracy"]];

// Loss and accuracy; behind them, pale, those of the run before
function curves() {
  const charts = FIGURES.map(([title]) => chart(title, title === "accuracy" ? percent : undefined));
  const node = element("div", {className: "live-curves"}, ...FIGURES.map(([title], n) => element("figure", {}, element("figcaption", {textContent: title}), charts[n].node)));
  node.append(element("p", {className: "live-note legend"}, ...[["training", "learn"], ["held out", "held"], ["held out, run before", "before"]].map(
    ([text, kind]) => element("span", {className: `key ${kind}`, textContent: text}))));
  return {node, show({history, at, images, epoch, loss, accuracy}, before) {
    const now = epoch + at / images, here = {loss, accuracy};
    FIGURES.forEach(([title, learn, held], n) => {
      const points = key => history.map(each => [each.epoch, each[key]]), old = (before?.history ?? []).map(each => [each.epoch, each[held]]);
      const lines = [{name: "held out, run before", points: old, kind: "before"},
        {name: "training", points: here[title] === null ? points(learn) : [...points(learn), [now, here[title]]], kind: "learn"},
        {name: "held out", points: points(held), kind: "held"}];
      const values = lines.flatMap(line => line.points.map(([, value]) => value));
      charts[n].show(lines, title === "accuracy" ? [0, 1] : [0, Math.min(5, Math.max(1, ...values))]);
    });
  }};
}

// The kernels of the first layer: orange where a bright pixel speaks for something, blue where it speaks against it
function kernelView() {
  const canvas = element("canvas", {className: "live-kernels", aria: {role: "img", label: "kernels of the first convolution"}});
  return {node: element("section", {className: "live-view"}, element("p", {className: "live-heading", textContent: "Kernels of conv1"}), canvas),
    show({kernels, kernel, filters}) {
      const width = filters * (kernel + 1) - 1, data = new Float32Array(width * kernel);
      for (let row = 0; row < kernel; row++) for (let column = 0; column < kernel; column++) for (let f = 0; f < filters; f++) {
        data[row * width + f * (kernel + 1) + column] = kernels[(row * kernel + column) * filters + f];
      }
      paintSigned(canvas, {width, height: kernel, data}, Math.max(...kernels.map(Math.abs)));
    }};
}

// What the layers make of one held-out garment, and what the network calls it
function exampleView(ask) {
  const which = slider("example", 1, 20, 1, 1), layer = choice("maps", ["conv1"], "conv1"), grid = element("canvas", {className: "live-maps", aria: {role: "img", label: "feature maps, once it trains"}});
  const image = element("canvas", {className: "live-example", aria: {role: "img", label: "a garment it does not learn from"}}), words = element("p", {className: "live-note"});
  let list, examples, names, last;
  const node = element("section", {className: "live-view"}, element("p", {className: "live-heading", textContent: "One garment that it does not learn from"}),
    element("div", {className: "live-tools"}, labelled("garment", which), labelled("layer", layer)), element("div", {className: "live-pair"}, image), words, grid);
  which.addEventListener("input", () => ask({kind: "example", number: which.value - 1}));
  layer.addEventListener("change", () => last && show(last));
  function begin(told) {
    ({examples, names} = told);
    const chosen = layer.value, layers = told.layers.slice(0, -2);
    layer.replaceChildren(...layers.map(name => element("option", {value: name, textContent: name, selected: name === chosen})));
    list?.node.remove();
    list = bars(names, "what the network calls it");
    node.querySelector(".live-pair").append(list.node);
  }
  function show(state) {
    last = state;
    const number = which.value - 1, maps = state.maps[layer.value];
    paint(image, {width: 28, height: 28, data: examples.x.subarray(number * 784, (number + 1) * 784)}, 0, 1);
    list.show(state.probabilities);
    const label = names[examples.y[number]], right = state.probabilities.indexOf(Math.max(...state.probabilities)) === examples.y[number];
    words.textContent = `It was drawn as: ${label}. ${right ? "The network agrees." : "The network does not agree."} Below, the ${maps.channels} maps of ${layer.value}, ${maps.height} x ${maps.width}.`;
    paint(grid, tiles(maps));
    grid.setAttribute("aria-label", `feature maps of ${layer.value}`);
  }
  return {node, begin, show};
}

// The two last runs side by side: what was turned, and what came of it
function comparison() {
  const node = element("section", {className: "live-view live-compared", hidden: true});
  function show(before, now) {
    const both = before?.history.length && now?.history.length;
    node.hidden = !both;
    if (!both) return;
    const turned = Object.keys(KNOBS).filter(name => before.settings[name] !== now.settings[name]);
    const taught = run => run.settings.own.pictures;
    if (taught(before).length !== taught(now).length || taught(before).some((picture, n) => picture !== taught(now)[n])) turned.push("own");
    const value = ({settings}, name) => name === "own" ? `${settings.own.pictures.length} pictures` : settings[name];
    const epochs = Math.min(before.history.length, now.history.length), at = run => run.history[epochs - 1].val_accuracy;
    const spread = 1.96 * Math.sqrt((at(before) * (1 - at(before)) + at(now) * (1 - at(now))) / now.held), apart = at(now) - at(before);
    const rows = turned.map(name => [KNOBS[name]?.[0] ?? "pictures of your own", value(before, name), value(now, name)]);
    rows.push([`held out, after epoch ${epochs}`, percent(at(before)), percent(at(now))]);
    const head = ["", "run before", "this run"].map(text => element("th", {textContent: text, scope: "col"}));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows.map(([name, ...cells]) =>
      element("tr", {}, element("th", {textContent: name, scope: "row"}), ...cells.map(cell => element("td", {textContent: cell}))))));
    const points = (100 * Math.abs(apart)).toFixed(1), sure = Math.abs(apart) > spread;
    node.replaceChildren(element("p", {className: "live-heading", textContent: "What changed?"}), table, element("p", {className: "live-note", textContent:
      `${turned.length ? "" : "Nothing was turned. "}${points} points ${apart < 0 ? "fewer" : "more"} after as many epochs. With ${now.held} garments held out, ${sure ? "more than chance explains" : `up to ${(100 * spread).toFixed(1)} points may be chance`}${turned.length > 1 ? "; which of the changes did it, this does not tell" : ""}.`}));
  }
  return {node, show};
}

// A class of the visitor's own, drawn here
function ownClass(garments, names, changed) {
  const name = element("input", {type: "text", name: "own", value: "Hat", maxLength: 20}), pictures = [], row = element("div", {className: "live-gallery"}), words = element("p", {className: "live-note"});
  const drawing = pad(names, number => cut(garments, 4 * number), () => {});
  function show(text) {
    words.textContent = text ?? (pictures.length < MINE ? `${pictures.length} of at least ${MINE} pictures. Different ones teach more.` : `${pictures.length} pictures: a quarter is held out, the others are copied with small shifts until the class is as large as the others.`);
    row.replaceChildren(...pictures.map((picture, n) => {
      const canvas = element("canvas");
      paint(canvas, {width: 28, height: 28, data: picture});
      return element("figure", {className: "live-small"}, canvas, button("remove", () => { pictures.splice(n, 1); show(); }, {aria: {label: `remove picture ${n + 1}`}}));
    }));
    use.disabled = pictures.length < MINE;
  }
  function add() {
    const {width, height, data} = drawing.image(), rgb = new Uint8ClampedArray(3 * width * height);
    for (let at = 0; at < width * height; at++) rgb.set(data.subarray(4 * at, 4 * at + 3), 3 * at);
    try { pictures.push(prepare({width, height, channels: 3, data: rgb}).seen.data); show(); }
    catch (error) { show(error instanceof NoGarment ? error.message : String(error)); }
  }
  const give = list => changed({name: name.value.trim() || "mine", pictures: list});
  const use = button("train with them", () => give([...pictures])), without = button("train without", () => give([]));
  const node = element("details", {className: "live-own"}, element("summary", {textContent: "A class of your own"}),
    element("p", {className: "live-note", textContent: "Draw something that is none of the ten, several times, and let the network learn it as an eleventh class. The pictures stay on this machine, and are gone when you leave."}),
    labelled("name of the class", name), drawing.node, element("div", {className: "live-tools"}, button("add this picture", add), use, without), words, row);
  show();
  return {node};
}

// --- the page ---

function build(figure, worker, plan, garments) {
  const ask = message => worker.postMessage(message), voice = speaker(), view = {curves: curves(), kernels: kernelView(), example: exampleView(ask), compared: comparison()};
  let own = {name: "", pictures: []}, before = null, now = null, running = false, awaited = 0, state;

  const settings = () => ({...form.settings(), own});
  function begin(go) {
    if (now?.history.length) before = now;
    now = {settings: settings(), history: []};
    awaited++;    // states that arrive before "begun" belong to the run before
    ask({kind: "begin", settings: now.settings, go});
    voice.say("The garments are drawn, and the network gets new weights ...");
    running = go;
    if (go) ask({kind: "go"});
  }
    function label() {
    start.textContent = running ? "pause" : state?.steps ? "go on" : "train";
    step.disabled = running || Boolean(state?.problem);
    start.disabled = Boolean(state?.problem);
  }
  function toggle() {
    running = !running;
    ask({kind: running ? "go" : "pause"});
    label();
  }
  const form = knobs(() => begin(running));
  const start = button("train", toggle, {className: "live-button primary"}), step = button("one step", () => ask({kind: "step"}));
  const code = element("pre", {hidden: true}, element("code"));
  const buttons = element("div", {className: "live-tools"}, start, step, button("start anew", () => begin(false)),
    button("the same in Python", () => { code.hidden = !code.hidden; showCode(); }));
  function showCode() { code.firstChild.textContent = python(now.settings, Math.max(1, now.history.length)); }

  function sentence({epoch, at, images, steps, history, seconds}) {
    const last = history.at(-1), per = Math.ceil(images / now.settings.batch_size), done = `Epoch ${epoch + (at ? 1 : 0)}, ${steps} steps of ${now.settings.batch_size} garments (${per} an epoch), ${seconds.toFixed(1)} seconds of work.`;
    if (!last) return steps ? done : `${images} garments are drawn. ${now.parameters.toLocaleString("en")} weights, set by chance, know nothing yet. Predict, then press "train".`;
    const best = history.reduce((a, b) => b.val_accuracy > a.val_accuracy ? b : a);
    return `${done} Right: ${percent(last.accuracy)} of those it learns from, ${percent(last.val_accuracy)} of ${now.held} held out; at best ${percent(best.val_accuracy)}, after epoch ${best.epoch}.`;
  }
  function show(told) {
    state = told;
    now.history = told.history;
    running = told.running;
    view.curves.show(told, before);
    view.kernels.show(told);
    view.example.show(told);
    view.compared.show(before, now);
    voice.say(told.problem ?? sentence(told));
    label();
    if (!code.hidden) showCode();
    figure.state = told;
    figure.dataset.steps = told.steps;
    figure.dataset.ready ??= Math.round(performance.now());    // milliseconds from opening the page
  }
  worker.addEventListener("message", ({data}) => {
    if (data.kind === "begun") { awaited = Math.max(0, awaited - 1); Object.assign(now, {parameters: data.parameters, held: data.held}); view.example.begin(data); }
    if (data.kind === "state" && !awaited) show(data);
    if (data.kind === "problem") { awaited = Math.max(0, awaited - 1); running = false; voice.say(data.text); label(); }
  });
  const mine = ownClass(garments, plan.class_names, chosen => { own = chosen; begin(running); });
  figure.replaceChildren(element("div", {className: "live-panel"}, form.node, buttons, voice.node, code, view.curves.node,
    element("div", {className: "live-views"}, view.compared.node, view.kernels.node, view.example.node), mine.node));
  begin(false);
}

async function start(figure) {
  const worker = new Worker(new URL("training.js", HERE), {type: "module"});
  worker.onerror = event => console.warn("The training stopped:", event.message);
  const [answer, garments] = await Promise.all([fetch(new URL("ranges.json", HERE)), sheet(new URL("garments.png", HERE))]);
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
  const plan = await answer.json();
  worker.postMessage({kind: "load", ranges: plan});
  build(figure, worker, plan, garments);
}

stylesheet("live.css");
for (const figure of document.querySelectorAll('figure.live[data-live$="train.js"]')) {
  start(figure).catch(error => console.warn("The still picture stays:", error));
}

// The page "Try a garment": a picture comes in, and everything the network makes of it is shown. Computed in answering.js, a worker.
import {bars, button, choice, cut, element, labelled, newestOnly, paint, paintSigned, percent, radios, sheet, speaker, stylesheet, tiles} from "./parts.js";
import {pad} from "./pad.js";

const HERE = new URL(".", import.meta.url);
const UNLIKE = "This is unlike everything the network was trained on";

// The worker, once it has loaded the network: [worker, what is known of the network]
function started() {
  const worker = new Worker(new URL("answering.js", HERE), {type: "module"});
  worker.postMessage({kind: "load", folder: HERE.href});
  return new Promise((ready, failed) => {
    worker.onerror = event => failed(new Error(event.message));
    worker.addEventListener("message", ({data}) => data.kind === "ready" ? ready([worker, data.plan]) : data.kind === "failed" && failed(new Error(data.problem)));
  });
}

// --- where a picture comes from: three sources, one at a time ---

// The drawn garments, as a list of small buttons
function shelf(plan, pictures, then) {
  const node = element("div", {className: "live-shelf", aria: {role: "group", label: "Drawn garments to choose from"}});
  plan.garments.forEach((label, number) => {
    const small = element("canvas"), shown = cut(pictures, number);
    paint(small, shown);
    const name = `drawn ${plan.class_names[label]}, ${number % 4 + 1} of 4`;
    node.append(button("", () => then(shown, label, node.children[number]), {title: name, className: "live-pick", aria: {label: name, pressed: "false"}}));
    node.lastChild.append(small);
  });
  return node;
}

// A file that is chosen, photographed or dropped
function upload(then) {
  const preview = element("img", {className: "live-photo", alt: "your picture", hidden: true});
  function take(file) {
    if (!file) return;
    URL.revokeObjectURL(preview.src);
    Object.assign(preview, {src: URL.createObjectURL(file), hidden: false});
    then(file);
  }
  const input = (text, more) => labelled(text, element("input", {type: "file", accept: "image/*", onchange: event => take(event.target.files[0]), ...more}));
  const camera = input("photograph", {name: "photograph"});
  camera.querySelector("input").setAttribute("capture", "environment");
  const node = element("div", {className: "live-upload"}, input("picture file", {name: "file"}), camera,
    element("p", {textContent: "One garment on a plain background of another colour. It stays on this machine: nothing is sent anywhere."}), preview);
  node.addEventListener("dragover", event => event.preventDefault());
  node.addEventListener("drop", event => { event.preventDefault(); take(event.dataTransfer.files[0]); });
  return node;
}

// --- what is shown of an answer: each view has a node and show(answer) ---

// A bar for each class; `begin` changes the classes
function answersView() {
  const node = element("div");
  let list;
  function begin(names) {
    list = bars(names, "probability of each class");
    node.replaceChildren(list.node);
  }
  return {node, begin, show: ({probabilities}) => list.show(probabilities)};
}

function seenView() {
  const canvas = element("canvas", {className: "live-seen", aria: {role: "img", label: "the picture that the network sees, in grey pixels"}});
  const words = element("figcaption");
  return {node: element("figure", {className: "live-small"}, canvas, words), show({seen, light}, source) {
    paint(canvas, seen);
    words.textContent = source === "sketch" ? `what the network sees: ${seen.width} x ${seen.height} pixels` :
      `what the network sees: ${seen.width} x ${seen.height}, trimmed, centred${light ? ", light and dark exchanged" : ""}`;
  }};
}

// All feature maps of one layer side by side, each from its own lowest (black) to its own highest (white)
function mapsView() {
  const which = choice("layer", [], "");
  const grid = element("canvas", {className: "live-maps", aria: {role: "img", label: "feature maps, once there is a picture"}}), words = element("p", {className: "live-note"});
  let last;
  function begin(layers) {
    which.replaceChildren(...layers.map(name => element("option", {value: name, textContent: name, selected: name === "activation1"})));
    node.hidden = !layers.length;
  }
  function show(answer) {
    last = answer;
    if (!answer.maps[which.value]) return;
    const {width, height, channels, data} = answer.maps[which.value];
    paint(grid, tiles(answer.maps[which.value]));
    const silent = Array.from({length: channels}, (_, c) => c).filter(c => { for (let at = c; at < data.length; at += channels) if (data[at] > 0) return false; return true; });
    words.textContent = `${channels} maps of ${height} x ${width}; ${silent.length} of them ${silent.length === 1 ? "is" : "are"} nowhere above 0 for this picture.`;
    grid.setAttribute("aria-label", `feature maps of ${which.value}: ${words.textContent}`);
  }
  which.addEventListener("change", () => last && show(last));
  const node = element("section", {className: "live-view"}, heading("Feature maps"), labelled("layer", which), grid, words);
  return {node, begin, show};
}

const heading = text => element("p", {className: "live-heading", textContent: text});

// What each part of the picture says for one class, and against it
function classView(plan) {
  const which = choice("class", [["", "the likeliest"], ...plan.class_names.map((name, n) => [String(n), name])], "");
  const below = element("canvas", {className: "live-layer"}), above = element("canvas", {className: "live-layer", style: "opacity: 0.6"});
  const box = element("div", {className: "live-over", aria: {role: "img", label: "where the network looks, once there is a picture"}}, below, above), words = element("p", {className: "live-note"});
  let last;
  function show(answer) {
    last = answer;
    const number = which.value === "" ? answer.probabilities.indexOf(Math.max(...answer.probabilities)) : Number(which.value);
    const map = answer.classMaps[number], most = Math.max(...answer.classMaps.flatMap(({data}) => [...data].map(Math.abs)));
    const score = map.data.reduce((sum, value) => sum + value, 0) / map.data.length;
    paint(below, answer.seen);
    paintSigned(above, map, most);
    words.textContent = `Orange speaks for ${plan.class_names[number]}, blue against it. The mean of the ${map.data.length} places, ${score.toFixed(2)}, is the score of this class for the picture as it is; the probability also counts its mirror image.`;
    box.setAttribute("aria-label", words.textContent);
  }
  which.addEventListener("change", () => last && show(last));
  return {node: element("section", {className: "live-view"}, heading("Class map"), labelled("class", which), box, words), show};
}

// A few pictures in a row, each with words below
function gallery(pictures, plan) {
  const node = element("div", {className: "live-gallery"});
  return {node, show(numbers, text) {
    node.replaceChildren(...numbers.map(number => {
      const canvas = element("canvas");
      paint(canvas, cut(pictures, number));
      return element("figure", {className: "live-small"}, canvas, element("figcaption", {textContent: text(plan.mistakes[number])}));
    }));
  }};
}

// The mistakes of the recorded run that the network sees most like this picture
function nearestView(plan, pictures) {
  const row = gallery(pictures, plan), {class_names: names} = plan;
  return {node: element("section", {className: "live-view"}, heading("The nearest mistakes of the recorded run"), row.node,
      element("p", {className: "live-note", textContent: `Of ${plan.mistakes.length} test images that it got wrong, those whose ${plan.arrays.means.shape[1]} last numbers are nearest to this picture's.`})),
    show: ({nearest}) => row.show(nearest, ([label, called, share]) => `${names[label]}, called ${names[called]} (${percent(share)})`)};
}

// What a class is taken for, counted on the test images
function confusionView(plan, pictures) {
  const {class_names: names, confusions} = plan, row = gallery(pictures, plan), list = bars(names, "what these images are called");
  const which = choice("taken", names.map((name, n) => [String(n), name]), "6"), words = element("p", {className: "live-note"});
  function show() {
    const number = Number(which.value), counts = confusions[number], total = counts.reduce((sum, count) => sum + count, 0);
    list.show(counts.map(count => count / total), counts.map(String));
    const others = names.map((_, n) => n).filter(n => n !== number).sort((a, b) => counts[b] - counts[a]);
    const wrongly = confusions.reduce((sum, line, n) => sum + (n === number ? 0 : line[number]), 0);
    words.textContent = `Of ${total} test images of class ${names[number]} it finds ${counts[number]}; the others it takes for ${names[others[0]]} first (${counts[others[0]]}), then ${names[others[1]]} (${counts[others[1]]}). It also answers ${names[number]} for ${wrongly} images of other classes. Some that it missed:`;
    row.show(plan.mistakes.map((_, n) => n).filter(n => plan.mistakes[n][0] === number).slice(0, 6), ([, called]) => `called ${names[called]}`);
  }
  which.addEventListener("change", show);
  show();
  return {node: element("section", {className: "live-view"}, heading("This is what it takes them for"), labelled("true class", which), list.node, words, row.node), show() {}};
}

// --- the page ---

function sentence(names, {probabilities, unlike, own}, limit, source) {
  const order = names.map((_, n) => n).sort((a, b) => probabilities[b] - probabilities[a]), [first, second] = order;
  const said = `The network says: ${names[first]}, ${percent(probabilities[first])}; then ${names[second]}, ${percent(probabilities[second])}.`;
  if (own) return `${said} These are the words of your own network, ${own}. How far to trust it for this picture, the page cannot say: the measure of unlike pictures belongs to the recorded network.`;
  if (unlike > limit) return `${said} ${UNLIKE}: distance ${unlike.toFixed(1)} from the nearest class, where 95 of 100 test images stay below ${limit.toFixed(1)}. Take the answer for a guess.`;
  const plain = {draw: " A drawing has neither folds nor seams nor the light of a photograph: the training pictures had all three.",
                 sketch: "", upload: ""}[source];
  return `${said} Its distance from the nearest class, ${unlike.toFixed(1)}, is one that test images have too (95 of 100 stay below ${limit.toFixed(1)}).${plain}`;
}

const shownLayers = plan => plan.layers.filter(({kind}) => ["conv", "norm", "relu", "add"].includes(kind)).map(({name}) => name);

// A network of the visitor's own, from a file
function ownModel(open) {
  const input = element("input", {type: "file", name: "model", accept: ".onnx", onchange: () => input.files[0] && open(input.files[0])});
  const words = element("p", {className: "live-note", textContent: "The file stays on this machine. The library that runs it, 3.7 MB, is loaded from this site when you choose a file."});
  const back = button("the recorded network again", () => { input.value = ""; open(null); }, {disabled: true});
  const node = element("details", {className: "live-own"}, element("summary", {textContent: "Your model"}),
    element("p", {className: "live-note", textContent: "Train a network of your own in Python, call run.export(\"onnx\"), and open the file here: probabilities and feature maps above are then those of your network."}),
    element("div", {className: "live-tools"}, labelled("ONNX file", input), back), words);
  return {node, show({problem, name, names, layers, side}) {
    if (!problem) back.disabled = !name;
    words.textContent = problem ?? (name ? `Your network ${name} answers: ${names.length} classes, ${side} x ${side} pixels, feature maps of ${layers.length} convolutions.` : "The recorded network answers again.");
  }};
}

function build(figure, worker, plan, garments, mistakes) {
  const compact = "compact" in figure.dataset, voice = speaker();
  const seen = seenView(), answers = answersView(), maps = mapsView();
  const recorded = compact ? [] : [classView(plan), nearestView(plan, mistakes), confusionView(plan, mistakes)];    // about the recorded network only
  const chosen = {};    // the last question of each source
  let source = "sketch", asked = 0, names, latest;
  function begin(own) {
    names = own?.names ?? plan.class_names;
    answers.begin(names);
    maps.begin(own?.layers ?? shownLayers(plan));
    for (const {node} of recorded) node.hidden = Boolean(own);
  }
  const ask = newestOnly(worker, answer => {
    figure.dataset.answered = answer.question;
    panel.classList.toggle("live-unanswered", Boolean(answer.problem));
    if (answer.problem) return voice.say(answer.problem);
    if (answer.probabilities.length !== names.length) return;    // an answer of the network before
    for (const view of [seen, answers, ...compact ? [] : [maps]]) view.show(answer, source);
    if (!answer.own) recorded.forEach(view => view.show(answer));
    voice.say(sentence(names, answer, plan.limit, source), source === "draw" ? 400 : 0);
    figure.answer = answer;
    figure.dataset.ready ??= Math.round(performance.now());    // milliseconds from opening the page
  });
  function look(question) {
    latest = question;
    figure.dataset.asked = ++asked;
    ask({kind: "look", number: asked, ...question});
  }
  const put = question => look(chosen[source] = question);
  const model = ownModel(file => worker.postMessage({kind: "model", file}));
  worker.addEventListener("message", ({data}) => {
    if (data.kind !== "model") return;
    model.show(data);
    if (data.problem) return;
    begin(data.name ? data : null);
    look(latest);
  });

  const sketches = shelf(plan, garments, (picture, label, pressed) => {
    sketches.querySelectorAll("button").forEach(each => each.setAttribute("aria-pressed", each === pressed));
    put({pixels: picture.data});
  });
  const drawing = pad(plan.class_names, number => cut(garments, plan.garments.indexOf(number)), () => put({drawing: drawing.image()}));
  const photograph = upload(file => put({file}));
  const sources = {sketch: sketches, draw: drawing.node, upload: photograph};
  function show(kind) {
    source = kind;
    for (const [name, node] of Object.entries(sources)) node.hidden = name !== kind;
    if (kind === "draw") put({drawing: drawing.image()});
    else if (chosen[kind]) look(chosen[kind]);
  }
  const panel = element("div", {className: "live-panel"},
    radios("Picture", "source", [["sketch", "one of these"], ["draw", "draw one"], ["upload", "your own picture"]], show),
    element("div", {className: "live-main"}, element("div", {className: "live-source"}, sketches, drawing.node, photograph), seen.node, answers.node),
    voice.node, ...compact ? [] : [element("div", {className: "live-views"}, maps.node, ...recorded.map(({node}) => node)), model.node]);
  begin(null);
  show("sketch");
  figure.replaceChildren(panel);
  sketches.children[4 * 9].click();
}

async function start(figure) {
  const [[worker, plan], garments, mistakes] = await Promise.all([started(), sheet(new URL("garments.png", HERE)),
    "compact" in figure.dataset ? null : sheet(new URL("mistakes.png", HERE))]);
  build(figure, worker, plan, garments, mistakes);
}

stylesheet("live.css");
for (const figure of document.querySelectorAll('figure.live[data-live$="try.js"]')) {
  start(figure).catch(error => console.warn("The still picture stays:", error));
}

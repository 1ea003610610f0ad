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
    element("p", {textContent: "One garment on a plain ground of another colour. It stays on this machine: nothing is sent anywhere."}), preview);
  node.addEventListener("dragover", event => event.preventDefault());
  node.addEventListener("drop", event => { event.preventDefault(); take(event.dataTransfer.files[0]); });
  return node;
}

// --- what is shown of an answer: each view has a node and show(answer) ---

function seenView() {
  const canvas = element("canvas", {className: "live-seen", aria: {role: "img", label: "the picture that the network sees, 28 by 28 grey pixels"}});
  const words = element("figcaption");
  return {node: element("figure", {className: "live-small"}, canvas, words), show({seen, light}, source) {
    paint(canvas, seen);
    words.textContent = source === "sketch" ? "what the network sees: 28 x 28 pixels" :
      `what the network sees: 28 x 28, trimmed, centred${light ? ", light and dark exchanged" : ""}`;
  }};
}

// All feature maps of one layer side by side, each from its own lowest (black) to its own highest (white)
function mapsView(plan) {
  const layers = plan.layers.filter(({kind}) => ["conv", "norm", "relu", "add"].includes(kind)).map(({name}) => name);
  const which = choice("layer", layers, layers.find(name => name === "activation1") ?? layers[0]);
  const grid = element("canvas", {className: "live-maps", aria: {role: "img"}}), words = element("p", {className: "live-note"});
  let last;
  function show(answer) {
    last = answer;
    const {width, height, channels, data} = answer.maps[which.value];
    paint(grid, tiles(answer.maps[which.value]));
    const silent = Array.from({length: channels}, (_, c) => c).filter(c => { for (let at = c; at < data.length; at += channels) if (data[at] > 0) return false; return true; });
    words.textContent = `${channels} maps of ${height} x ${width}; ${silent.length} of them ${silent.length === 1 ? "is" : "are"} nowhere above 0 for this picture.`;
    grid.setAttribute("aria-label", `feature maps of ${which.value}: ${words.textContent}`);
  }
  which.addEventListener("change", () => last && show(last));
  return {node: element("section", {className: "live-view"}, heading("Feature maps"), labelled("layer", which), grid, words), show};
}

const heading = text => element("p", {className: "live-heading", textContent: text});

// What each part of the picture says for one class, and against it
function classView(plan) {
  const which = choice("class", [["", "the likeliest"], ...plan.class_names.map((name, n) => [String(n), name])], "");
  const below = element("canvas", {className: "live-layer"}), above = element("canvas", {className: "live-layer", style: "opacity: 0.6"});
  const box = element("div", {className: "live-over", aria: {role: "img"}}, below, above), words = element("p", {className: "live-note"});
  let last;
  function show(answer) {
    last = answer;
    const number = which.value === "" ? answer.probabilities.indexOf(Math.max(...answer.probabilities)) : Number(which.value);
    const map = answer.classMaps[number], most = Math.max(...answer.classMaps.flatMap(({data}) => [...data].map(Math.abs)));
    const score = map.data.reduce((sum, value) => sum + value, 0) / map.data.length;
    paint(below, answer.seen);
    paintSigned(above, map, most);
    words.textContent = `Orange speaks for ${plan.class_names[number]}, blue against it. The mean of the ${map.data.length} places, ${score.toFixed(2)}, is the score that becomes the probability.`;
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
    words.textContent = `Of ${total} test images of class ${names[number]} it finds ${counts[number]}; the others it takes for ${names[others[0]]} first (${counts[others[0]]}), then ${names[others[1]]} (${counts[others[1]]}). It says ${names[number]} to ${wrongly} images of other classes. Some that it missed:`;
    row.show(plan.mistakes.map((_, n) => n).filter(n => plan.mistakes[n][0] === number).slice(0, 6), ([, called]) => `called ${names[called]}`);
  }
  which.addEventListener("change", show);
  show();
  return {node: element("section", {className: "live-view"}, heading("This is what it takes them for"), labelled("true class", which), list.node, words, row.node), show() {}};
}

// --- the page ---

function sentence(names, {probabilities, unlike}, limit, source) {
  const order = names.map((_, n) => n).sort((a, b) => probabilities[b] - probabilities[a]), [first, second] = order;
  const said = `The network says: ${names[first]}, ${percent(probabilities[first])}; then ${names[second]}, ${percent(probabilities[second])}.`;
  if (unlike > limit) return `${said} ${UNLIKE}: distance ${unlike.toFixed(1)} from the nearest class, where 95 of 100 test images stay below ${limit.toFixed(1)}. Take the answer for a guess.`;
  const plain = {draw: " A drawing has neither folds nor seams nor the light of a photograph: the training pictures had all three.",
                 sketch: "", upload: ""}[source];
  return `${said} Its distance from the nearest class, ${unlike.toFixed(1)}, is one that test images have too (95 of 100 stay below ${limit.toFixed(1)}).${plain}`;
}

function build(figure, worker, plan, garments, mistakes) {
  const names = plan.class_names, compact = "compact" in figure.dataset, voice = speaker();
  const seen = seenView(), answers = bars(names, "probability of each class");
  const views = [seen, ...compact ? [] : [mapsView(plan), classView(plan), nearestView(plan, mistakes), confusionView(plan, mistakes)]];
  let source = "sketch", asked = 0;
  const ask = newestOnly(worker, answer => {
    figure.dataset.answered = answer.question;
    panel.classList.toggle("live-unanswered", Boolean(answer.problem));
    if (answer.problem) return voice.say(answer.problem);
    answers.show(answer.probabilities);
    views.forEach(view => view.show(answer, source));
    voice.say(sentence(names, answer, plan.limit, source), source === "draw" ? 400 : 0);
    figure.answer = answer;
    figure.dataset.ready ??= Math.round(performance.now());    // milliseconds from opening the page
  });
  const put = question => ask({kind: "look", number: ++asked, ...question});

  const sketches = shelf(plan, garments, (chosen, label, pressed) => {
    sketches.querySelectorAll("button").forEach(each => each.setAttribute("aria-pressed", each === pressed));
    put({pixels: chosen.data});
  });
  const drawing = pad(names, number => cut(garments, plan.garments.indexOf(number)), () => put({drawing: drawing.image()}));
  const own = upload(file => put({file}));
  const sources = {sketch: sketches, draw: drawing.node, upload: own};
  function show(kind) {
    source = kind;
    for (const [name, node] of Object.entries(sources)) node.hidden = name !== kind;
    if (kind === "draw") put({drawing: drawing.image()});
  }
  const panel = element("div", {className: "live-panel"},
    radios("Picture", "source", [["sketch", "a drawn garment"], ["draw", "draw one"], ["upload", "your own picture"]], show),
    element("div", {className: "live-main"}, element("div", {className: "live-source"}, sketches, drawing.node, own), seen.node, answers.node),
    voice.node, ...compact ? [] : [element("div", {className: "live-views"}, ...views.slice(1).map(view => view.node))]);
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

// Turns the still pictures of a page into explorers. A picture stays where anything is missing.
// Vega lies beside this file (make docs writes vega.js); otherwise it comes from a public server, the very same files or none.
(() => {
  const own = document.currentScript, page = document.documentElement;
  if (!own?.src || page.dataset.explorers) return;
  page.dataset.explorers = "started";
  const here = new URL(".", own.src);
  const SERVER = "https://cdn.jsdelivr.net/npm/";
  const FILES = [
    ["vega@6.2.0/build/vega.min.js", "sha384-0Wc8+KeboSkAq/fK81pd4uFbWKu4ouB+y4KWCYxlC69hRWol7vnc6zZSruXOtc0F"],
    ["vega-lite@6.4.1/build/vega-lite.min.js", "sha384-QtG7pnWvq1Tk0Rcvl53B1TEVw7U1PUqfciCz3XMUqSmi1fNpJwiv5ml+m5NeOOzH"],
    ["vega-embed@7.0.2/build/vega-embed.min.js", "sha384-MsH1NE1KRDpmMJCcJ8Ulqhadgiz4lT0GIaHN7DKB1POKAoBhSWywPDQ2sJDkP8M7"]];

  function element(kind, name, text = "") {
    const made = document.createElement(kind);
    made.className = name;
    made.textContent = text;
    return made;
  }

  function load(src, integrity) {
    return new Promise((loaded, failed) => {
      const script = Object.assign(document.createElement("script"), {src, onload: loaded, onerror: failed});
      if (integrity) Object.assign(script, {integrity, crossOrigin: "anonymous"});
      document.head.append(script);
    });
  }

  async function fromServer() {
    for (const [file, integrity] of FILES) await load(SERVER + file, integrity);
  }

  // Knobs that belong together, in a frame with a name; what is typed into a frame can switch another knob, and a knob can fill a frame in
  function group(knobs, view, {groups, fills = {}, own = {}}) {
    for (const [label, names] of Object.entries(groups)) {
      const frame = element("fieldset", "explorer-group");
      frame.dataset.group = label;
      frame.append(element("legend", "", label), ...names.map(name => knobs.querySelector(`[name="${name}"]`).closest(".vega-bind")));
      if (own[label]) frame.addEventListener("input", () => view.signal(...own[label]).runAsync());
      knobs.append(frame);
    }
    for (const each of knobs.querySelectorAll(".vega-bind-radio")) {
      each.setAttribute("role", "radiogroup");
      each.setAttribute("aria-label", each.previousSibling.textContent);
    }
    for (const each of knobs.querySelectorAll("input[type=number]")) each.step = "any";
    for (const [knob, values] of Object.entries(fills)) view.addSignalListener(knob, (_, value) => {
      for (const [name, number] of Object.entries(values[value] ?? {})) view.signal(name, number);
      view.runAsync();
    });
  }

  // A slider ends where a value of the chart says
  function limit(knobs, view, {limits = {}}) {
    for (const [knob, most] of Object.entries(limits)) {
      const follow = (_, value) => { knobs.querySelector(`[name="${knob}"]`).max = value; };
      view.addSignalListener(most, follow);
      follow(most, view.signal(most));
    }
  }

  async function explore(figure, vega) {
    const answer = await fetch(new URL(figure.dataset.explorer, here));
    if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
    const wide = await answer.json(), {narrow, from, said} = wide.usermeta;
    const panel = element("div", "explorer-panel"), knobs = element("div", "explorer-knobs");
    const chart = element("div", "explorer-chart"), sentence = element("p", "explorer-said");
    sentence.setAttribute("role", "status");
    panel.append(knobs, sentence, chart);
    let form;
    async function draw() {
      const old = figure.view, kept = [...new Set([...knobs.querySelectorAll("[name]")].map(each => each.name))];
      form = figure.clientWidth < from ? "narrow" : "wide";
      const spec = form === "wide" ? wide : {...wide, ...narrow};
      knobs.replaceChildren();
      const {view} = await vegaEmbed(chart, spec, {renderer: "svg", actions: false, bind: knobs});
      for (const name of kept) view.signal(name, old.signal(name));
      group(knobs, view, wide.usermeta);
      limit(knobs, view, wide.usermeta);
      view.addSignalListener(said, (_, text) => { sentence.textContent = text; });
      sentence.textContent = (await view.runAsync()).signal(said);
      old?.finalize();
      figure.view = view;
    }
    await vega;
    await draw();
    figure.replaceChildren(panel);
    let drawing = Promise.resolve();
    new ResizeObserver(() => { drawing = drawing.then(() => (figure.clientWidth < from) !== (form === "narrow") && draw()); }).observe(figure);
    figure.dataset.ready = Math.round(performance.now());  // milliseconds from opening the page
  }

  function start() {
    document.head.append(Object.assign(document.createElement("link"), {rel: "stylesheet", href: new URL("explorers.css", here)}));
    const vega = load(new URL("vega.js", here)).catch(fromServer);
    vega.catch(() => {});  // each explorer says so itself; one that fails earlier never asks
    for (const figure of document.querySelectorAll("figure.explorer")) {
      explore(figure, vega).catch(error => console.warn("The still picture stays:", error));
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

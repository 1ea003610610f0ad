// Curves, as SVG: epochs to the right, one quantity upwards.
const SPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [340, 200, 42, 32, 10, 12];

function part(kind, attributes, text = "") {
  const made = document.createElementNS(SPACE, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

// Numbers for an axis: about four, at even places
function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough || 1)), step = [1, 2, 5, 10].map(n => n * power).find(each => each >= rough) ?? power;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) found.push(value);
  return found;
}

// {node, show(lines, [low, high])}; a line is {name, points: [[epoch, value], ...], kind}, its kind a class for the style sheet
export function chart(title, text = value => `${+value.toPrecision(3)}`) {
  const node = part("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "live-chart", role: "img"});
  function show(lines, [low, high]) {
    const last = Math.max(1, ...lines.flatMap(({points}) => points.map(([x]) => x)));
    const across = x => LEFT + (WIDTH - LEFT - RIGHT) * x / last, up = y => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (Math.min(high, Math.max(low, y)) - low) / (high - low);
    const parts = ticks(low, high).flatMap(value => [part("line", {x1: LEFT, x2: WIDTH - RIGHT, y1: up(value), y2: up(value), class: "grid"}),
      part("text", {x: LEFT - 5, y: up(value) + 4, "text-anchor": "end"}, text(value))]);
    parts.push(...ticks(0, last).filter(Number.isInteger).map(value => part("text", {x: across(value), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle"}, value)),
      part("text", {x: (LEFT + WIDTH) / 2, y: HEIGHT - 3, "text-anchor": "middle"}, "epoch"));
    for (const {points, kind} of lines) {
      if (!points.length) continue;
      parts.push(part("polyline", {points: points.map(([x, y]) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`).join(" "), class: kind}));
      if (points.length < 40) parts.push(...points.map(([x, y]) => part("circle", {cx: across(x), cy: up(y), r: 2.2, class: kind})));
    }
    node.replaceChildren(...parts);
    node.setAttribute("aria-label", `${title} by epoch: ${lines.filter(({points}) => points.length).map(({name, points}) => `${name} ${text(points.at(-1)[1])}`).join(", ") || "nothing yet"}`);
  }
  show([], [0, 1]);
  return {node, show};
}

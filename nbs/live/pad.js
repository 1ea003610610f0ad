// A place to draw a garment with finger, mouse or keyboard: dark cloth on a light background, as a photograph on a table has it.
import {button, choice, element, labelled, slider} from "./parts.js";

export const SIDE = 168;    // pixels of the pad; six for each of the network's
const GROUND = "#fff";

// A garment in one tone from its 28 x 28 picture: enlarged smoothly, and all that is not black filled in
function silhouette(drawn, {data}, tone) {
  const small = new OffscreenCanvas(28, 28), image = new ImageData(28, 28);
  for (let at = 0; at < data.length; at++) image.data.set([tone, tone, tone, Math.min(255, 6 * data[at])], 4 * at);
  small.getContext("2d").putImageData(image, 0, 0);
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(small, 0, 0, SIDE, SIDE);
}

// {node, canvas, image(), clear(), start(picture)}; `changed` is called after every stroke of the pen
export function pad(names, pictureOf, changed) {
  const canvas = element("canvas", {width: SIDE, height: SIDE, tabIndex: 0, className: "live-pad", aria: {role: "application",
    label: "Drawing pad. Arrow keys move the pen, Space puts it down and lifts it."}});
  const drawn = canvas.getContext("2d", {willReadFrequently: true}), before = [];
  const tone = slider("tone", 0, 200, 10, 90), wide = slider("width", 4, 40, 2, 16), rubber = element("input", {type: "checkbox", name: "rubber"});
  const pen = element("span", {className: "live-pen", hidden: true}), at = {x: SIDE / 2, y: SIDE / 2, down: false};
  const begin = choice("silhouette", [["", "an empty sheet"], ...names.map((name, n) => [String(n), name])], "");

  function keep() {
    before.push(drawn.getImageData(0, 0, SIDE, SIDE));
    if (before.length > 20) before.shift();
  }
  function blank() {
    drawn.fillStyle = GROUND;
    drawn.fillRect(0, 0, SIDE, SIDE);
  }
  function start(number) {
    keep();
    blank();
    if (number !== "") silhouette(drawn, pictureOf(Number(number)), Number(tone.value));
    changed();
  }
  function undo() {
    if (before.length) drawn.putImageData(before.pop(), 0, 0);
    changed();
  }
  function line(from, to) {
    drawn.strokeStyle = rubber.checked ? GROUND : `rgb(${tone.value}, ${tone.value}, ${tone.value})`;
    drawn.lineWidth = Number(wide.value);
    drawn.lineCap = drawn.lineJoin = "round";
    drawn.beginPath();
    drawn.moveTo(from.x, from.y);
    drawn.lineTo(to.x, to.y + 0.01);    // a point is a line too
    drawn.stroke();
    changed();
  }

  const place = ({clientX, clientY}) => {
    const box = canvas.getBoundingClientRect();
    return {x: (clientX - box.left) * SIDE / box.width, y: (clientY - box.top) * SIDE / box.height};
  };
  let last = null;
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    keep();
    last = place(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", event => {
    if (!last) return;
    const steps = event.getCoalescedEvents?.() ?? [];    // what the pen did since the last picture on the screen
    for (const each of steps.length ? steps : [event]) { const here = place(each); line(last, here); last = here; }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });

  const STEPS = {ArrowLeft: [-6, 0], ArrowRight: [6, 0], ArrowUp: [0, -6], ArrowDown: [0, 6]};
  function showPen() {
    pen.hidden = document.activeElement !== canvas || !canvas.matches(":focus-visible");
    pen.style.left = `${100 * at.x / SIDE}%`;
    pen.style.top = `${100 * at.y / SIDE}%`;
    pen.classList.toggle("down", at.down);
  }
  canvas.addEventListener("keydown", event => {
    const [dx, dy] = STEPS[event.key] ?? [0, 0], from = {...at};
    if (event.key === " ") { at.down = !at.down; keep(); } else if (!dx && !dy) return;
    event.preventDefault();
    at.x = Math.max(0, Math.min(SIDE, at.x + dx));
    at.y = Math.max(0, Math.min(SIDE, at.y + dy));
    if (at.down) line(from, at);
    showPen();
  });
  canvas.addEventListener("focus", showPen);
  canvas.addEventListener("blur", () => { at.down = false; showPen(); });

  begin.value = "0";
  blank();
  silhouette(drawn, pictureOf(0), Number(tone.value));
  begin.addEventListener("change", () => start(begin.value));
  const tools = element("div", {className: "live-tools"}, labelled("begin with", begin), labelled("tone (0 is black)", tone), labelled("width", wide),
    labelled("rubber", rubber), button("undo", undo), button("empty sheet", () => { begin.value = ""; start(""); }));
  const node = element("div", {className: "live-draw"}, element("div", {className: "live-padbox"}, canvas, pen), tools);
  return {node, canvas, begin, start, image: () => drawn.getImageData(0, 0, SIDE, SIDE)};
}

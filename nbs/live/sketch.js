// Garments, drawn in the page: what fashion_cnn/sketch.py draws, from the same table of ranges. Each garment is a distance to its edge
// (negative inside) and a tone, computed for every pixel from a few dozen numbers `p`.
import {generator, normals, shuffle} from "./random.js";

export const SIDE = 28;
const {abs, cos, max, min, sin, sqrt} = Math;
const between = (value, low, high) => min(high, max(low, value));

// --- shapes: each gives a distance, or the share of a pixel that is covered ---

const cover = distance => between(0.5 - distance, 0, 1);
const wave = t => 4 * abs(t - Math.floor(t + 0.5)) - 1;

// A smooth curve through knots (place, value, place, value, ...)
function profile(t, ...knots) {
  let value = knots[1];
  for (let n = 0; n + 3 < knots.length; n += 2) {
    const step = between((t - knots[n]) / (knots[n + 2] - knots[n]), 0, 1);
    value += (knots[n + 3] - knots[n + 1]) * step * step * (3 - 2 * step);
  }
  return value;
}

function stroke(x, y, x0, y0, x1, y1, radius, tip) {
  const dx = x1 - x0, dy = y1 - y0;
  x -= x0; y -= y0;
  const along = between((x * dx + y * dy) / (dx * dx + dy * dy + 1e-6), 0, 1);
  return sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2) - (radius + (tip - radius) * along);
}

function box(x, y, width, height, corner) {
  x = abs(x) - width + corner; y = abs(y) - height + corner;
  return sqrt(max(x, 0) ** 2 + max(y, 0) ** 2) + min(max(x, y), 0) - corner;
}

function join(a, b, blend) {
  const near = max(blend - abs(a - b), 0);
  return min(a, b) - near * near / (4 * blend);
}

// --- the five cuts: [distance, tone] of a place ---

function sleeve(side, y, p, top) {
  const upper = min(p.sleeve, 11), lower = max(p.sleeve - 11, 0), bend = p.sleeve > 11 ? p.elbow : p.sleeve_angle;
  const x0 = p.shoulder - 0.8 * p.sleeve_width, y0 = top + p.slope + 0.9 * p.sleeve_width;
  const x1 = x0 + upper * sin(p.sleeve_angle), y1 = y0 + upper * cos(p.sleeve_angle);
  const hand = [x1 + lower * sin(bend), y1 + lower * cos(bend)];
  const middle = p.cuff + (p.sleeve_width - p.cuff) * lower / (lower + upper + 1e-3);
  let arm = min(stroke(side, y, x0, y0, x1, y1, p.sleeve_width, middle), stroke(side, y, x1, y1, ...hand, middle, p.cuff));
  arm = max(arm, (side - hand[0]) * sin(bend) + (y - hand[1]) * cos(bend));
  return [p.sleeve > 0 ? arm : 50, hand];
}

// Collar, front with buttons, pockets, belt
function onTop(side, y, p) {
  const gap = side - p.front_width - p.open * (y + 13) / 14, dots = p.buttons > 0 ? between(2 * wave(y / 4), 0, 1) : 1;
  let tone = p.collar * cover(stroke(side, y, p.neck, -13, 0.4, p.neck_depth - 12.5, 0.7, 0.5));
  if (y > p.neck_depth - 13) tone += p.front * cover(gap) * dots;
  tone += p.pockets * cover(max(abs(side - 3.7) - 1.5, abs(y - 5) - 0.4));
  return (2 * p.darker - 1) * tone - p.belt * cover(abs(y - p.waist_at) - 0.7);
}

function top(x, y, p) {
  const side = abs(x), high = p.stand - 13.6;
  const edge = profile(side, p.neck, -13.6, p.neck + 0.7, high, p.shoulder + 0.5, high + p.slope);
  const width = profile(y, -10, p.shoulder, -6, p.chest, p.waist_at, p.waist, 14, p.hem);
  const body = max(edge - y, side - width, y - p.bottom), [arm, hand] = sleeve(side, y, p, high);
  let tone = p.sleeve_tone + (1 - p.sleeve_tone) * cover(body) - p.seam * cover(abs(max(arm, body)) - 0.3);
  if (y > p.bottom - 2.2 || (side - hand[0]) ** 2 + (y - hand[1]) ** 2 < 6) tone += p.rib;
  tone += onTop(side, y, p);
  const depth = (y + 13.6) / p.neck_depth;
  const hole = cover(2 * (p.vee > 0 ? side / p.neck + depth : (side / p.neck) ** 2 + depth * abs(depth)) - 2);
  return [min(body, arm), tone + (p.back - tone) * hole];
}

function trousers(x, y, p) {
  const side = abs(x);
  const hips = max(side - profile(y, -13.5, p.waist, p.crotch, p.hip), y - p.crotch, -13.6 - y);
  const centre = side - profile(y, p.crotch, p.hip - p.thigh, 14, p.spread);
  const width = profile(y, p.crotch, p.thigh, 4, p.knee, 14, p.ankle);
  const legs = max(abs(centre) - width, p.crotch - 1 - y, y - p.bottom);
  const tone = 1 - p.crease * cover(abs(centre) - 0.4) - p.belt * cover(abs(y + 12.5) - 0.9);
  return [min(hips, legs), tone - (y < p.crotch ? 0.15 * cover(side - 0.3) : 0)];
}

function sole(x, y, p, ground) {
  const heel = max(p.heel, 0), taper = p.heel_from + p.heel_tip * between((y - p.sole + heel) / (heel + 0.5), 0, 1);
  const block = max(taper - x, x - p.heel_back, y - p.sole, ground - 1 - y);
  return min(max(y - ground, ground - p.rand - y, x - p.heel_back, -13.8 - x), block);
}

// Foot and shaft of a shoe; of a sandal, its straps
function upper(x, y, p, ground, high) {
  const foot = max(high - y, y - ground, x - p.front - 2, -13.8 - x);
  const middle = (p.front + p.rear) / 2, half = (p.rear - p.front) / 2, rim = p.shaft + p.dip * (1 - ((x - middle) / half) ** 2);
  const back = profile(y, p.shaft, p.rear, p.sole - max(p.heel, 0) - 1, p.heel_back);
  const whole = max(join(foot, max(p.front - x, x - back, rim - y), 4), y - ground);
  if (!(p.straps > 0)) return whole;
  const bands = wave((x + y * p.strap_angle + p.strap_curve * y * y) / p.strap_period + p.strap_phase) - p.strap_share;
  return max(whole, bands * p.strap_period / 4);
}

function shoe(x, y, p) {
  const ground = p.sole - profile(x, -14, p.spring, -9, 0, -3, 0, 6, max(p.heel, 0)), t = between((x + 14) / p.toe_length, 0, 1);
  const high = ground - p.toe * sqrt(t * (2 - t) + 1e-3) - profile(x, p.rise, 0, p.front, p.instep), bottom = sole(x, y, p, ground);
  const lace = wave(y / 2.5 + x / 4) > 0 ? cover(abs(x - (p.rise + 2 * p.front) / 3) - 3) * cover(y - high - 2.5) : 0;
  const mark = stroke(x, y, p.mark_at - p.mark_lean, p.sole - 3, p.mark_at + p.mark_lean, p.sole - p.instep - 1, 0.7, 0.4);
  const tone = 1 - p.cap * cover(x + 14 - p.toe_length) - p.laces * lace - p.mark * cover(mark);
  return [min(upper(x, y, p, ground, high), bottom), tone + (p.rand_tone - tone) * cover(bottom)];
}

function bag(x, y, p) {
  const half = (p.bottom - p.top) / 2, middle = (p.bottom + p.top) / 2, arch = max(p.arch, 1);
  const body = box(x, y - middle, p.width + p.taper * (y - p.bottom) / 14, half, p.corner);
  const ring = abs(sqrt((x / p.arch_width) ** 2 + ((y - p.top - 1) / arch) ** 2) - 1) * min(p.arch_width, arch);
  const handle = max(ring - p.arch_thick, y - p.top - 1), line = y - p.top - 2 * half * p.flap_at;
  const tone = 1 - p.flap * cover(abs(line) - 0.5) - p.clasp * cover(box(x, line, p.clasp_size, p.clasp_size, 0.4));
  return [min(body, p.arch > 0 ? handle : 50), tone];
}

const CUTS = [top, trousers, top, top, top, shoe, top, shoe, bag, shoe];    // of the ten classes

// --- cloth and light ---

// Noise (30 x 30) made smooth, at one of the 28 x 28 pixels
function soft(noise, row, column) {
  let sum = 0;
  for (let dy = 0; dy < 3; dy++) for (let dx = 0; dx < 3; dx++) {
    sum += noise[(row + dy) * 30 + column + dx] * (dy === 1 ? 2 : 1) * (dx === 1 ? 2 : 1);
  }
  return between(sum / 5, -1, 1);
}

function cloth(x, y, p, blur) {
  const along = p.upright > 0 ? x : y, across = p.upright > 0 ? y : x;
  const lines = between(1.5 * wave(along / p.stripe_period + p.stripe_phase), -1, 1), other = between(1.5 * wave(across / p.stripe_period), -1, 1);
  let tone = 1 + p.light * x + p.folds * wave((x + y * p.fold_angle + 1.5 * blur) / p.fold_period + p.fold_phase);
  tone += p.pattern * blur - p.stripes * (p.checks > 0 ? (lines + other) / 2 : lines) - p.panel * cover(abs(y - p.panel_at) - p.panel_size);
  return tone - p.print * cover(box(x, y - p.print_at, p.print_width, p.print_height, 1)) * (0.7 + 0.6 * blur);
}

// One garment of a class from its numbers and its noise: 28 x 28 bytes
export function render(label, p, noise, into = new Uint8Array(SIDE * SIDE)) {
  for (let row = 0; row < SIDE; row++) for (let column = 0; column < SIDE; column++) {
    const across = column - 13.5 - p.right, down = row - 13.5 - p.down;
    const x = (across + p.lean * down) / (p.size * p.narrow), y = (down + p.tilt * across) / p.size;
    const [distance, plain] = CUTS[label](x, y, p);
    let bright = 0;
    if (distance < 0.5) {
      const tone = plain * cloth(x, y, p, soft(noise, row, column)) * (1 + p.round * between(1 + distance / 4, 0, 1));
      bright = between(tone, 0.05, 1.7) * min(p.tone, 225) + p.grain * noise[(row + 1) * 30 + column + 1];
    }
    into[row * SIDE + column] = Math.floor(between(cover(distance) * bright, 0, 255) + 0.5);
  }
  return into;
}

// The numbers of a garment: each parameter from its range, or 0 where chance says no
export function parameters({names, ranges}, label, uniform) {
  return Object.fromEntries(names.map((name, n) => {
    const [chance, low, high] = ranges[label][n], u = uniform[n];
    const value = chance === 1 ? low + (high - low) * u : u < chance ? low + (high - low) * u / max(chance, 1e-6) : 0;
    return [name, value];
  }));
}

// A balanced set in random order: {x, y}, each garment with its class
export function garments(table, count, seed) {
  const random = generator(seed), labels = shuffle(Uint8Array.from({length: count}, (_, n) => n % 10), random), x = new Uint8Array(count * SIDE * SIDE);
  labels.forEach((label, n) => {
    const uniform = Float32Array.from(table.names, random);
    render(label, parameters(table, label, uniform), normals(900, random), x.subarray(n * SIDE * SIDE, (n + 1) * SIDE * SIDE));
  });
  return {x, y: labels};
}

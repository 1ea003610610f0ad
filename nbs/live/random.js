// Numbers by chance, the same again from the same seed.

// From 0 to below 1 (mulberry32)
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

// Normal numbers, mean 0 and variance 1, two at a time (Box and Muller)
export function normals(count, random) {
  const made = new Float32Array(count);
  for (let at = 0; at < count; at += 2) {
    const length = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
    made[at] = length * Math.cos(angle);
    if (at + 1 < count) made[at + 1] = length * Math.sin(angle);
  }
  return made;
}

// The places of `count` things in a new order, in place (Fisher and Yates)
export function shuffle(places, random) {
  for (let last = places.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [places[last], places[other]] = [places[other], places[last]];
  }
  return places;
}

// Random choices that are the same in every run.

/** Choices from a seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (number) => Math.floor(next() * number);
  return {
    /** A whole number from 0, below `number`. */
    below,
    /** A whole number from `least` to `most`. */
    between: (least, most) => least + below(most - least + 1),
    /** True with this probability. */
    chance: (probability) => next() < probability,
    /** One of these. */
    pick: (items) => items[below(items.length)],
    /** One of the names, each as often as its number says. */
    weighted(weights) {
      let left = next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
      for (const [name, weight] of Object.entries(weights)) {
        left -= weight;
        if (left < 0) return name;
      }
      return Object.keys(weights)[0];
    },
  };
}

/** The seed of one operation of a run. */
export const seedOf = (seed, index) => Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);

// Steps downhill, as Keras takes them. Each optimiser gives a function that moves all weights by their gradients and sets these to 0.

const clear = layers => layers.forEach(({grads}) => grads.forEach(grad => grad.fill(0)));
const pairs = layers => layers.flatMap(({weights, grads}) => weights.map((weight, n) => [weight, grads[n]]));
const like = layers => pairs(layers).map(([weight]) => new Float32Array(weight.length));

export const OPTIMIZERS = {
  sgd: layers => rate => {
    for (const [weight, grad] of pairs(layers)) for (let at = 0; at < weight.length; at++) weight[at] -= rate * grad[at];
    clear(layers);
  },

  // Goes on in the direction of before; a gradient bends it
  momentum(layers, keep = 0.9) {
    const speeds = like(layers);
    return rate => {
      pairs(layers).forEach(([weight, grad], n) => {
        const speed = speeds[n];
        for (let at = 0; at < weight.length; at++) weight[at] += speed[at] = keep * speed[at] - rate * grad[at];
      });
      clear(layers);
    };
  },

  // Each weight at its own pace: the mean gradient over the root of the mean square (Kingma and Ba, 2015)
  adam(layers, first = 0.9, second = 0.999, epsilon = 1e-7) {
    const means = like(layers), squares = like(layers);
    let step = 0;
    return rate => {
      step++;
      const pace = rate * Math.sqrt(1 - second ** step) / (1 - first ** step);
      pairs(layers).forEach(([weight, grad], n) => {
        const mean = means[n], square = squares[n];
        for (let at = 0; at < weight.length; at++) {
          mean[at] += (grad[at] - mean[at]) * (1 - first);
          square[at] += (grad[at] * grad[at] - square[at]) * (1 - second);
          weight[at] -= pace * mean[at] / (Math.sqrt(square[at]) + epsilon);
        }
      });
      clear(layers);
    };
  },
};

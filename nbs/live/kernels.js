// What a convolutional network computes, forward and backward, on plain typed arrays: images in rows (height, width, channels), kernels
// as Keras keeps them (height, width, channels in, channels out). Nearly all time goes into one function, `multiply`.

// out (m x n) += a (m x k) times b (k x n). An element of a lies at row * aRow + column * aColumn, so that a transposed matrix
// is the same numbers with other strides. Two rows and four columns at a time: eight sums stay in registers.
export function multiply(out, o, a, aAt, aRow, aColumn, b, bAt, bRow, bColumn, m, k, n) {
  let i = 0;
  for (; i + 1 < m; i += 2) {
    let j = 0;
    for (; j + 3 < n; j += 4) {
      let p = 0, q = 0, r = 0, s = 0, t = 0, u = 0, v = 0, w = 0;
      let up = aAt + i * aRow, down = up + aRow, at = bAt + j * bColumn;
      for (let l = 0; l < k; l++) {
        const x = a[up], y = a[down], b0 = b[at], b1 = b[at + bColumn], b2 = b[at + 2 * bColumn], b3 = b[at + 3 * bColumn];
        p += x * b0; q += x * b1; r += x * b2; s += x * b3;
        t += y * b0; u += y * b1; v += y * b2; w += y * b3;
        up += aColumn; down += aColumn; at += bRow;
      }
      const top = o + i * n + j, low = top + n;
      out[top] += p; out[top + 1] += q; out[top + 2] += r; out[top + 3] += s;
      out[low] += t; out[low + 1] += u; out[low + 2] += v; out[low + 3] += w;
    }
    if (j < n) { plainRow(out, o, a, aAt, aRow, aColumn, b, bAt, bRow, bColumn, i, j, k, n); plainRow(out, o, a, aAt, aRow, aColumn, b, bAt, bRow, bColumn, i + 1, j, k, n); }
  }
  if (i < m) plainRow(out, o, a, aAt, aRow, aColumn, b, bAt, bRow, bColumn, i, 0, k, n);
}

// What is left of a row, one number at a time
function plainRow(out, o, a, aAt, aRow, aColumn, b, bAt, bRow, bColumn, i, from, k, n) {
  for (let j = from; j < n; j++) {
    let sum = 0;
    for (let l = 0, left = aAt + i * aRow, right = bAt + j * bColumn; l < k; l++, left += aColumn, right += bRow) sum += a[left] * b[right];
    out[o + i * n + j] += sum;
  }
}

// Where a window of `kernel` pixels begins, and how many places it has, in one direction
export function places(length, kernel, stride, padding) {
  if (padding === "valid") return {count: Math.floor((length - kernel) / stride) + 1, before: 0};
  const count = Math.ceil(length / stride), missing = Math.max((count - 1) * stride + kernel - length, 0);
  return {count, before: Math.floor(missing / 2)};
}

// The sizes of a convolution: `height` and so on of the image, `rows` and `columns` of what comes out
export function convolution({height, width, channels}, {kernel, filters, stride = 1, padding = "same"}) {
  const down = places(height, kernel, stride, padding), across = places(width, kernel, stride, padding);
  return {height, width, channels, kernel, filters, stride, rows: down.count, columns: across.count,
          above: down.before, left: across.before, patch: kernel * kernel * channels};
}

// Every window of one image as a row of numbers; what lies outside is 0
export function windows(image, at, shape, made) {
  const {height, width, channels, kernel, stride, rows, columns, above, left} = shape;
  let to = 0;
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const x0 = column * stride - left;
    for (let dy = 0; dy < kernel; dy++) {
      const y = row * stride - above + dy;
      if (y < 0 || y >= height) { made.fill(0, to, to += kernel * channels); continue; }
      for (let dx = 0; dx < kernel; dx++) {
        const x = x0 + dx;
        if (x < 0 || x >= width) { for (let c = 0; c < channels; c++) made[to++] = 0; continue; }
        for (let c = 0, from = at + (y * width + x) * channels; c < channels; c++) made[to++] = image[from++];
      }
    }
  }
  return made;
}

// The way back: what each window says of its pixels is added up
export function addWindows(image, at, shape, made) {
  const {height, width, channels, kernel, stride, rows, columns, above, left} = shape;
  let from = 0;
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const x0 = column * stride - left;
    for (let dy = 0; dy < kernel; dy++) {
      const y = row * stride - above + dy;
      if (y < 0 || y >= height) { from += kernel * channels; continue; }
      for (let dx = 0; dx < kernel; dx++) {
        const x = x0 + dx;
        if (x < 0 || x >= width) { from += channels; continue; }
        for (let c = 0, to = at + (y * width + x) * channels; c < channels; c++) image[to++] += made[from++];
      }
    }
  }
}

// A batch through a convolution: every window times every kernel
export function convolve(images, weights, bias, shape, batch) {
  const {height, width, channels, filters, rows, columns, patch} = shape, count = rows * columns;
  const out = new Float32Array(batch * count * filters), each = new Float32Array(count * patch);
  for (let at = 0; bias && at < out.length; at += filters) out.set(bias, at);
  for (let n = 0; n < batch; n++) {
    windows(images, n * height * width * channels, shape, each);
    multiply(out, n * count * filters, each, 0, patch, 1, weights, 0, filters, 1, count, patch, filters);
  }
  return out;
}

// Its gradients: of the weights and the bias (added to `grads`), and of the images if they are asked for
export function convolveBack(images, weights, shape, batch, above, grads, wanted = true) {
  const {height, width, channels, filters, rows, columns, patch} = shape, count = rows * columns, size = height * width * channels;
  const each = new Float32Array(count * patch), back = wanted ? new Float32Array(batch * size) : null;
  for (let n = 0; n < batch; n++) {
    const at = n * count * filters;
    windows(images, n * size, shape, each);
    multiply(grads[0], 0, each, 0, 1, patch, above, at, filters, 1, patch, count, filters);
    if (!wanted) continue;
    each.fill(0);
    multiply(each, 0, above, at, filters, 1, weights, 0, 1, filters, count, filters, patch);
    addWindows(back, n * size, shape, each);
  }
  if (grads[1]) for (let at = 0; at < above.length; at++) grads[1][at % filters] += above[at];
  return back;
}

// A batch through a dense layer
export function dense(rows, weights, bias, batch) {
  const units = bias.length, size = weights.length / units, out = new Float32Array(batch * units);
  for (let at = 0; at < out.length; at += units) out.set(bias, at);
  multiply(out, 0, rows, 0, size, 1, weights, 0, units, 1, batch, size, units);
  return out;
}

export function denseBack(rows, weights, batch, above, grads) {
  const units = grads[1].length, size = weights.length / units, back = new Float32Array(batch * size);
  multiply(grads[0], 0, rows, 0, 1, size, above, 0, units, 1, size, batch, units);
  for (let at = 0; at < above.length; at++) grads[1][at % units] += above[at];
  multiply(back, 0, above, 0, units, 1, weights, 0, 1, units, batch, units, size);
  return back;
}

// Probabilities from scores, each row on its own
export function softmax(scores, classes) {
  const out = new Float32Array(scores.length);
  for (let at = 0; at < out.length; at += classes) {
    const row = scores.subarray(at, at + classes), most = Math.max(...row);
    let total = 0;
    for (let c = 0; c < classes; c++) total += out[at + c] = Math.exp(row[c] - most);
    for (let c = 0; c < classes; c++) out[at + c] /= total;
  }
  return out;
}

// Means of the channels over the whole image
export function globalAverage(images, {height, width, channels}, batch) {
  const out = new Float32Array(batch * channels), count = height * width;
  for (let n = 0; n < batch; n++) for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let at = n * count * channels + c, end = (n + 1) * count * channels; at < end; at += channels) sum += images[at];
    out[n * channels + c] = sum / count;
  }
  return out;
}

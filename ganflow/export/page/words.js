"use strict";
// What each word of a program does, one call of TensorFlow.js each: the twin of running.py.

const WORDS = {
  abs: ([x]) => tf.abs(x),
  add: ([x, y]) => tf.add(x, y),
  average_pool: ([x], s) => tf.avgPool(x, s.size, s.strides, s.pad),
  cast: ([x], s) => tf.cast(x, s.to),
  concat: (parts, s) => tf.concat(parts, s.axis),
  conv: ([x, w], s) => tf.conv2d(x, w, s.strides, s.pad),
  deconv: ([x, w], s) => tf.conv2dTranspose(x, w, s.shape, s.strides, s.pad),
  depth_to_space: ([x], s) => tf.depthToSpace(x, s.size),
  div: ([x, y]) => tf.div(x, y),
  einsum: (parts, s) => tf.einsum(s.equation, ...parts),
  elu: ([x]) => tf.elu(x),
  exp: ([x]) => tf.exp(x),
  gather: ([x, index], s) => tf.gather(x, index, s.axis),
  greater: ([x, y]) => tf.greater(x, y),
  greater_equal: ([x, y]) => tf.greaterEqual(x, y),
  leaky_relu: ([x], s) => tf.leakyRelu(x, s.slope),
  log: ([x]) => tf.log(x),
  matmul: ([x, w], s) => tf.matMul(x, w, ...(s.transpose ?? [])),
  max: ([x], s) => tf.max(x, s.axes, s.keep),
  max_pool: ([x], s) => tf.maxPool(x, s.size, s.strides, s.pad),
  maximum: ([x, y]) => tf.maximum(x, y),
  mean: ([x], s) => tf.mean(x, s.axes, s.keep),
  minimum: ([x, y]) => tf.minimum(x, y),
  mirror_pad: ([x], s) => tf.mirrorPad(x, s.pads, s.mode),
  mul: ([x, y]) => tf.mul(x, y),
  neg: ([x]) => tf.neg(x),
  one_hot: ([x], s) => tf.oneHot(x, s.depth, s.on, s.off, "float32"),
  pad: ([x], s) => tf.pad(x, s.pads, s.value),
  relu: ([x]) => tf.relu(x),
  reshape: ([x], s) => tf.reshape(x, s.shape),
  resize_bilinear: ([x], s) => tf.image.resizeBilinear(x, s.size, false, s.half),
  resize_nearest: ([x], s) => tf.image.resizeNearestNeighbor(x, s.size, false, s.half),
  rsqrt: ([x]) => tf.rsqrt(x),
  selu: ([x]) => tf.selu(x),
  sigmoid: ([x]) => tf.sigmoid(x),
  slice: ([x], s) => tf.slice(x, s.begin, s.size),
  softmax: ([x]) => tf.softmax(x),
  softplus: ([x]) => tf.softplus(x),
  sqrt: ([x]) => tf.sqrt(x),
  square: ([x]) => tf.square(x),
  stack: (parts, s) => tf.stack(parts, s.axis),
  sub: ([x, y]) => tf.sub(x, y),
  sum: ([x], s) => tf.sum(x, s.axes, s.keep),
  tanh: ([x]) => tf.tanh(x),
  tile: ([x], s) => tf.tile(x, s.times),
  transpose: ([x], s) => tf.transpose(x, s.axes),
  where: ([condition, x, y]) => tf.where(condition, x, y),
};

const KEPT = {}; // weights that have been used, as tensors

// The numbers of a weight, an example or a picture, by its name.
function numbersOf(name) {
  const bytes = Uint8Array.from(atob(WEIGHTS[name]), (c) => c.charCodeAt(0));
  return MODEL.weights[name].dtype === "int32"
    ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

function weight(name) {
  const { shape, dtype } = MODEL.weights[name];
  return KEPT[name] ??= tf.keep(tf.tensor(numbersOf(name), shape, dtype));
}

// Carries a program out; what comes out of step `wanted`, or of the last one, as a tensor.
function run(program, given, wanted = program.output) {
  return tf.tidy(() => {
    const values = {};
    for (const [name, shape] of Object.entries(program.inputs)) {
      const whole = given[name] instanceof Int32Array;
      values[name] = tf.tensor(given[name], shape, whole ? "int32" : "float32");
    }
    for (const step of program.steps) {
      if (wanted in values) break;
      const inputs = step.inputs.map((input) =>
        typeof input === "number" ? input : values[input] ?? weight(input));
      values[step.output] = WORDS[step.word](inputs, step.settings);
    }
    return values[wanted];
  });
}

// The same as numbers, and the milliseconds that they took.
async function computed(program, given, wanted) {
  const start = performance.now();
  const tensor = run(program, given, wanted);
  const values = await tensor.data();
  const shape = tensor.shape;
  tensor.dispose();
  return { values, shape, ms: performance.now() - start };
}

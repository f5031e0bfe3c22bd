"use strict";
// The page: what is asked for is computed and shown, one after another.

const at = (id) => document.getElementById(id);
let sampler, controls = [], surface = null, times = [], last = null;
let asked = false, busy = false;

const given = () => Object.fromEntries(controls.map(({ input, values }) => [input.name, values]));
const vectors = () => controls.filter((control) => control.draw);
const text = (shape) => shape.join(" x ");

function trouble(error) {
  at("trouble").textContent = error?.message ?? String(error);
}

// Computes what the controls say, and again if they have changed meanwhile.
async function refresh() {
  asked = true;
  if (busy) return;
  busy = true;
  try {
    while (asked) {
      asked = false;
      const { values, ms } = await computed(sampler.program, given());
      times = [...times.slice(-9), ms];
      last = values;
      show(values);
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    trouble(error);
  } finally {
    busy = false;
  }
}

function show(values, path = null) {
  const count = sampler.program.shape[0];
  const ms = times.reduce((a, b) => a + b, 0) / times.length;
  at("time").textContent = `${ms.toFixed(1)} ms${count > 1 ? ` (${count} points at a time)` : ""}`;
  if (sampler.kind === "points") {
    const { reach } = sampler.plane;
    drawPlane(at("sample"), { reach, ...surface, made: values, path });
    return;
  }
  const heat = at("colours").value === "heat";
  drawImage(at("sample"), values, sampler.program.shape.slice(1), heat);
  const coloured = !heat && sampler.program.shape[3] === 3; // no one scale has all of them
  at("bar").hidden = coloured;
  drawBar(at("bar"), heat ? VIRIDIS : GREYS);
  at("legend").textContent = coloured ? "" : "Left: -1. Right: 1, the largest that a pixel can be.";
}

// D over the plane, once: it does not depend on what is sampled.
async function prepareSurface() {
  const { score, real, reach } = sampler.plane;
  surface = { cells: score?.cells, real: real ? numbersOf(real) : null };
  at("legend").textContent = "Orange: generated. Blue: real. The ring is the point that the sliders move.";
  at("bar").hidden = !score;
  if (!score) return;
  const tick = (i) => Math.fround(-reach + 2 * reach * i / (score.cells - 1));
  const x = Float32Array.from({ length: 2 * score.cells ** 2 }, (_, i) => {
    const cell = i >> 1;
    return tick(i % 2 ? Math.floor(cell / score.cells) : cell % score.cells);
  });
  const { values } = await computed(score.program, { x });
  const { places, low, high } = surfacePlaces(values, score);
  surface.places = places;
  drawBar(at("bar"), SURFACE);
  at("legend").textContent += ` Behind them, what D says: from ${low} (left) to ${high} (right).`;
}

// Python's own samples beside those of this browser.
async function check() {
  const given = Object.fromEntries(
    Object.entries(sampler.check.given).map(([name, key]) => [name, numbersOf(key)]));
  const { values } = await computed(sampler.program, given);
  const wanted = numbersOf(sampler.check.samples);
  const largest = values.reduce((most, v, i) => Math.max(most, Math.abs(v - wanted[i])), 0);
  const equal = largest <= MODEL.tolerance; // never so where a number is not finite
  at("check").textContent = equal ? `equal, to ${largest.toExponential(1)}`
    : `differs by ${largest.toExponential(1)}: what it is computed by is less exact than Python`;
}

// ------------------------------------------------------------ between two samples

// A way from a to b: straight in a cube; where z is normal its direction goes on a great circle, and
// its length evenly from the one's to the other's.
function between(input, a, b, t) {
  const straight = () => a.map((v, i) => (1 - t) * v + t * b[i]);
  if (input.kind === "uniform") return straight();
  const length = (x) => Math.hypot(...x);
  const cosine = a.reduce((sum, v, i) => sum + v * b[i], 0) / (length(a) * length(b));
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  if (!(Math.sin(angle) > 1e-3)) return straight(); // one direction, or opposite ones
  const whole = (1 - t) * length(a) + t * length(b);
  const left = whole * Math.sin((1 - t) * angle) / Math.sin(angle) / length(a);
  const right = whole * Math.sin(t * angle) / Math.sin(angle) / length(b);
  return a.map((v, i) => left * v + right * b[i]);
}

// All inputs, the random ones at t between both seeds.
function givenAt(t) {
  const [from, to] = ["from", "to"].map((id) => Number(at(id).value));
  const count = sampler.program.shape[0], points = count > 1;
  const values = given();
  for (const { input } of vectors()) {
    const [a, b] = [drawn(input, from), drawn(input, to)];
    const size = a.length / count;
    if (!points) {
      values[input.name] = between(input, a, b, t);
      continue;
    }
    // Points: every row a place on the way of the first one.
    const [first, other] = [a.slice(0, size), b.slice(0, size)];
    const way = new Float32Array(a.length);
    for (let i = 0; i < count; i++) way.set(between(input, first, other, i / (count - 1)), i * size);
    values[input.name] = way;
  }
  return values;
}

async function showWay() {
  const t = Number(at("way").value);
  at("way-value").value = t.toFixed(2);
  if (sampler.kind === "images") {
    const values = givenAt(t);
    for (const control of vectors()) {
      control.values = values[control.input.name];
      control.show();
    }
    await refresh();
    return;
  }
  const count = sampler.program.shape[0], row = Math.round(t * (count - 1));
  const way = givenAt(t);
  const { values: path } = await computed(sampler.program, way);
  for (const control of vectors()) {
    const size = control.values.length / count;
    control.values.set(way[control.input.name].slice(row * size, (row + 1) * size));
    control.show();
  }
  const { values } = await computed(sampler.program, given());
  last = values;
  show(values, path);
}

async function showStrip() {
  at("strip").replaceChildren();
  if (sampler.kind !== "images") return;
  const canvases = Array.from({ length: 8 }, (_, i) => made("canvas", { role: "img",
    ariaLabel: `picture ${i + 1} of 8 on the way` }));
  at("strip").append(...canvases);
  for (const [i, canvas] of canvases.entries()) {
    const { values } = await computed(sampler.program, givenAt(i / 7));
    drawImage(canvas, values, sampler.program.shape.slice(1), at("colours").value === "heat");
  }
}

// ------------------------------------------------------------ what happens

function settingsOf({ settings }) {
  const told = Object.entries(settings).filter(([name]) => name !== "shape");
  return told.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
}

function nameOf(input) {
  if (typeof input === "number") return String(input);
  const about = MODEL.weights[input];
  return about ? `${input} (${text(about.shape)})` : input;
}

function listSteps() {
  at("looked").hidden = true;
  at("steps").replaceChildren(...sampler.program.steps.map((step, i) => {
    const look = made("button", { type: "button", textContent: "Look" });
    look.setAttribute("aria-label", `look at ${step.output}`);
    look.addEventListener("click", () => lookAt(step).catch(trouble));
    const told = settingsOf(step);
    return made("tr", {}, made("td", { textContent: i + 1, className: "number" }),
      made("td", { textContent: step.word + (told ? `: ${told}` : "") }),
      made("td", { textContent: step.inputs.map(nameOf).join(", "), className: "names" }),
      made("td", { textContent: `${step.output}: ${text(step.shape)}`, className: "number" }),
      made("td", {}, look));
  }));
}

async function lookAt(step) {
  const { values, shape } = await computed(sampler.program, given(), step.output);
  const maps = drawMaps(at("maps"), values, shape);
  const [low, high] = [Math.min, Math.max].map((of) => values.reduce((a, b) => of(a, b)));
  const more = shape.length === 4 && shape[3] > maps ? `, the first ${maps} of ${shape[3]} maps` : "";
  at("maps-caption").textContent = `${step.output}: ${text(shape)}${more}; from ${low.toPrecision(3)} `
    + `(blue is below 0) to ${high.toPrecision(3)} (orange is above).`;
  at("looked").hidden = false;
}

// ------------------------------------------------------------ the start

async function choose(index) {
  sampler = MODEL.samplers[index];
  surface = null;
  times = [];
  at("inputs").replaceChildren();
  let complete = false; // a control that shows an example must not ask for a sample before all do
  const changed = () => { if (complete) refresh(); };
  controls = sampler.inputs.map((input) => controlFor(sampler, input, at("inputs"), changed));
  const points = sampler.kind === "points", random = vectors().length > 0;
  at("colours-label").hidden = points;
  at("random").hidden = at("between").hidden = !random;
  at("between-note").textContent = points ? "The line is the way of the ringed point."
    : "Straight where z is uniform, on a great circle where it is normal.";
  at("sample").setAttribute("aria-label", points ? "real and generated points on the plane" : "the generated picture");
  complete = true;
  listSteps();
  draw();
  await check();
  if (points) await prepareSurface();
  await refresh();
  await showStrip();
}

function draw() {
  const seed = Number(at("seed").value);
  vectors().forEach((control) => control.draw(seed));
}

async function start() {
  if (typeof tf === "undefined") {
    throw new Error("TensorFlow.js could not be loaded. Without a network, export with "
      + "--tfjs=PATH, which puts a copy of it beside this page.");
  }
  await tf.ready();
  const backends = ["webgl", "cpu"].filter((name) => tf.findBackend(name) !== null);
  at("backend").append(...backends.map((name) =>
    made("option", { value: name, textContent: name, selected: name === tf.getBackend() })));
  at("title").textContent = document.title = MODEL.title;
  at("about").textContent = `A generator trained on ${MODEL.dataset}. All of it runs in this page; `
    + "nothing is sent anywhere.";
  at("sampler").append(...MODEL.samplers.map(({ name }, i) =>
    made("option", { value: i, textContent: name })));
  at("which").hidden = MODEL.samplers.length < 2;
  const on = (id, event, act) => at(id).addEventListener(event, () => Promise.resolve(act()).catch(trouble));
  on("sampler", "change", () => choose(Number(at("sampler").value)));
  on("new", "click", () => { at("seed").value = Math.floor(Math.random() * 1e6); draw(); return refresh(); });
  on("seed", "change", () => { draw(); return refresh(); });
  on("way", "input", showWay);
  for (const id of ["from", "to"]) on(id, "change", async () => { await showStrip(); await showWay(); });
  on("colours", "change", async () => { if (last) show(last); await showStrip(); });
  on("backend", "change", async () => {
    await tf.setBackend(at("backend").value);
    times = [];
    await check();
    await refresh();
  });
  await choose(0);
  document.documentElement.dataset.ready = "yes";
}

start().catch(trouble);

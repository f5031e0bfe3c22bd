"use strict";
// A control for each input of a sampler. Each has `values`, the numbers as they are, and perhaps
// `draw(seed)`, which draws them, and `show()`, which moves its sliders to them.

const SLIDERS = 8; // of a vector: its first components

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Random numbers in [0, 1) that depend on the seed and the name alone: mulberry32.
function randomOf(seed, name) {
  let state = [...name].reduce((hash, c) => Math.imul(hash ^ c.codePointAt(0), 0x01000193), seed + 1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// What an input of random numbers is for a seed.
function drawn(input, seed) {
  const size = input.shape.reduce((a, b) => a * b, 1), random = randomOf(seed, input.name);
  if (input.kind === "classes") {
    return Int32Array.from({ length: size }, () => Math.floor(random() * input.count));
  }
  if (input.kind === "uniform") {
    return Float32Array.from({ length: size }, () => input.low + (input.high - input.low) * random());
  }
  return Float32Array.from({ length: size }, () => // N(0, 1), by Box and Muller
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

// Sliders for the first components of z; the others follow the seed.
function vectorControl(input, box, changed) {
  const size = input.shape.slice(1).reduce((a, b) => a * b, 1), shown = Math.min(size, SLIDERS);
  const [low, high] = input.kind === "uniform" ? [input.low, input.high] : [-3, 3];
  const fieldset = made("fieldset", {}, made("legend", {
    textContent: size === 1 ? input.name
      : `${input.name}: ${size > shown ? `the first ${shown} of ${size} components` : `${size} components`}`,
  }));
  const control = { input, values: drawn(input, 1) };
  const rows = Array.from({ length: shown }, (_, i) => {
    const name = size === 1 ? input.name : `${input.name} ${i + 1}`;
    const slider = made("input", { type: "range", min: low, max: high, step: "any" });
    const output = made("output");
    slider.addEventListener("input", () => {
      control.values[i] = Number(slider.value);
      output.value = Number(slider.value).toFixed(2);
      changed();
    });
    fieldset.append(made("label", { className: "slider" }, made("span", { textContent: name }),
      slider, output));
    return { slider, output };
  });
  control.show = () => rows.forEach(({ slider, output }, i) => {
    slider.value = control.values[i];
    output.value = control.values[i].toFixed(2);
  });
  control.draw = (seed) => { control.values = drawn(input, seed); control.show(); };
  box.append(fieldset);
  return control;
}

function classControl(input, box, changed) {
  const control = { input, values: new Int32Array(input.shape[0]) };
  const choices = made("div", { className: "classes" });
  for (let value = 0; value < input.count; value++) {
    const radio = made("input", { type: "radio", name: input.name, value, checked: value === 0 });
    radio.addEventListener("change", () => { control.values.fill(value); changed(); });
    choices.append(made("label", {}, radio, ` ${value}`));
  }
  box.append(made("fieldset", {}, made("legend", { textContent: input.name }), choices));
  return control;
}

// A caption as token ids, as captions.py reads it; an error that says what is wrong.
function tokensOf(text, length) {
  const words = text.normalize("NFC").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const unknown = words.find((word) => !MODEL.vocabulary.includes(word));
  if (unknown !== undefined) throw new Error(`no training caption has the word "${unknown}"`);
  if (!words.length || words.length > length) {
    throw new Error(`found ${words.length} words, expected 1 to ${length}`);
  }
  const ids = new Int32Array(length);
  words.forEach((word, i) => { ids[i] = MODEL.vocabulary.indexOf(word); });
  return ids;
}

function captionControl(input, box, changed, examples) {
  const [count, length] = input.shape, control = { input, values: new Int32Array(count * length) };
  const asText = (ids) => Array.from(ids).filter((id) => id).map((id) => MODEL.vocabulary[id]).join(" ");
  const trouble = made("p", { role: "alert" });
  const text = made("input", { type: "text", spellcheck: false });
  const read = () => {
    try {
      control.values = tokensOf(text.value, length);
      trouble.textContent = "";
      changed();
    } catch (error) {
      trouble.textContent = error.message;
    }
  };
  text.addEventListener("input", read);
  const fieldset = made("fieldset", {}, made("legend", { textContent: input.name }));
  const shown = [];
  for (let i = 0; examples && (i + 1) * length <= examples.length; i++) {
    shown.push(examples.slice(i * length, (i + 1) * length));
  }
  if (shown.length) control.values = shown[0];
  if (MODEL.vocabulary.length) {
    fieldset.append(made("label", {}, "in words of the training captions ", text), trouble);
    text.value = asText(control.values);
    fieldset.append(made("details", {}, made("summary", { textContent: "the words" }),
      made("p", { textContent: MODEL.vocabulary.slice(1).join(", ") })));
  }
  shown.forEach((ids, i) => {
    const name = MODEL.vocabulary.length ? asText(ids) : `held-out caption ${i + 1}`;
    const button = made("button", { type: "button", textContent: name });
    button.addEventListener("click", () => {
      text.value = asText(ids);
      control.values = ids;
      trouble.textContent = "";
      changed();
    });
    fieldset.append(made("p", {}, button));
  });
  box.append(fieldset);
  return control;
}

// An image: drawn with the mouse or the keys, from a file, or one of the data set's.
function imageControl(input, box, changed, examples) {
  const [, height, width, channels] = input.shape, size = height * width * channels;
  const control = { input, values: new Float32Array(size).fill(-1) };
  const pad = made("canvas", { className: "pad", tabIndex: 0 });
  pad.setAttribute("role", "application");
  pad.setAttribute("aria-label", `${input.name}: ${height} by ${width} pixels to draw on; arrow keys `
    + "move the pen, the space bar draws");
  const colour = made("input", { type: "color", value: "#ffffff" });
  const pen = made("input", { type: "range", min: 0, max: 3, step: 0.5, value: 0.5 });
  let ground = new Float32Array(channels).fill(-1), [penY, penX] = [height / 2, width / 2].map(Math.floor);
  const refresh = () => { drawImage(pad, control.values, [height, width, channels], false); changed(); };
  const ink = () => {
    const rgb = [1, 3, 5].map((i) => parseInt(colour.value.slice(i, i + 2), 16) / 127.5 - 1);
    return channels === 3 ? rgb : new Array(channels).fill((rgb[0] + rgb[1] + rgb[2]) / 3);
  };
  const dot = (y, x) => {
    const radius = Number(pen.value) + 0.5, value = ink();
    for (let i = 0; i < height * width; i++) {
      const distance = Math.hypot(Math.floor(i / width) - y, (i % width) - x);
      if (distance <= radius) control.values.set(value, i * channels);
    }
  };
  let before = null;
  const place = (event) => {
    const bounds = pad.getBoundingClientRect();
    return [(event.clientY - bounds.top) / bounds.height * height - 0.5,
      (event.clientX - bounds.left) / bounds.width * width - 0.5];
  };
  const stroke = (event) => {
    const now = place(event), from = before ?? now, steps = Math.ceil(Math.hypot(now[0] - from[0], now[1] - from[1]) * 2) || 1;
    for (let k = 0; k <= steps; k++) {
      dot(from[0] + (now[0] - from[0]) * k / steps, from[1] + (now[1] - from[1]) * k / steps);
    }
    before = now;
    refresh();
  };
  pad.addEventListener("pointerdown", (event) => { pad.setPointerCapture(event.pointerId); before = null; stroke(event); });
  pad.addEventListener("pointermove", (event) => { if (event.buttons) stroke(event); });
  pad.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], " ": [0, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    penY = Math.min(Math.max(penY + move[0], 0), height - 1);
    penX = Math.min(Math.max(penX + move[1], 0), width - 1);
    if (event.key === " ") dot(penY, penX);
    refresh();
    const context = pad.getContext("2d"); // the pen itself, until the next picture
    context.fillStyle = ORANGE;
    context.fillRect(penX, penY, 1, 1);
  });
  const clear = made("button", { type: "button", textContent: "Clear" });
  clear.addEventListener("click", () => {
    for (let i = 0; i < height * width; i++) control.values.set(ground, i * channels);
    refresh();
  });
  const file = made("input", { type: "file", accept: "image/png,image/jpeg" });
  const trouble = made("p", { role: "alert" });
  file.addEventListener("change", async () => {
    try {
      control.values = pixelsOf(await createImageBitmap(file.files[0]), input.shape);
      trouble.textContent = "";
      refresh();
    } catch {
      trouble.textContent = "this file could not be read as a picture";
    }
  });
  const choices = made("div");
  const take = (values) => {
    control.values = values.slice();
    const corner = values.slice(0, channels);
    ground = corner; // Clear fills with what the example has in its corner, and the pen stands out
    colour.value = corner.reduce((a, b) => a + b, 0) < 0 ? "#ffffff" : "#000000";
    refresh();
  };
  for (let i = 0; examples && (i + 1) * size <= examples.length; i++) {
    const values = examples.slice(i * size, (i + 1) * size), canvas = made("canvas");
    const button = made("button", { type: "button", className: "shown" }, canvas);
    button.setAttribute("aria-label", `held-out example ${i + 1} of ${input.name}`);
    drawImage(canvas, values, [height, width, channels], false);
    button.addEventListener("click", () => take(values));
    choices.append(button);
  }
  box.append(made("fieldset", {}, made("legend", { textContent: `${input.name}: an image, ${height} x ${width}` }),
    pad, made("p", {}, made("label", {}, "Colour ", colour), clear),
    made("label", { className: "slider" }, made("span", { textContent: "Pen" }), pen),
    made("p", {}, made("label", {}, "Or a file ", file)), trouble, choices));
  if (choices.children.length) take(examples.slice(0, size));
  else drawImage(pad, control.values, [height, width, channels], false);
  return control;
}

// A picture's middle square at the size that the model is given, in [-1, 1].
function pixelsOf(bitmap, [, height, width, channels]) {
  const canvas = made("canvas", { width, height }), context = canvas.getContext("2d");
  const scale = Math.min(bitmap.width / width, bitmap.height / height);
  const [w, h] = [width * scale, height * scale];
  context.fillStyle = "#000000"; // beneath what is transparent
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (bitmap.width - w) / 2, (bitmap.height - h) / 2, w, h, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  return Float32Array.from({ length: height * width * channels }, (_, i) => {
    const at = 4 * Math.floor(i / channels);
    const [r, g, b] = rgba.slice(at, at + 3);
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    return (channels === 3 ? rgba[at + (i % 3)] : grey) / 127.5 - 1;
  });
}

// Points of the data set, which the sampler moves.
function realControl(input, box, changed, examples) {
  box.append(made("p", { textContent: `${input.name}: ${input.shape[0]} examples as the model was held against` }));
  return { input, values: examples };
}

function controlFor(sampler, input, box, changed) {
  const name = sampler.examples[input.name], examples = name ? numbersOf(name) : null;
  if (input.kind === "image") return imageControl(input, box, changed, examples);
  if (input.kind === "caption") return captionControl(input, box, changed, examples);
  if (input.kind === "real") {
    return realControl(input, box, changed, numbersOf(sampler.check.given[input.name]));
  }
  if (input.kind === "classes" && input.shape.length === 1) return classControl(input, box, changed);
  return vectorControl(input, box, changed);
}

"use strict";
// From numbers to canvases.

const VIRIDIS = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"]; // low to high
const SURFACE = ["#f4a259", "#fbd9b5", "#f7f7f7", "#c6dcef", "#6aa6d6"]; // generated to real
const DIVERGING = ["#0072b2", "#8ec1de", "#ffffff", "#f0b48a", "#d55e00"]; // below and above 0
const GREYS = ["#000000", "#ffffff"];
const BLUE = "#0072b2", ORANGE = "#d55e00", INK = "#1a1a1a";

// A place between 0 and 1 on a scale of colours: [r, g, b].
function colourAt(scale, place) {
  const at = Math.min(Math.max(place, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(at), scale.length - 2);
  const channel = (colour, i) => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map((i) => {
    const [a, b] = [channel(scale[low], i), channel(scale[low + 1], i)];
    return a + (b - a) * (at - low);
  });
}

// Pixels [h, w] whose colours `colour(i)` gives, onto a canvas of that size.
function paint(canvas, height, width, colour) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) image.data.set([...colour(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
}

// An image in [-1, 1], [h, w, c]: as a picture, or its channels' mean as a heat map.
function drawImage(canvas, values, [height, width, channels], heat) {
  const at = (i, channel) => (values[channels * i + channel] + 1) / 2;
  const mean = (i) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += at(i, channel);
    return sum / channels;
  };
  paint(canvas, height, width, (i) => {
    if (heat) return colourAt(VIRIDIS, mean(i));
    return [0, 1, 2].map((k) => 255 * (channels === 3 ? at(i, k) : mean(i)));
  });
}

function drawBar(canvas, scale) {
  paint(canvas, 1, 256, (i) => colourAt(scale, i / 255));
}

// D's scores on the plane as places on the scale of colours, and what the ends of the scale are.
function surfacePlaces(scores, { boundary, higher_is_real: higher }) {
  const finite = Array.from(scores).filter(Number.isFinite).sort((a, b) => a - b);
  const part = (share) => finite[Math.round(share * (finite.length - 1))] ?? 0;
  let low = part(0.1), high = part(0.99);
  if (boundary === 0 && higher) {
    return { places: scores.map((s) => 1 / (1 + Math.exp(-s))), low: "0, generated", high: "1, real" };
  }
  if (boundary !== null) {
    const reach = Math.max(Math.abs(low - boundary), Math.abs(high - boundary)) || 1;
    [low, high] = [boundary - reach, boundary + reach];
  }
  const places = scores.map((s) => (s - low) / (high - low || 1));
  const told = (value, real) => `${value.toPrecision(3)}, more ${real ? "real" : "generated"}`;
  return higher
    ? { places, low: told(low, false), high: told(high, true) }
    : { places: places.map((p) => 1 - p), low: told(high, false), high: told(low, true) };
}

// Points: D's heat map, real ones, generated ones, the one that is moved by hand.
function drawPlane(canvas, { reach, places, cells, real, made, path }) {
  const side = 480, context = canvas.getContext("2d");
  const onto = (x, y) => [side / 2 * (1 + x / reach), side / 2 * (1 - y / reach)];
  Object.assign(canvas, { width: side, height: side });
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, side, side);
  if (places) {
    const small = document.createElement("canvas");
    paint(small, cells, cells, (i) => {
      const row = cells - 1 - Math.floor(i / cells); // the first row of scores is the lowest y
      return colourAt(SURFACE, places[row * cells + (i % cells)]);
    });
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, side, side);
  }
  const dots = (points, colour, size) => {
    context.fillStyle = colour;
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = onto(points[i], points[i + 1]);
      context.beginPath();
      context.arc(x, y, size, 0, 7);
      context.fill();
    }
  };
  if (real) dots(real, BLUE, 2);
  dots(made, ORANGE, 2.5);
  if (path) {
    context.strokeStyle = INK;
    context.lineWidth = 2;
    context.beginPath();
    for (let i = 0; i < path.length; i += 2) context.lineTo(...onto(path[i], path[i + 1]));
    context.stroke();
  }
  const [x, y] = onto(made[0], made[1]);
  context.strokeStyle = INK;
  context.lineWidth = 3;
  context.beginPath();
  context.arc(x, y, 8, 0, 7);
  context.stroke();
}

// What a step gives, as colours around 0: maps side by side, or units in rows.
function drawMaps(canvas, values, shape) {
  const MOST = 64;
  const maps = shape.length === 4 ? Math.min(shape[3], MOST) : 1;
  const units = shape.slice(1).reduce((a, b) => a * b, 1);
  const [height, width] = shape.length === 4 ? shape.slice(1, 3)
    : shape[0] > 1 ? [Math.min(shape[0], MOST), Math.min(units, MOST)]
      : [Math.ceil(units / Math.ceil(Math.sqrt(units))), Math.ceil(Math.sqrt(units))];
  const columns = Math.ceil(Math.sqrt(maps)), rows = Math.ceil(maps / columns);
  let most = 0;
  for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  const value = (map, y, x) => {
    if (shape.length === 4) return values[(y * width + x) * shape[3] + map];
    return values[shape[0] > 1 ? y * units + x : y * width + x];
  };
  const [tall, wide] = [rows * (height + 1) - 1, columns * (width + 1) - 1];
  paint(canvas, tall, wide, (i) => {
    const [y, x] = [Math.floor(i / wide), i % wide];
    const map = Math.floor(y / (height + 1)) * columns + Math.floor(x / (width + 1));
    const [inY, inX] = [y % (height + 1), x % (width + 1)];
    if (inY === height || inX === width || map >= maps) return [200, 200, 200];
    const number = value(map, inY, inX);
    return number === undefined ? [200, 200, 200] : colourAt(DIVERGING, 0.5 + number / most / 2 || 0.5);
  });
  canvas.style.width = `${Math.min(560, wide * Math.max(1, Math.floor(320 / wide)))}px`;
  return maps;
}

// What is drawn: the plane with its points, curves, heat maps.

export const BLUE = '#0072b2', ORANGE = '#d55e00', PURPLE = '#6a1b7a';
export const CYCLE = [BLUE, ORANGE, '#007a5a', '#a3447f', '#8a6100', '#2f6f9f', '#000000'];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const SURFACE = [[244, 162, 89], [251, 217, 181], [247, 247, 247], [198, 220, 239], [106, 166, 214]];

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

export function figure(x) {
  if (typeof x !== 'number') return String(x);
  const size = Math.abs(x);
  return size !== 0 && (size >= 1e5 || size < 1e-3) ? x.toExponential(2) : String(Number(x.toPrecision(4)));
}

// A scale of colours in so many steps that none shows, as bytes of red, green, blue, opaque.
const STEPS = 512;
const SHADES = new Uint8ClampedArray(4 * STEPS).map((_, at) => {
  const c = at % 4, place = ((at - c) / 4) / (STEPS - 1) * (SURFACE.length - 1), i = Math.min(Math.floor(place), SURFACE.length - 2);
  return c === 3 ? 255 : Math.round(SURFACE[i][c] + (place - i) * (SURFACE[i + 1][c] - SURFACE[i][c]));
});
const SHADE_OF = new Uint32Array(SHADES.buffer), GREY = new Uint32Array(new Uint8Array([154, 154, 154, 255]).buffer)[0];

// ---------------------------------------------------------------- the plane

// What the colours span: a probability all of 0 to 1; scores as far as they go.
function span(values, fixed) {
  if (fixed.is_logit) return [0, 1];
  const sorted = Float32Array.from(values).sort();
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  if (fixed.boundary === null) return [at(0.1), at(0.99)];
  const reach = Math.max(Math.abs(at(0.1) - fixed.boundary), Math.abs(at(0.99) - fixed.boundary)) || 1;
  return [fixed.boundary - reach, fixed.boundary + reach];
}

function surface(context, plane, fixed, size) {
  const side = Math.round(Math.sqrt(plane.data.length));
  const values = fixed.is_logit ? plane.data.map(sigmoid) : plane.data;
  const [low, high] = span(values, fixed);
  const small = new OffscreenCanvas(side, side), on = small.getContext('2d'), image = on.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < side * side; i++) {
    const x = i % side, y = side - 1 - Math.floor(i / side);  // y upwards
    let share = (values[i] - low) / (high - low || 1);
    if (!fixed.higher_is_real) share = 1 - share;
    pixels[y * side + x] = Number.isFinite(share) ? SHADE_OF[Math.round(Math.min(Math.max(share, 0), 1) * (STEPS - 1))] : GREY;
  }
  on.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, size, size);
  return [low, high];
}

export function planeScale(fixed, size) {
  const scale = size / (2 * fixed.reach);
  return { x: (v) => (v + fixed.reach) * scale, y: (v) => (fixed.reach - v) * scale,
    back: (px, py) => [px / scale - fixed.reach, fixed.reach - py / scale] };
}

// A dot is drawn once and then copied: hundreds of circles a picture would cost more than all else.
const SPRITES = new Map();
function sprite(colour, radius, edge) {
  const key = `${colour} ${radius} ${edge}`;
  if (!SPRITES.has(key)) {
    const side = 2 * Math.ceil(radius + 1), made = new OffscreenCanvas(side, side), on = made.getContext('2d');
    on.fillStyle = colour;
    on.beginPath();
    on.arc(side / 2, side / 2, radius, 0, 2 * Math.PI);
    on.fill();
    on.strokeStyle = edge || colour;
    on.lineWidth = 0.7;
    if (edge) on.stroke();
    SPRITES.set(key, made);
  }
  return SPRITES.get(key);
}

export function dots(context, scale, points, colour, radius, edge) {
  const dot = sprite(colour, radius, edge), half = dot.width / 2;
  for (let i = 0; i < points.shape[0]; i++) {
    context.drawImage(dot, Math.round(scale.x(points.data[2 * i]) - half), Math.round(scale.y(points.data[2 * i + 1]) - half));
  }
}

// What never moves, painted once.
let still = { of: null, canvas: null };
function stillDots(context, scale, fixed, size) {
  if (still.of !== fixed || still.canvas.width !== size) {
    still = { of: fixed, canvas: new OffscreenCanvas(size, size) };
    dots(still.canvas.getContext('2d'), scale, fixed.real, BLUE, 2.6);
  }
  context.drawImage(still.canvas, 0, 0);
}

function arrow(context, x, y, dx, dy) {
  const angle = Math.atan2(dy, dx), head = Math.min(7, 2 + Math.hypot(dx, dy) / 3);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(x + dx, y + dy);
    context.lineTo(x + dx + head * Math.cos(angle + turn), y + dy + head * Math.sin(angle + turn));
  }
  context.stroke();
}

// Lengths go with the root of the gradient's, for those range over magnitudes.
export function arrows(context, scale, points, push, size) {
  const count = push.shape[0], sizes = [];
  for (let i = 0; i < count; i++) sizes.push(Math.hypot(push.data[2 * i], push.data[2 * i + 1]));
  const largest = Math.max(...sizes.filter(Number.isFinite), 0);
  context.strokeStyle = PURPLE;
  context.lineWidth = 1.6;
  for (let i = 0; i < count && largest > 0; i++) {
    if (!Number.isFinite(sizes[i]) || sizes[i] === 0) continue;
    const length = 0.1 * size * Math.sqrt(sizes[i] / largest) / sizes[i];
    arrow(context, scale.x(points.data[2 * i]), scale.y(points.data[2 * i + 1]),
      length * push.data[2 * i], -length * push.data[2 * i + 1]);
  }
  return largest;
}

export function plane(canvas, fixed, look) {
  const context = canvas.getContext('2d', { alpha: false }), size = canvas.width, scale = planeScale(fixed, size);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, size, size);
  const shades = look.plane ? surface(context, look.plane, fixed, size) : null;
  stillDots(context, scale, fixed, size);
  if (fixed.from) {
    context.strokeStyle = 'rgba(106,27,122,.25)';
    context.lineWidth = 0.7;
    for (let i = 0; i < look.generated.shape[0]; i++) {
      context.beginPath();
      context.moveTo(scale.x(fixed.from.data[2 * i]), scale.y(fixed.from.data[2 * i + 1]));
      context.lineTo(scale.x(look.generated.data[2 * i]), scale.y(look.generated.data[2 * i + 1]));
      context.stroke();
    }
    dots(context, scale, fixed.from, '#1a1a1a', 1.6);
  }
  dots(context, scale, look.generated, ORANGE, 2.8, '#fff');
  const largest = look.push ? arrows(context, scale, look.generated, look.push, size) : 0;
  return { shades, largest };
}

// ---------------------------------------------------------------- curves

function pen(context, i) {
  context.strokeStyle = CYCLE[i % CYCLE.length];
  context.setLineDash(DASHES[i % DASHES.length]);
  context.lineWidth = 2;
}

// A piece of curve number i, for the legend.
export function dash(canvas, i) {
  const context = canvas.getContext('2d');
  pen(context, i);
  context.beginPath(); context.moveTo(0, 3); context.lineTo(canvas.width, 3); context.stroke();
}

export function curves(canvas, found) {
  const context = canvas.getContext('2d'), { width, height } = canvas;
  const left = 68, right = 12, top = 10, bottom = 34, names = Object.keys(found.values);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  const steps = found.steps.data;
  let low = Infinity, high = -Infinity;
  for (const name of names) for (const v of found.values[name].data) if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
  if (!(low <= high)) { low = 0; high = 1; }
  if (low === high) { low -= 0.5; high += 0.5; }
  const first = steps.length ? steps[0] : 0, last = steps.length ? steps[steps.length - 1] : 1;
  const x = (s) => left + (width - left - right) * (s - first) / (last - first || 1);
  const y = (v) => top + (height - top - bottom) * (high - v) / (high - low);
  context.font = '13px system-ui, sans-serif';
  context.fillStyle = '#333';
  context.strokeStyle = '#d5d5d5';
  context.lineWidth = 1;
  for (let i = 0; i <= 4; i++) {
    const v = low + (high - low) * i / 4;
    context.beginPath(); context.moveTo(left, y(v)); context.lineTo(width - right, y(v)); context.stroke();
    context.textAlign = 'right';
    context.fillText(figure(Number(v.toPrecision(3))), left - 6, y(v) + 4);
  }
  context.textAlign = 'left';
  context.fillText(`step ${first.toLocaleString('en')}`, left, height - 10);
  context.textAlign = 'right';
  context.fillText(last.toLocaleString('en'), width - right, height - 10);
  names.forEach((name, i) => {
    pen(context, i);
    context.beginPath();
    let down = false;
    found.values[name].data.forEach((v, j) => {
      if (!Number.isFinite(v)) { down = false; return; }
      if (down) context.lineTo(x(steps[j]), y(v)); else context.moveTo(x(steps[j]), y(v));
      down = true;
    });
    context.stroke();
  });
  context.setLineDash([]);
}

// ---------------------------------------------------------------- heat maps

export function heat(canvas, map) {
  const [rows, columns] = map.shape;
  canvas.width = columns;
  canvas.height = rows;
  canvas.className = 'sharp';
  const context = canvas.getContext('2d'), image = context.createImageData(columns, rows);
  let largest = 0;
  for (const v of map.data) if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
  const below = [168, 70, 0], above = [0, 90, 141];
  map.data.forEach((v, i) => {
    const share = largest ? Math.min(1, Math.abs(v) / largest) : 0, end = v < 0 ? below : above;
    const colour = Number.isFinite(v) ? end.map((c) => 255 + share * (c - 255)) : [255, 230, 0];
    image.data.set([...colour, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return largest;
}

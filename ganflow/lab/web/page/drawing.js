// Points drawn with the mouse or the keys, to train on in the place of the data set.

import { $ } from './parts.js';
import { planeScale } from './draw.js';

const SPRAYED = 6, MOST = 20000, STEP = 0.05;  // points at once; at most; of the reach, a key's move
let points = [], drawing = false, cursor = [0, 0], down = false, fixed = null, repaint = () => {};

function told() {
  $('drawn').textContent = points.length ? `${points.length} points; a fifth of them is held out` : drawing
    ? 'drag over the plane; or move with the arrow keys and press space' : '';
  $('train-on').disabled = !points.length;
}

function spray(x, y) {
  const spread = 0.04 * fixed.reach;
  for (let i = 0; i < SPRAYED && points.length < MOST; i++) {
    const angle = 2 * Math.PI * Math.random(), radius = spread * Math.sqrt(Math.random());
    points.push([x + radius * Math.cos(angle), y + radius * Math.sin(angle)]);
  }
  told();
  repaint();
}

function place(event) {
  const canvas = $('plane'), box = canvas.getBoundingClientRect(), zoom = canvas.width / box.width;
  return planeScale(fixed, canvas.width).back((event.clientX - box.left) * zoom, (event.clientY - box.top) * zoom);
}

function key(event) {
  if (!drawing) return;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const reach = fixed.reach;
  if (moves[event.key]) cursor = cursor.map((v, i) => Math.min(reach, Math.max(-reach, v + STEP * reach * moves[event.key][i])));
  else if (event.key === ' ') spray(...cursor);
  else return;
  event.preventDefault();
  repaint();
}

export function setUpDrawing(about, train) {
  const canvas = $('plane');
  fixed = about.samplers[0];
  points = [];
  drawing = false;
  $('drawing').hidden = !(about.is_points && fixed.kind === 'points');
  $('undraw').hidden = !about.is_drawn;
  $('draw').setAttribute('aria-pressed', 'false');
  canvas.classList.remove('drawing');
  $('draw').onclick = () => {
    drawing = !drawing;
    $('draw').setAttribute('aria-pressed', String(drawing));
    canvas.classList.toggle('drawing', drawing);
    told();
    repaint();
  };
  $('clear').onclick = () => { points = []; told(); repaint(); };
  $('train-on').onclick = () => train(points);
  $('undraw').onclick = () => train([]);
  canvas.onpointerdown = (event) => { if (drawing) { down = true; canvas.setPointerCapture(event.pointerId); spray(...place(event)); } };
  canvas.onpointermove = (event) => { if (drawing && down) spray(...place(event)); };
  canvas.onpointerup = canvas.onpointercancel = () => { down = false; };
  canvas.onkeydown = key;
  told();
}

// Over the plane: what has been drawn, and where the keys would draw.
export function sketch(canvas, of) {
  if (!points.length && !drawing) return;
  const context = canvas.getContext('2d'), scale = planeScale(of, canvas.width);
  context.fillStyle = '#000';
  for (const [x, y] of points) context.fillRect(scale.x(x) - 1.5, scale.y(y) - 1.5, 3, 3);
  if (!drawing) return;
  const x = scale.x(cursor[0]), y = scale.y(cursor[1]);
  context.strokeStyle = '#000';
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x - 9, y); context.lineTo(x + 9, y);
  context.moveTo(x, y - 9); context.lineTo(x, y + 9);
  context.stroke();
}

export function whenDrawn(act) { repaint = act; }

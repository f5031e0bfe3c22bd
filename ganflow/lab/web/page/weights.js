// Every weight as a heat map with its gradient, and one of them larger.

import { $, element, thousands } from './parts.js';
import { figure, heat } from './draw.js';

let open = async () => null;

export function openWeights(ask) {
  open = ask;
  $('large-close').onclick = () => $('large').close();
}

function size(shape) { return shape.join(' × ') || 'one number'; }

function map(of, title) {
  const canvas = element('canvas');
  const largest = heat(canvas, of.map);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${title}, largest ${figure(largest)}`);
  return { canvas, largest };
}

function card(weight) {
  const parts = [['weight', weight.value], ...Object.entries(weight.gradients).map(([of, g]) => [`gradient, ${of}`, g])];
  const maps = parts.map(([title, of]) => element('span', {}, map(of, title).canvas,
    element('small', { textContent: `${title}: ${figure(of.norm)}` })));
  const last = Object.entries(weight.last_norms).map(([of, norm]) => `${of} ${figure(norm)}`).join(', ');
  const made = element('button', { type: 'button', className: 'weight' },
    element('strong', { textContent: weight.short }), ` ${size(weight.shape)}`,
    element('span', { className: 'maps' }, ...maps));
  if (last) made.append(element('small', { textContent: `last step's gradient: ${last}` }));
  made.onclick = async () => { const found = await open(weight.name); if (found) show(found); };
  return made;
}

export function showWeights(weights, sizes) {
  const place = $('weights'), networks = [...new Set(weights.map((w) => w.network))];
  const focused = document.activeElement && document.activeElement.dataset.weight;
  place.replaceChildren(...networks.flatMap((network) => [
    element('h3', { textContent: `${network}: ${thousands(sizes[network])} parameters` }),
    element('div', { className: 'weights' }, ...weights.filter((w) => w.network === network).map((w) => {
      const made = card(w);
      made.dataset.weight = w.name;
      return made;
    })),
  ]));
  if (focused) place.querySelector(`[data-weight="${CSS.escape(focused)}"]`)?.focus();
}

function entry(canvas, of, title, event) {
  const box = canvas.getBoundingClientRect(), [rows, columns] = of.map.shape;
  const i = Math.min(rows - 1, Math.max(0, Math.floor((event.clientY - box.top) / box.height * rows)));
  const j = Math.min(columns - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * columns)));
  $('large-entry').textContent = `${title} [${i * of.every[0]}, ${j * of.every[1]}] = ${figure(of.map.data[i * columns + j])}`;
}

function show(found) {
  $('large-title').textContent = `${found.name}, ${size(found.shape)}`;
  const parts = [['weight', found.value], ...Object.entries(found.gradients).map(([of, g]) => [`gradient, ${of}`, g])];
  $('large-maps').className = 'parts';
  $('large-maps').replaceChildren(...parts.map(([title, of]) => {
    const { canvas, largest } = map(of, title), [down, across] = of.every;
    canvas.style.aspectRatio = of.map.shape[1] / Math.max(of.map.shape[0], of.map.shape[1] / 12);
    canvas.onpointermove = (event) => entry(canvas, of, title, event);
    const some = down * across > 1 ? `; every ${down}. row and ${across}. column of ${size(found.matrix)}` : `; all of ${size(found.matrix)}`;
    return element('figure', {}, canvas, element('figcaption', { textContent: `${title}: norm ${figure(of.norm)}, largest shown ${figure(largest)}${some}` }));
  }));
  $('large-entry').textContent = 'Point at an entry to read it.';
  if (!$('large').open) $('large').showModal();
}

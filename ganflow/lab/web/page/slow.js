// One update as five stages: what each produced, where it happens; only the last one moves anything.

import { $, button, element, guarded } from './parts.js';
import { BLUE, ORANGE, PURPLE, dots, figure, heat, planeScale, sigmoid } from './draw.js';
import { grid } from './grid.js';

const TITLES = {
  draw: 'Draw', generate: 'G(z): samples are made', judge: 'D judges', loss: 'Loss', gradient: 'Gradient and update',
};
let found = null, place = 0, send = null, repaint = () => {};

export function whenStaged(act) { repaint = act; }

function part(of) {
  const size = of.shape && of.shape.length ? ` [${of.shape.join(', ')}]` : '', note = of.note ? `, ${of.note}` : '';
  const caption = element('figcaption', { textContent: `${of.name}${note}${size}` }), canvas = element('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', caption.textContent);
  if (of.kind === 'number') return element('p', {}, element('strong', { textContent: of.name }), ` = ${figure(of.values)}`);
  if (of.kind === 'images') grid(canvas, of.values, null, 8);
  else if (of.kind === 'map') { heat(canvas, of.values); canvas.classList.add('map'); }
  else if (of.kind === 'points') {
    canvas.width = canvas.height = 150;
    const reach = 1.1 * of.values.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);
    canvas.getContext('2d').fillStyle = '#f4f4f4';
    canvas.getContext('2d').fillRect(0, 0, 150, 150);
    dots(canvas.getContext('2d'), planeScale({ reach }, 150), of.values, of.note ? BLUE : ORANGE, 2);
  } else if (of.kind === 'scores') {
    const values = of.values.data, mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const few = Array.from(values.slice(0, 6), (v) => figure(Number(v.toPrecision(3)))).join(', ');
    return element('figure', {}, caption, element('p', { textContent: `mean ${figure(mean)}; the first: ${few}` }));
  } else if (of.kind === 'gradient') {
    const weight = element('canvas');
    for (const [on, x, title] of [[weight, of.weight, 'weight'], [canvas, of.values, 'gradient']]) {
      heat(on, x.map);
      on.classList.add('map');
      on.setAttribute('role', 'img');
      on.setAttribute('aria-label', `${title} of ${of.name}`);
    }
    caption.textContent += `: weight ${figure(of.weight.norm)}, gradient ${figure(of.values.norm)}`;
    return element('figure', {}, element('span', { className: 'maps' }, weight, canvas), caption);
  }
  return element('figure', {}, canvas, caption);
}

function show() {
  $('stages').replaceChildren(...(found ? found.stages : []).slice(0, place + 1).map((stage, i) => {
    const parts = stage.parts.map(part), item = element('li', { className: i === place ? 'now' : '' },
      element('h3', { textContent: TITLES[stage.stage] }), element('p', { textContent: stage.about }),
      element('div', { className: 'parts' }, ...parts));
    item.dataset.stage = stage.stage;
    return item;
  }));
  const last = found && place === found.stages.length - 1;
  $('slow-legend').hidden = !found || $('points').hidden;
  $('back').disabled = !found || place === 0;
  $('next').disabled = !found || last;
  $('make').disabled = !last;
  if (found) $('stages').lastElementChild.scrollIntoView({ block: 'nearest' });
  repaint();
}

export function setUpSlow(about, sender) {
  send = sender;
  found = null;
  $('slow-updates').replaceChildren(...about.updates.map(({ name }) => button(`${name} in slow motion`,
    { className: 'step', id: `slow-${name}` }, () => guarded(async () => {
      found = await send({ do: 'stages', name });
      place = 0;
      show();
    }))));
  $('back').onclick = () => { place -= 1; show(); };
  $('next').onclick = () => { place += 1; show(); };
  $('make').onclick = () => guarded(async () => {
    const done = await send({ do: 'update', name: found.name, count: 1, at: found.at });
    $('report').textContent = done.text;
    found = null;
    show();
    $('stages').replaceChildren(element('li', { textContent: 'Done; what it changed is told below.' }));
  });
  show();
}

// What the stages are of is no more once the state has gone on.
export function slowFrame(frame) {
  if (found && frame.step !== found.at) {
    found = null;
    show();
    $('stages').replaceChildren(element('li', { textContent: 'The training has gone on: look at an update again.' }));
  }
}

// On the plane: the batch's points as the stages come to them, in D's colours once it has judged.
export function overlay(canvas, fixed) {
  if (!found) return;
  const context = canvas.getContext('2d'), scale = planeScale(fixed, canvas.width);
  const stages = found.stages.slice(0, place + 1), points = [];
  for (const stage of stages.slice(0, 2)) {
    for (const of of stage.parts) if (of.kind === 'points') points.push([of.values, stage.stage === 'draw' ? BLUE : ORANGE]);
  }
  const judged = stages[2] ? stages[2].parts.filter((of) => of.kind === 'scores') : [];
  for (const [values, colour] of points) {
    const scores = judged.length && judged.find((of) => of.shape[0] === values.shape[0]);
    dots(context, scale, values, colour, 4.5, '#000');
    if (scores && scores.values.data.length >= values.shape[0]) {
      context.strokeStyle = PURPLE;
      for (let i = 0; i < values.shape[0]; i++) {
        const share = fixed.is_logit ? sigmoid(scores.values.data[i]) : 0.5;
        context.lineWidth = 3 * share;
        context.beginPath();
        context.arc(scale.x(values.data[2 * i]), scale.y(values.data[2 * i + 1]), 7, 0, 2 * Math.PI * share);
        context.stroke();
      }
    }
  }
}

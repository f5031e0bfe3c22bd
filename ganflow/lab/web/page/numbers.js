// Losses, the diagnosis, and the equations with what the last step gave.

import { $, element } from './parts.js';
import { curves, dash, figure } from './draw.js';

function value(scalars, update, name) {
  return scalars[`${update} ${name}`] ?? scalars[name];
}

// A line of an update that gives a scalar its name is shown with its value.
function withValues(pre, { name, source }, scalars) {
  const lines = source.flatMap((line) => {
    const found = /^\s+(\w+) \+?=/.exec(line), of = found && value(scalars, name, found[1]);
    return of === undefined || of === null ? [`${line}\n`] : [line, element('b', { textContent: `    # ${figure(of)}` }), '\n'];
  });
  pre.replaceChildren(...lines);
}

export function showSources(about) {
  if (!about.equations.length) $('equations').textContent = 'The docstring of this model sets no equation off.';
  $('sources').replaceChildren(...about.updates.map((update) => {
    const pre = element('pre', { id: `source-${update.name}`, tabIndex: 0 });
    pre.setAttribute('aria-label', `source of ${update.name}`);
    const told = update.about ? `${update.name}: ${update.about.split('\n')[0]}` : update.name;
    return element('details', { open: about.updates.length < 4 }, element('summary', { textContent: told }), pre);
  }));
}

// The equations with what their terms came to in brackets; what has no place in them stands below.
function showEquations(about, scalars) {
  if (!about.equations.length) return;
  const placed = new Set(about.equations.flat().map(([, name]) => name));
  const bracket = (name) => element('b', { textContent: ` [${figure(scalars[name])}]` });
  const lines = about.equations.flatMap((line) => [...line.flatMap(([text, name]) => (name in scalars ? [text, bracket(name)] : [text])), '\n']);
  const others = Object.keys(scalars).filter((name) => !placed.has(name));
  const below = others.flatMap((name, i) => [i ? ', ' : '\nbeside them: ', name, bracket(name)]);
  $('equations').replaceChildren(...lines, ...below);
}

function showScalars(frame) {
  const names = Object.keys(frame.curves.values), all = Object.keys(frame.scalars), place = $('scalars');
  if (place.dataset.names !== all.join()) {
    place.dataset.names = all.join();
    place.replaceChildren(...all.map((name) => {
      const i = names.indexOf(name), swatch = element('canvas', { className: 'swatch', width: 30, height: 6 });
      if (i >= 0) dash(swatch, i);
      return element('li', {}, swatch, element('span', { id: `scalar-${name.replaceAll(' ', '-')}` }));
    }));
  }
  all.forEach((name, i) => { place.children[i].lastChild.textContent = `${name} ${figure(frame.scalars[name])}`; });
  if (!all.length) place.replaceChildren('No step yet.');
}

function showDiagnosis(about, name, told) {
  const place = $('diagnosis');
  if (!told) {
    place.textContent = `Judged every ${about.summary_every.toLocaleString('en')} whole steps, as in a training, and three times before a verdict.`;
    return;
  }
  const of = about.samplers.length > 1 ? ` of ${name}` : '';
  const state = element('p', { textContent: `Step ${told.step.toLocaleString('en')}${of}: ${told.state}.` });
  place.replaceChildren(state, ...told.illnesses.map((ill) => element('p', {},
    element('strong', { textContent: ill.illness }), `: ${ill.evidence}. Advice: ${ill.advice}.`)));
}

export function showNumbers(about, sampler, frame) {
  curves($('curves'), frame.curves);
  showScalars(frame);
  const latest = Object.entries(frame.scalars).map(([name, v]) => `${name} ${figure(v)}`).join(', ');
  $('curves').setAttribute('aria-label', `Losses over the steps; now: ${latest || 'no step yet'}`);
  showDiagnosis(about, about.samplers[sampler].name, frame.told[sampler]);
  showEquations(about, frame.scalars);
  for (const update of about.updates) withValues($(`source-${update.name}`), update, frame.scalars);
}

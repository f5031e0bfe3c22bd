// A form of the model's settings; whatever differs goes into a restart.

import { $, element } from './parts.js';

function read(input, of) {
  if (typeof of.value === 'boolean') return input.value === 'true';
  if (typeof of.value === 'number') return Number(input.value);
  if (Array.isArray(of.value)) return input.value.split(',').filter((word) => word.trim()).map(Number);
  return input.value;
}

function field(of) {
  const id = `setting-${of.name}`, choices = typeof of.value === 'boolean' ? ['true', 'false'] : of.choices;
  const input = choices
    ? element('select', { id }, ...choices.map((word) => element('option', { value: word, textContent: word })))
    : element('input', { id, type: typeof of.value === 'number' ? 'number' : 'text', step: 'any' });
  for (const [bound, to] of [['minimum', 'min'], ['maximum', 'max']]) if (of[bound] !== null && input.type === 'number') input[to] = of[bound];
  input.value = String(of.value);
  return element('label', {}, of.name, input, element('small', { textContent: of.help || '' }));
}

export function setUpSettings(about, restart) {
  const seed = { name: 'seed', value: about.seed, help: 'of weights, data order, z and dropout', minimum: 0, maximum: null };
  const all = [...about.settings, seed];
  const submit = element('button', { type: 'submit', textContent: 'Restart with these', id: 'apply' });
  $('settings').replaceChildren(...all.map(field), element('div', {}, submit));
  $('settings').onsubmit = (event) => {
    event.preventDefault();
    const changed = all.map((of) => [of, read($(`setting-${of.name}`), of)])
      .filter(([of, value]) => String(value) !== String(of.value)).map(([of, value]) => [of.name, value]);
    if (changed.length) restart(Object.fromEntries(changed));
  };
}

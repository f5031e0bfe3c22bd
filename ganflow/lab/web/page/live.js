// What can be changed while it trains: learning rates, the batch, D's targets.

import { $, element, guarded } from './parts.js';

const NAMES = { batch_size: 'batch', real_label: "D's target on real", fake_label: "D's target on generated" };

// An input for each of some numbers, {id, label, value}; what a person types in one stays there.
function inputs(place, all, change) {
  const ids = all.map(({ id }) => id).join();
  if (place.dataset.ids !== ids) {
    place.dataset.ids = ids;
    place.replaceChildren(...all.map((of) => {
      const input = element('input', { type: 'number', step: 'any', min: 0, id: of.id });
      input.onchange = () => guarded(() => change(of.name, Number(input.value)));
      return element('label', {}, element('span', {}), ' ', input);
    }));
  }
  all.forEach((of, i) => {
    const [told, input] = place.children[i].children;
    told.textContent = of.label;
    if (document.activeElement !== input) input.value = of.value;
  });
}

export function showLive(frame, send) {
  const rates = Object.entries(frame.rates).map(([name, [rate, factor]]) => ({ id: `rate-${name}`, name,
    label: `learning rate of ${name}${factor === null ? '' : `: ${rate.toPrecision(3)} ×`}`,
    value: Number((factor === null ? rate : factor).toPrecision(6)) }));
  const settings = Object.entries(frame.live).map(([name, value]) => ({ id: `live-${name}`, name, label: NAMES[name], value }));
  inputs($('rates'), rates, (name, value) => send({ do: 'rate', name, value }));
  inputs($('live'), settings, (name, value) => send({ do: 'live', name, value }));
}

// Small pieces that all of the page uses.

export const $ = (id) => document.getElementById(id);
export const thousands = (n) => Number(n).toLocaleString('en');

export function element(name, settings = {}, ...inside) {
  const made = Object.assign(document.createElement(name), settings);
  made.append(...inside);
  return made;
}

export function button(text, settings, onclick) {
  return element('button', { type: 'button', textContent: text, ...settings, onclick });
}

// One line, for as long as it holds; an empty one takes it away.
export function problem(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

// What a command raises is told in the page.
export async function guarded(act) {
  problem('');
  document.body.dataset.waiting = Number(document.body.dataset.waiting || 0) + 1;
  try {
    return await act();
  } catch (error) {
    problem(error instanceof TypeError ? 'The lab does not answer.' : error.message);
    return null;
  } finally {
    document.body.dataset.waiting = Number(document.body.dataset.waiting) - 1;
  }
}

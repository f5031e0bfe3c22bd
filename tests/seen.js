// What a person would trip over in a page: each function lists it, and is empty where all is well.

const box = (e) => e.getBoundingClientRect();
const called = (e) => e.id || e.textContent.trim().slice(0, 40) || e.outerHTML.slice(0, 60);

// Things that lie on one another, or that the window cuts off.
function overlapping() {
  const kinds = 'h1,h2,h3,label,button,input,select,figcaption,summary,li,p,canvas';
  const header = document.querySelector('header'), width = document.documentElement.clientWidth;
  const all = [...document.querySelectorAll(kinds)]
    .filter((e) => e.checkVisibility() && box(e).width && !e.closest('pre') && !e.closest('dialog'));
  const found = all.filter((e) => box(e).right > width + 1 || box(e).left < -1)
    .map((e) => `cut off: ${called(e)}`);
  all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
    if (a.contains(b) || b.contains(a) || header.contains(a) || header.contains(b)) return;
    const x = box(a), y = box(b);
    const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left);
    const high = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
    if (wide > 1 && high > 1) found.push(`${called(a)} on ${called(b)}`);
  }));
  return found;
}

// What can be used or looked at, and has no name for those who do not see it.
function nameless() {
  const named = (e) => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
    || e.textContent.trim() || (e.labels && e.labels.length && e.labels[0].textContent.trim());
  return [...document.querySelectorAll('button,input,select,[role=img],summary,dialog')]
    .filter((e) => !named(e)).map(called);
}

// Texts whose contrast with what lies behind them is below 4.5, by WCAG 2.
function pale() {
  const numbers = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const has = (e) => [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && has(e)).map((e) => {
    const a = light(numbers(getComputedStyle(e).color)), b = light(behind(e));
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e];
  }).filter(([ratio]) => ratio < 4.5).map(([ratio, e]) => `${ratio.toFixed(2)}: ${called(e)}`);
}

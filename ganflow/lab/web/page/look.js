// What a sampler shows: the plane, or grids of images with D's scores.

import { $, element } from './parts.js';
import { figure, plane, sigmoid } from './draw.js';
import { grid } from './grid.js';
import { overlay } from './slow.js';
import { sketch } from './drawing.js';

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

function told(fixed, scores) {
  if (!scores) return null;
  return Array.from(scores.data, (s) => (fixed.is_logit ? sigmoid(s).toFixed(2) : figure(Number(s.toPrecision(3)))));
}

function means(fixed, look) {
  if (!look.fake_scores) return 'No D judges these samples.';
  const of = (scores) => figure(mean(Array.from(scores.data, (s) => (fixed.is_logit ? sigmoid(s) : s))));
  const what = fixed.is_logit ? 'Mean D(x) = sigmoid(score)'
    : `Mean score of D (the ${fixed.higher_is_real ? 'higher' : 'lower'}, the more real)`;
  return `${what}: real ${of(look.real_scores)}, generated ${of(look.fake_scores)}.`;
}

function showPlane(fixed, look, withTexts) {
  const canvas = $('plane'), { shades, largest } = plane(canvas, fixed, look);
  overlay(canvas, fixed);
  sketch(canvas, fixed);
  if (!withTexts) return;
  $('arrows').hidden = !look.push;
  $('arrows').textContent = `→ ${fixed.has_loss ? "push of G's loss" : "up D's score"} (the longest: ${figure(Number(largest.toPrecision(3)))})`;
  $('shades').textContent = shades ? `shades: D ${figure(Number(shades[0].toPrecision(3)))} orange, ${figure(Number(shades[1].toPrecision(3)))} blue` : '';
  canvas.setAttribute('aria-label', `The plane from ${-fixed.reach.toPrecision(3)} to ${fixed.reach.toPrecision(3)} on both axes, `
    + `${look.generated.shape[0]} generated points and ${fixed.real.shape[0]} real ones. ${means(fixed, look)}`);
}

// Each given image with what is made of it: [a, a_to_b, a_to_b_to_a] side by side.
function together(arrays) {
  const shape = arrays[0].shape, count = Math.min(...arrays.map((a) => a.shape[0])), one = shape[1] * shape[2] * shape[3];
  const data = new Uint8Array(arrays.length * count * one);
  arrays.forEach((a, k) => {
    for (let i = 0; i < count; i++) data.set(a.data.subarray(i * one, (i + 1) * one), (i * arrays.length + k) * one);
  });
  return { shape: [arrays.length * count, ...shape.slice(1)], data };
}

function under(scores, words, verb) {
  const all = [...(scores ? ['what D says'] : []), ...(words.length ? [`what it is ${verb} to be`] : [])];
  return all.length ? `; under each ${all.join(' and ')}` : '';
}

function parts(about, shown, frame) {
  const main = about.samplers[shown[0]], look = frame.looks[shown[0]], found = [];
  const given = Object.entries(main.given), alike = (a, b) => a.shape.slice(1).join() === b.shape.slice(1).join();
  const all = shown.map((i) => [about.samplers[i], frame.looks[i]]);
  if (given.length === 1 && all.every(([, of]) => alike(of.generated, given[0][1]))) {
    const columns = [given[0], ...all.map(([fixed, of]) => [fixed.name, of.generated])];
    const scores = all.map(([fixed, of]) => told(fixed, of.fake_scores));
    const texts = [];
    for (let i = 0; i < look.generated.shape[0]; i++) texts.push('', ...scores.map((s) => (s ? s[i] : '')));
    const caption = `${columns.map(([name]) => name).join(' | ')}; under each what D says of it, where one judges it`;
    found.push(['pairs', caption, together(columns.map(([, x]) => x)), texts, columns.length * 2]);
  } else {
    for (const [name, x] of given) found.push([`given-${name}`, `given ${name}`, x, null, 8]);
    found.push(['generated', `generated${under(look.fake_scores, main.words, 'asked')}`, look.generated, told(main, look.fake_scores), 8, main.words]);
  }
  found.push(['real', `real ${main.against}${under(look.real_scores, main.real_words, 'said')}`, main.real, told(main, look.real_scores), 8, main.real_words]);
  return found;
}

function showImages(about, shown, frame) {
  const place = $('images');
  for (const [id, caption, x, texts, columns, words = []] of parts(about, shown, frame)) {
    let canvas = $(`grid-${id}`);
    if (!canvas) {
      canvas = element('canvas', { id: `grid-${id}` });
      canvas.setAttribute('role', 'img');
      place.append(element('figure', {}, element('figcaption'), canvas));
    }
    canvas.previousSibling.textContent = caption;
    canvas.setAttribute('aria-label', `${x.shape[0]} images: ${caption}${words.length ? `; the first: ${words[0]}` : ''}`);
    grid(canvas, x, texts, columns, words);
  }
}

let before = '';

// What a sampler shows now; without its texts where they would change too often to be read.
export function showLook(about, shown, frame, withTexts) {
  const fixed = about.samplers[shown[0]], isPoints = fixed.kind === 'points';
  const key = `${about.epoch} ${shown.join()}`;
  if (key !== before) $('images').replaceChildren();
  before = key;
  $('points').hidden = !isPoints;
  if (isPoints) showPlane(fixed, frame.looks[shown[0]], withTexts);
  else showImages(about, shown, frame);
  if (withTexts) $('means').textContent = means(fixed, frame.looks[shown[0]]);
}

// The page: asks for frames one after another, shows them, and sends commands.

import * as wire from './wire.js';
import { $, button, element, guarded, problem, thousands } from './parts.js';
import { showLook } from './look.js';
import { showLive } from './live.js';
import { showNumbers, showSources } from './numbers.js';
import { openWeights, showWeights } from './weights.js';
import { setUpDrawing, whenDrawn } from './drawing.js';
import { setUpSlow, slowFrame, whenStaged } from './slow.js';
import { setUpSettings } from './settings.js';

const now = { about: null, frame: null, sampler: 0, version: 0, epoch: 0, weightsVersion: 0, numbersVersion: 0, lost: false };

const count = () => Math.max(1, Math.trunc(Number($('count').value)) || 1);
const send = (told) => wire.command(told);

// The sampler that is shown, and those that go on from the same images: a, a_to_b, a_to_b_to_a.
function shown() {
  const all = now.about ? now.about.samplers : [], main = all[now.sampler];
  if (!main || !Object.keys(main.given).length) return [now.sampler];
  const names = main.given_names.join();
  const others = all.map((_, i) => i).filter((i) => i !== now.sampler && all[i].given_names.join() === names);
  return [now.sampler, ...others];
}

// ---------------------------------------------------------------- what is built once a model

async function setUp() {
  now.about = await wire.about();
  now.epoch = now.about.epoch;
  const { about } = now;
  const what = about.is_drawn ? `${thousands(about.examples)} drawn points` : about.dataset;
  $('title').textContent = `${about.model} on ${what}${about.start ? `, from ${about.start}` : ''}, seed ${about.seed}`;
  document.title = `ganflow lab: ${about.model}`;
  now.sampler = Math.min(now.sampler, about.samplers.length - 1);
  $('sampler').replaceChildren(...about.samplers.map((of, i) => element('option', { value: i, textContent: of.name })));
  $('sampler').value = now.sampler;
  $('choose').hidden = about.samplers.length < 2;
  $('updates').replaceChildren(...about.updates.map(({ name, about: doc }) => button(`n × ${name}`,
    { title: doc.split('\n')[0], className: 'step', id: `update-${name}` }, () => update(name))));
  showSources(about);
  setUpSettings(about, (settings) => guarded(async () => send({ do: 'restart', settings })));
  setUpSlow(about, send);
  setUpDrawing(about, (points) => guarded(async () => send({ do: 'restart', points })));
}

async function update(name) {
  await guarded(async () => {
    const done = await send({ do: 'update', name, count: count() });
    $('report').textContent = done.text || $('report').textContent;
    if (done.stopped) problem(done.stopped);
  });
}

function setUpControls() {
  $('whole').onclick = () => guarded(async () => {
    const done = await send({ do: 'steps', count: count() });
    if (done.stopped) problem(done.stopped);
  });
  $('run').onclick = () => guarded(() => send({ do: 'run' }));
  $('pause').onclick = () => guarded(() => send({ do: 'pause' }));
  $('restart').onclick = () => guarded(() => send({ do: 'restart' }));
  $('limit').onchange = () => guarded(() => send({ do: 'limit', steps_per_second: Number($('limit').value) }));
  $('save').onclick = () => guarded(async () => {
    $('saved').textContent = '';
    $('saved').textContent = (await send({ do: 'save', workdir: $('workdir').value })).text;
  });
  $('sampler').onchange = () => { now.sampler = Number($('sampler').value); now.version = now.numbersVersion = 0; };
  $('weights-open').ontoggle = () => { now.version = 0; };
  openWeights((name) => guarded(() => send({ do: 'weight', name })));
}

// ---------------------------------------------------------------- what a frame changes

function showStatus(frame) {
  const done = Object.entries(frame.done).filter(([, times]) => times).map(([name, times]) => `${thousands(times)} × ${name}`);
  const speed = frame.running ? `; running, ${thousands(Math.round(frame.steps_per_second))} steps a second` : '; paused';
  $('status').textContent = `step ${thousands(frame.step)}${done.length ? ` (${done.join(', ')})` : ''}${speed}`
    + (frame.busy ? `; ${frame.busy}` : '');
  document.body.dataset.running = frame.running;
  for (const of of document.querySelectorAll('button.step, #whole, #run')) of.disabled = frame.running;
  $('pause').disabled = !frame.running;
  const focused = document.activeElement;
  if (focused !== $('limit')) $('limit').value = frame.limit;
  $('apart').hidden = !frame.apart.length;
  $('apart').textContent = frame.apart.length ? `Off the way of a training: ${frame.apart.join('; ')}. It cannot be saved.` : '';
  if (frame.error) problem(frame.error);
}

function show(frame) {
  now.frame = frame;
  document.body.dataset.step = frame.step;
  // Curves come a few times a second, and texts change with them: more often the eye does not follow.
  const isWhole = Boolean(frame.curves);
  showLook(now.about, shown(), frame, isWhole);
  if (isWhole) {
    showStatus(frame);
    showLive(frame, send);
    showNumbers(now.about, now.sampler, frame);
  }
  slowFrame(frame);
  $('fingerprint').textContent = frame.fingerprint || 'told where it is paused, of up to 32 MiB';
  if (frame.weights) { showWeights(frame.weights, now.about.networks); now.weightsVersion = frame.weights_version; }
}

// ---------------------------------------------------------------- asking, over and over

const sleep = (ms) => new Promise((after) => { setTimeout(after, ms); });
const painted = () => new Promise((after) => { requestAnimationFrame(after); });
const ask = () => wire.frame(now.version, shown(), $('weights-open').open, now.weightsVersion, now.numbersVersion);

async function one(waiting) {
  const found = await waiting;
  if (now.lost) { now.lost = false; problem(''); }
  if (found.epoch !== now.epoch) {
    now.version = now.weightsVersion = now.numbersVersion = 0;
    await setUp();
    return ask();
  }
  if (found.alive) {
    if (found.busy) $('status').textContent = `${found.busy}…`;
    else if (now.frame) showStatus({ ...now.frame, busy: '' });
    return ask();
  }
  now.version = found.version;
  if (found.curves) now.numbersVersion = found.numbers_version;
  const next = ask();  // on its way while this one is drawn
  next.catch(() => {});
  if (document.visibilityState === 'visible') await painted();
  if (shown().every((i) => found.looks[i])) show(found);
  return next;
}

async function lost(error) {
  now.lost = true;
  now.version = now.weightsVersion = now.numbersVersion = 0;
  const step = now.frame ? ` It was at step ${thousands(now.frame.step)}.` : '';
  problem(error instanceof wire.Gone ? error.message
    : `The lab does not answer: it has ended, or its machine is away.${step} Trying again.`);
  $('status').textContent = 'no answer';
  for (const of of document.querySelectorAll('button.step, #whole, #run, #pause')) of.disabled = true;
  await sleep(1000);
}

async function forever() {
  let waiting = null;
  for (;;) {
    try {
      if (!now.about) await setUp();
      waiting = await one(waiting || ask());
    } catch (error) {
      console.info(error);
      waiting = null;
      await lost(error);
    }
  }
}

// What is drawn or staged over the plane shows at once, also while nothing else moves.
const again = () => { if (now.frame && now.about && shown().every((i) => now.frame.looks[i])) showLook(now.about, shown(), now.frame, true); };
whenDrawn(again);
whenStaged(again);
setUpControls();
forever();

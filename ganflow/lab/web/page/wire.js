// Frames from the lab and commands to it. Arrays come as base64 of their bytes.

const HERE = new URL('.', location.href);

export class Gone extends Error {}

function decoded(value) {
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== 'object') return value;
  if ('array' in value && 'data' in value) {
    const text = atob(value.data), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return { shape: value.shape, data: value.array === 'u8' ? bytes : new Float32Array(bytes.buffer) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, decoded(of)]));
}

async function answer(response) {
  if (response.status === 403) throw new Gone('This is no longer the address of the lab: look at the terminal.');
  const text = await response.text();
  if (!response.ok) {
    let told = text;
    try { told = JSON.parse(text).error; } catch { /* a line of text */ }
    throw new Error(told);
  }
  return decoded(JSON.parse(text));
}

export async function about() {
  return answer(await fetch(new URL('about', HERE)));
}

// The newest frame after one; a frame without `alive` has everything in it.
export async function frame(after, samplers, weights, weightsVersion, numbersVersion) {
  const asked = new URLSearchParams({ after, samplers: samplers.join(','), weights: weights ? 1 : 0, weights_version: weightsVersion,
    numbers_version: numbersVersion });
  return answer(await fetch(new URL(`state?${asked}`, HERE)));
}

export async function command(told) {
  const settings = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(told) };
  return answer(await fetch(new URL('command', HERE), settings));
}

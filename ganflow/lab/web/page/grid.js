// Images side by side, with what is said of each below it.

const GAP = 4, LINE = 14, LONG = 12, FONT = '12px system-ui, sans-serif';

// Lines of a text that are no wider than that, where its words let them be.
function lines(context, text, width) {
  const found = [''];
  for (const word of text.split(' ')) {
    const longer = `${found[found.length - 1]} ${word}`.trim();
    if (context.measureText(longer).width <= width || longer === word) found[found.length - 1] = longer;
    else found.push(word);
  }
  return found;
}

function paint(context, images, n, small, place) {
  const [, high, wide, channels] = images.shape, on = small.getContext('2d'), image = on.createImageData(wide, high);
  for (let i = 0; i < high * wide; i++) {
    const at = (n * high * wide + i) * channels;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = images.data[at + (channels === 1 ? 0 : c)];
    image.data[4 * i + 3] = 255;
  }
  on.putImageData(image, 0, 0);
  context.drawImage(small, ...place);
}

// Images [n, h, w, c], uint8, at most so many in a row; texts: a line under each, what D says; words:
// what each was asked to be, which takes as many lines as it needs.
export function grid(canvas, images, texts, most, words = []) {
  const [count, high, wide] = images.shape, isLong = words.some((of) => of.length > LONG);
  const columns = Math.min(isLong ? Math.ceil(most / 2) : most, count), zoom = Math.max(1, Math.round(58 / wide));
  const cell = Math.max(wide * zoom, isLong ? 120 : words.length ? 60 : 46), context = canvas.getContext('2d');
  context.font = FONT;
  const below = Array.from({ length: count }, (_, n) => [
    ...(texts ? [texts[n]] : []), ...(words[n] ? lines(context, words[n], cell) : [])]);
  const row = high * zoom + GAP + LINE * Math.max(0, ...below.map((of) => of.length));
  canvas.width = columns * (cell + GAP);
  canvas.height = Math.ceil(count / columns) * row;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.font = FONT;
  context.textAlign = 'center';
  context.fillStyle = '#1a1a1a';
  const small = new OffscreenCanvas(wide, high);
  for (let n = 0; n < count; n++) {
    const x = (n % columns) * (cell + GAP), y = Math.floor(n / columns) * row;
    paint(context, images, n, small, [x + (cell - wide * zoom) / 2, y, wide * zoom, high * zoom]);
    below[n].forEach((line, i) => context.fillText(line, x + cell / 2, y + high * zoom + 12 + LINE * i));
  }
}

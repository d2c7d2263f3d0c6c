const instances = new WeakMap();

/* Largest distance of two wells, and the height that a plate may take, in pixels. */
const LARGEST = 56;
const TALLEST = 452;
/* From this distance on wells are round and carry signs; from the next also their value. */
const ROUND = 13;
const WITH_SIGN = 17;
const WITH_VALUE = 44;
const KEY = 14;

/* Viridis, which stays in order for every form of colour blindness and in grey: from worst to best. */
const VIRIDIS = [
  [68, 1, 84], [71, 39, 119], [63, 72, 137], [50, 101, 142], [38, 130, 142],
  [31, 157, 138], [63, 188, 115], [132, 212, 75], [212, 226, 39], [253, 231, 37],
];

function shade(fraction) {
  const place = Math.min(1, Math.max(0, fraction)) * (VIRIDIS.length - 1);
  const index = Math.min(VIRIDIS.length - 2, Math.floor(place));
  const part = place - index;
  return VIRIDIS[index].map((low, i) => Math.round(low + part * (VIRIDIS[index + 1][i] - low)));
}

/** Black or white, whichever reads better on a colour. */
const inkOn = ([red, green, blue]) => (0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#10181b" : "#ffffff");
const rgb = (parts) => `rgb(${parts.join(",")})`;

/** So many decimals that neighbours on the scale differ, the same for every well. */
const decimals = ({ low, high }) => {
  const span = high - low || Math.abs(high);
  return span >= 100 ? 0 : span >= 1 ? 1 : span >= 0.1 ? 2 : 3;
};

function letters(row) {
  return (row >= 26 ? String.fromCharCode(64 + Math.floor(row / 26)) : "") + String.fromCharCode(65 + row % 26);
}

function number(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2).replace("-", "−");
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits }).replace("-", "−");
}

function element(kind, className, text) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

class Plate {
  constructor(parent) {
    this.root = parent.querySelector(".plate");
    this.stage = element("div", "stage");
    this.canvas = element("canvas");
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    this.tip.setAttribute("aria-hidden", "true");
    this.legend = element("div", "legend");
    this.reader();
    this.stage.append(this.canvas, this.row);
    this.root.replaceChildren(this.stage, this.legend, this.tip);
    this.listen();
    this.watch = new ResizeObserver(() => { if (this.root.clientWidth !== this.width) this.draw(); });
    this.watch.observe(this.root);
  }

  /** One row with one cell, which say what the active well is: ten thousand of them would help nobody. */
  reader() {
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "grid");
    this.stage.setAttribute("aria-readonly", "true");
    this.row = element("div", "reader");
    this.row.setAttribute("role", "row");
    this.cell = element("div");
    this.cell.id = `well-${Math.random().toString(36).slice(2)}`;
    this.cell.setAttribute("role", "gridcell");
    this.row.append(this.cell);
  }

  listen() {
    this.canvas.addEventListener("pointermove", (event) => this.point(this.at(event)));
    this.canvas.addEventListener("pointerleave", () => this.point(undefined));
    this.canvas.addEventListener("click", (event) => {
      const well = event.detail?.well ?? this.at(event);
      if (well !== undefined) this.open(well);
    });
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.stage.addEventListener("focus", () => {
      // A click focuses too, but shows no ring then.
      if (this.stage.matches(":focus-visible")) this.go(this.active ?? 0);
    });
    this.stage.addEventListener("blur", () => { this.ring = false; this.point(undefined); });
  }

  show({ data, setTriggerValue }) {
    this.data = data;
    this.names = data.names.split("\n");
    this.count = data.statuses.length;
    this.tell = (well) => atOnce(() => setTriggerValue("opened", { well }));
    this.stage.setAttribute("aria-label", data.alt);
    this.stage.setAttribute("aria-rowcount", data.rows);
    this.stage.setAttribute("aria-colcount", data.columns);
    this.draw();
  }

  colour(name) {
    return this.style.getPropertyValue(`--st-${name}`).trim();
  }

  /** Sizes from the width that is there. */
  measure() {
    const { rows, columns, lettered } = this.data;
    this.width = this.root.clientWidth;
    this.left = lettered ? 24 : 44;
    this.top = 18;
    this.right = lettered ? 6 : 14;
    const pitch = Math.min((this.width - this.left - this.right) / columns, TALLEST / rows, LARGEST);
    // Whole pixels of the screen, where a well has several: edges stay sharp.
    this.ratio = window.devicePixelRatio || 1;
    this.pitch = pitch > 3 ? Math.floor(pitch * this.ratio) / this.ratio : pitch;
    this.canvas.style.width = `${this.left + columns * this.pitch + this.right}px`;
    this.canvas.style.height = `${this.top + rows * this.pitch + 6}px`;
    this.canvas.width = Math.round((this.left + columns * this.pitch + this.right) * this.ratio);
    this.canvas.height = Math.round((this.top + rows * this.pitch + 6) * this.ratio);
  }

  draw() {
    if (!this.data || this.root.clientWidth === 0) return;
    this.style = getComputedStyle(this.root);
    this.paints = this.data.looks.map((look) => this.colour(`${look.colour}-color`));
    this.text = this.colour("text-color");
    this.border = this.colour("border-color");
    this.font = this.style.fontFamily;
    this.measure();
    const ink = this.canvas.getContext("2d");
    ink.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ink.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.frame(ink);
    this.labels(ink);
    for (let well = 0; well < this.count; well++) this.well(ink, well);
    this.empty(ink);
    if (this.ring && this.active < this.count) this.circle(ink, this.active);
    this.key();
    if (this.pointed !== undefined) this.point(this.pointed < this.count ? this.pointed : undefined);
    this.stage.dataset.drawn = this.data.statuses.length;
    performance.mark("plate");
  }

  /** The plate's edge, with the corner at A1 cut as on a real one. */
  frame(ink) {
    const { rows, columns } = this.data;
    const [x, y, w, h] = [this.left - 2.5, this.top - 2.5, columns * this.pitch + 5, rows * this.pitch + 5];
    const cut = this.data.lettered ? Math.min(10, this.pitch / 3) : 0;
    ink.beginPath();
    ink.moveTo(x + cut, y);
    ink.lineTo(x + w, y);
    ink.lineTo(x + w, y + h);
    ink.lineTo(x, y + h);
    ink.lineTo(x, y + cut);
    ink.closePath();
    ink.fillStyle = this.colour("secondary-background-color");
    ink.globalAlpha = 0.5;
    ink.fill();
    ink.globalAlpha = 1;
    ink.strokeStyle = this.border;
    ink.lineWidth = 1;
    ink.stroke();
  }

  labels(ink) {
    const { rows, columns, lettered } = this.data;
    ink.fillStyle = this.text;
    ink.globalAlpha = 0.68;
    ink.font = `${Math.min(12, Math.max(10, this.pitch * 0.6))}px ${this.font}`;
    ink.textBaseline = "middle";
    ink.textAlign = "center";
    const across = lettered ? Math.ceil(22 / this.pitch) : 10;
    for (let column = 0; column < columns; column++) {
      if (lettered ? column % across : (column + 1) % across) continue;
      ink.fillText(column + 1, this.left + (column + 0.5) * this.pitch, this.top - 10);
    }
    ink.textAlign = "right";
    const down = Math.ceil(12 / this.pitch);
    const step = lettered ? down : Math.ceil(down / 5) * 5;
    for (let row = 0; row < rows; row += step) {
      const label = lettered ? letters(row) : String(row * columns + 1);
      ink.fillText(label, this.left - 7, this.top + (row + 0.5) * this.pitch);
    }
    ink.globalAlpha = 1;
  }

  middle(well) {
    const { columns } = this.data;
    return [
      this.left + (well % columns + 0.5) * this.pitch,
      this.top + (Math.floor(well / columns) + 0.5) * this.pitch,
    ];
  }

  /** A round or, in a dense grid, square shape of a part of the well's size. */
  shape(ink, x, y, part) {
    ink.beginPath();
    if (this.pitch >= ROUND) {
      ink.arc(x, y, this.pitch * 0.42 * part, 0, 2 * Math.PI);
      return;
    }
    const gap = this.pitch >= 6 ? 1 : 0;
    const size = (this.pitch - gap) * part;
    ink.rect(x - size / 2, y - size / 2, size, size);
  }

  look(well) {
    return Number(this.data.statuses[well]);
  }

  value(well) {
    const value = this.data.values[well];
    return this.data.scale && value !== null && value !== undefined ? value : undefined;
  }

  /** 0 for the worst, 1 for the best. */
  goodness(value) {
    const { low, high, better } = this.data.scale;
    const part = high > low ? (value - low) / (high - low) : 0.5;
    return better === "lower" ? 1 - part : part;
  }

  well(ink, well) {
    const [x, y] = this.middle(well);
    const value = this.value(well);
    if (value !== undefined) return this.valued(ink, x, y, value);
    this.stated(ink, x, y, this.look(well), this.data.progress[well], this.data.scale ? 0.62 : 1);
  }

  valued(ink, x, y, value) {
    const colour = shade(this.goodness(value));
    this.shape(ink, x, y, 1);
    ink.fillStyle = rgb(colour);
    ink.fill();
    if (this.pitch >= ROUND) {
      ink.strokeStyle = this.text;
      ink.globalAlpha = 0.25;
      ink.lineWidth = 0.8;
      ink.stroke();
      ink.globalAlpha = 1;
    }
    if (this.pitch < WITH_VALUE) return;
    ink.fillStyle = inkOn(colour);
    ink.font = `${this.pitch * 0.23}px ${this.font}`;
    ink.textAlign = "center";
    ink.textBaseline = "middle";
    ink.fillText(value.toFixed(decimals(this.data.scale)).replace("-", "−"), x, y + 0.5);
  }

  /** A status in its colour: what has not begun is pale, what runs is filled as far as it has come, what ended is full.
      `part` below 1 makes it small, beside wells that have a value. */
  stated(ink, x, y, look, progress, part) {
    const { word, sign } = this.data.looks[look];
    const colour = this.paints[look];
    const waiting = word === "Queued" || word === "Pending";
    const runs = word === "Processing";
    this.shape(ink, x, y, part);
    ink.fillStyle = colour;
    ink.globalAlpha = word === "Queued" ? 0.16 : waiting ? 0.34 : runs && progress !== undefined && this.pitch >= ROUND ? 0.22 : 1;
    ink.fill();
    if (runs && progress !== undefined && this.pitch >= ROUND) this.filled(ink, x, y, progress, part);
    ink.globalAlpha = 1;
    if (this.pitch < ROUND) return;
    if (waiting || runs) {
      ink.strokeStyle = colour;
      ink.lineWidth = 1.2;
      this.shape(ink, x, y, part - 0.6 / this.pitch);
      ink.stroke();
    }
    if (this.pitch * part < WITH_SIGN) return;
    ink.fillStyle = waiting || (runs && progress !== undefined) ? this.text : this.colour("background-color");
    ink.font = `600 ${this.pitch * 0.36 * part}px ${this.font}`;
    ink.textAlign = "center";
    ink.textBaseline = "middle";
    ink.fillText(sign, x, y + this.pitch * 0.02);
  }

  /** Liquid in the well, up to the progress that the tool told. */
  filled(ink, x, y, progress, part) {
    const radius = this.pitch * 0.42 * part;
    ink.save();
    this.shape(ink, x, y, part);
    ink.clip();
    ink.globalAlpha = 0.75;
    const height = 2 * radius * progress / 100;
    ink.fillRect(x - radius, y + radius - height, 2 * radius, height);
    ink.restore();
  }

  /** Places in which nothing is. */
  empty(ink) {
    const { rows, columns, lettered } = this.data;
    if (!lettered) return;
    ink.strokeStyle = this.border;
    ink.lineWidth = 1;
    for (let well = this.count; well < rows * columns; well++) {
      this.shape(ink, ...this.middle(well), 0.9);
      ink.stroke();
    }
  }

  circle(ink, well) {
    const [x, y] = this.middle(well);
    const size = Math.max(this.pitch, 9);
    ink.lineWidth = 2;
    ink.strokeStyle = this.text;
    ink.strokeRect(x - size / 2, y - size / 2, size, size);
  }

  // The legend

  key() {
    const counts = new Map();
    for (let well = 0; well < this.count; well++) {
      const kind = this.value(well) === undefined ? this.look(well) : -1;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const parts = this.data.scale && counts.has(-1) ? [this.scaleKey(counts.get(-1))] : [];
    this.data.looks.forEach((look, index) => {
      if (counts.has(index)) parts.push(this.statusKey(look, index, counts.get(index)));
    });
    this.legend.replaceChildren(...parts);
  }

  statusKey(look, index, count) {
    const key = element("span", "key");
    const sample = element("canvas");
    sample.width = sample.height = Math.round((KEY + 2) * this.ratio);
    sample.style.width = sample.style.height = `${KEY + 2}px`;
    const ink = sample.getContext("2d");
    ink.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    // As in the plate, but large enough to be told.
    const pitch = this.pitch;
    this.pitch = pitch >= ROUND ? (KEY + 2) / 0.84 : KEY;
    this.stated(ink, (KEY + 2) / 2, (KEY + 2) / 2, index, undefined, this.data.scale ? 0.8 : 1);
    this.pitch = pitch;
    key.append(sample, look.word, element("span", "n", count.toLocaleString("en")));
    return key;
  }

  scaleKey(count) {
    const { label, unit, better, low, high, below, above } = this.data.scale;
    const box = element("div", "scale");
    const what = element("div", "what");
    const sense = `${better} is better, ${count.toLocaleString("en")} ${count === 1 ? "well" : "wells"}`;
    what.append(`${label}${unit ? ` (${unit})` : ""} `, element("span", "", `· ${sense}`));
    const bar = element("div", "bar");
    const stops = VIRIDIS.map(rgb);
    bar.style.background = `linear-gradient(to right, ${(better === "lower" ? [...stops].reverse() : stops).join(",")})`;
    const ends = [`${below ? "≤ " : ""}${number(low)}`, `${above ? "≥ " : ""}${number(high)}`];
    box.append(what, element("span", "", ends[0]), bar, element("span", "", ends[1]));
    return box;
  }

  // Pointing, keys, opening

  at(event) {
    const { columns, rows } = this.data;
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - this.left) / this.pitch);
    const row = Math.floor((event.clientY - box.top - this.top) / this.pitch);
    const well = row * columns + column;
    return column >= 0 && column < columns && row >= 0 && row < rows && well < this.count ? well : undefined;
  }

  point(well) {
    this.pointed = well;
    this.canvas.classList.toggle("over", well !== undefined);
    this.tip.hidden = well === undefined;
    if (well === undefined) return;
    const { place, name, state, error } = this.words(well);
    this.tip.replaceChildren(element("span", "at", place), element("b", "", name), element("div", "", state));
    if (error) this.tip.append(element("span", "error", error));
    const [x, y] = this.middle(well);
    const [wide, high] = [this.tip.offsetWidth, this.tip.offsetHeight];
    this.tip.style.left = `${Math.max(0, Math.min(x + 14, this.root.clientWidth - wide))}px`;
    const under = y + this.pitch / 2 + 8;
    const fits = this.canvas.getBoundingClientRect().top + under + high < window.innerHeight;
    this.tip.style.top = `${fits ? under : y - this.pitch / 2 - 8 - high}px`;
  }

  words(well) {
    const { columns, lettered, looks, progress, errors, scale } = this.data;
    const place = lettered
      ? letters(Math.floor(well / columns)) + String(well % columns + 1).padStart(String(columns).length, "0")
      : String(well + 1);
    const parts = [`${looks[this.look(well)].sign} ${looks[this.look(well)].word}`];
    if (progress[well] !== undefined) parts.push(`${progress[well]} %`);
    const value = this.value(well);
    if (value !== undefined) parts.push(`${scale.label} ${number(value)}${scale.unit ? ` ${scale.unit}` : ""}`);
    return { place, name: this.names[well], state: parts.join(" · "), error: errors[well] };
  }

  press(event) {
    const { columns } = this.data;
    const from = this.active ?? 0;
    const line = from - from % columns;
    const to = {
      ArrowRight: from + 1, ArrowLeft: from - 1, ArrowDown: from + columns, ArrowUp: from - columns,
      Home: event.ctrlKey ? 0 : line, End: event.ctrlKey ? this.count - 1 : Math.min(line + columns, this.count) - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      if (to >= 0 && to < this.count) this.go(to);
    } else if (event.key === "Escape") {
      this.point(undefined);
    } else if ((event.key === "Enter" || event.key === " ") && this.active !== undefined) {
      event.preventDefault();
      // As a click, for which the page's other listeners wait too.
      this.canvas.dispatchEvent(new CustomEvent("click", { bubbles: true, composed: true, detail: { well: this.active } }));
    }
  }

  go(well) {
    this.active = Math.min(well, this.count - 1);
    this.ring = true;
    const { place, name, state, error } = this.words(this.active);
    this.row.setAttribute("aria-rowindex", Math.floor(this.active / this.data.columns) + 1);
    this.cell.setAttribute("aria-colindex", this.active % this.data.columns + 1);
    this.cell.textContent = [place, name, state, error].filter(Boolean).join(", ");
    this.stage.setAttribute("aria-activedescendant", this.cell.id);
    this.pointed = this.active;
    this.draw();
  }

  open(well) {
    this.tell(well);
  }

  close() {
    this.watch.disconnect();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!instances.has(parentElement)) instances.set(parentElement, new Plate(parentElement));
  const plate = instances.get(parentElement);
  plate.show(component);
  return () => { plate.close(); instances.delete(parentElement); };
}

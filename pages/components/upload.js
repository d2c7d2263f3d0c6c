const instances = new WeakMap();
const AT_ONCE = 2;

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.ceil(seconds % 3600 / 60)} min`;
}

function size(bytes) {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes, unit = -1;
  do { value /= 1000; unit += 1; } while (value >= 1000 && unit < units.length - 1);
  return `${value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`;
}

/** The row of a file: name, figures, what happens to it, and its buttons. */
class Row {
  constructor(file, rows) {
    this.file = file;
    this.element = document.createElement("div");
    this.element.className = "row";
    this.element.innerHTML = `<span class="name"></span> <span class="figures" aria-hidden="true"></span>
      <button type="button" class="pause">Pause</button> <button type="button" class="stop">Cancel</button>
      <div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100"><i></i></div>
      <div class="state" role="status"></div>`;
    for (const part of ["name", "figures", "pause", "stop", "bar", "state"]) {
      this[part] = this.element.querySelector(`.${part}`);
    }
    this.name.textContent = file.name;
    this.bar.setAttribute("aria-label", file.name);
    this.pause.setAttribute("aria-label", `Pause ${file.name}`);
    this.stop.setAttribute("aria-label", `Cancel ${file.name}`);
    this.pace = [];
    rows.append(this.element);
    this.drawn = 0;
    this.at(0);
  }

  /** So many bytes are on their way or there. */
  at(bytes) {
    const now = performance.now();
    this.bytes = bytes;
    this.pace.push([now, bytes]);
    while (this.pace.length > 2 && now - this.pace[0][0] > 5000) this.pace.shift();
    if (now - this.drawn < 200 && bytes < this.file.size) return;
    this.drawn = now;
    const percent = this.file.size ? Math.floor(100 * bytes / this.file.size) : 100;
    const [then, before] = this.pace[0];
    const speed = 1000 * (bytes - before) / (now - then);
    const moving = speed > 0 && Number.isFinite(speed);
    const pace = moving ? ` · ${size(speed)}/s · ${duration((this.file.size - bytes) / speed)} left` : "";
    this.tell(pace);
    this.bar.firstChild.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", percent);
  }

  tell(pace) { this.figures.textContent = `· ${size(this.bytes)} of ${size(this.file.size)}${pace}`; }

  say(words) {
    if (this.state.textContent !== words) this.state.textContent = words;
    if (!words) return;
    this.pace = [];
    this.tell("");
  }

  fail(message) {
    this.element.classList.add("failed");
    this.element.innerHTML = `<span role="alert"></span> <button type="button">Dismiss</button>`;
    this.element.firstChild.textContent = `${this.file.name}: ${message}`;
    this.element.lastChild.onclick = () => this.element.remove();
  }
}

/** The files below what was dropped; hidden ones are left out. */
async function below(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const each of some) found.push(...await below(each));
  }
}

class Upload {
  constructor(parent) {
    const box = parent.querySelector(".upload");
    box.innerHTML = `
      <div class="drop" role="group">
        <button type="button" class="files"></button>
        <input type="file" class="files" tabindex="-1" aria-hidden="true">
        <button type="button" class="folder">Choose a folder</button>
        <input type="file" class="folder" webkitdirectory tabindex="-1" aria-hidden="true">
        <span class="hint"></span>
      </div><div class="unfinished"></div><div class="rows"></div>`;
    this.drop = box.querySelector(".drop");
    this.button = box.querySelector("button.files");
    this.folder = box.querySelector("button.folder");
    this.input = box.querySelector("input.files");
    this.hint = box.querySelector(".hint");
    this.rows = box.querySelector(".rows");
    this.running = new Set();
    this.waiting = [];
    this.done = [];
    const folder = box.querySelector("input.folder");
    for (const [button, input] of [[this.button, this.input], [this.folder, folder]]) {
      button.onclick = () => input.click();
      input.onchange = () => {
        this.take([...input.files].filter((file) => !this.hidden(file)));
        input.value = "";
      };
    }
    this.drop.ondragover = (event) => { event.preventDefault(); this.drop.classList.add("over"); };
    this.drop.ondragleave = () => this.drop.classList.remove("over");
    this.drop.ondrop = (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      this.dropped(event.dataTransfer);
    };
    this.unfinished = box.querySelector(".unfinished");
    this.remind();
  }

  /** Of what was begun earlier and is not under way now. */
  remind() {
    const under = this.underWay();
    const names = memory.unfinished().filter(({ key }) => !under.has(key)).map(({ name }) => name);
    const listed = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
    this.unfinished.textContent = names.length ? `Not finished: ${listed}. Choose the same file again to go on.` : "";
  }

  underWay() {
    return new Set([...[...this.running].map((sending) => sending.file), ...this.waiting].map(memory.key));
  }

  show({ data, setTriggerValue }) {
    this.data = data;
    this.tell = (files) => atOnce(() => setTriggerValue("uploaded", files));
    this.button.textContent = data.several ? "Choose files" : "Choose a file";
    this.folder.hidden = !data.folder;
    this.drop.setAttribute("aria-label", `Upload: ${data.label}`);
    const kinds = data.accept.length ? `${data.accept.join(", ")}` : "any format";
    const what = data.folder ? "files or a folder" : data.several ? "files" : "a file";
    this.hint.textContent = `or drop ${what} here · ${kinds}`;
    this.input.multiple = data.several;
  }

  hidden(file) { return file.webkitRelativePath.split("/").some((part) => part.startsWith(".")); }

  async dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!this.data.folder || !entries.some((entry) => entry.isDirectory)) return this.take([...transfer.files]);
    try {
      for (const entry of entries) this.take(await below(entry));
    } catch {
      this.rows.append(Object.assign(document.createElement("div"), {
        className: "row failed", textContent: "The folder cannot be read. Choose its files instead.",
      }));
    }
  }

  take(files) {
    const chosen = this.data.several || this.data.folder ? files : files.slice(0, 1);
    const under = this.underWay();
    this.waiting.push(...chosen.filter((file) => !under.has(memory.key(file))));
    this.next();
    this.remind();
  }

  next() {
    while (this.running.size < AT_ONCE && this.waiting.length) this.send(this.waiting.shift());
  }

  /** The page is told of all that arrived, because it may hear the newest answer only. */
  async send(file) {
    const sending = new Sending(file, new Row(file, this.rows), this.data.url);
    this.running.add(sending);
    try {
      this.done.push(await sending.run());
      sending.row.element.remove();
      this.tell([...this.done]);
    } catch (problem) {
      sending.row.fail(problem instanceof Ended ? "stopped." : problem.message);
    }
    this.running.delete(sending);
    this.next();
  }

  close() {
    this.waiting = [];
    for (const sending of this.running) sending.close();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!instances.has(parentElement)) instances.set(parentElement, new Upload(parentElement));
  const upload = instances.get(parentElement);
  upload.show(component);
  return () => { upload.close(); instances.delete(parentElement); };
}

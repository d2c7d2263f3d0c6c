const instances = new WeakMap();

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes, unit = -1;
  do { value /= 1000; unit += 1; } while (value >= 1000 && unit < units.length - 1);
  return `${value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`;
}

/** What the server said, as a sentence. */
function sentence(request) {
  try {
    const message = JSON.parse(request.responseText).error.message;
    if (message) return message;
  } catch { /* not from our API: say what the status means */ }
  if (request.status === 401) return "Your session has ended. Sign in again, then repeat the upload.";
  if (request.status === 413) return "This file is larger than this site accepts.";
  return `The server did not take the file (${request.status || "no answer"}). Try again.`;
}

class Upload {
  constructor(parent) {
    const box = parent.querySelector(".upload");
    box.innerHTML = `
      <div class="drop" role="group">
        <button type="button"></button><input type="file" tabindex="-1" aria-hidden="true">
        <span class="hint"></span>
      </div><div class="rows" aria-live="polite"></div>`;
    this.drop = box.querySelector(".drop");
    this.button = box.querySelector("button");
    this.input = box.querySelector("input");
    this.hint = box.querySelector(".hint");
    this.rows = box.querySelector(".rows");
    this.running = new Set();
    this.waiting = [];
    this.done = [];
    this.button.onclick = () => this.input.click();
    this.input.onchange = () => { this.take(this.input.files); this.input.value = ""; };
    this.drop.ondragover = (event) => { event.preventDefault(); this.drop.classList.add("over"); };
    this.drop.ondragleave = () => this.drop.classList.remove("over");
    this.drop.ondrop = (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      this.take(event.dataTransfer.files);
    };
  }

  show({ data, setTriggerValue }) {
    this.data = data;
    this.tell = (files) => setTriggerValue("uploaded", files);
    this.button.textContent = data.several ? "Choose files" : "Choose a file";
    this.drop.setAttribute("aria-label", `Upload: ${data.label}`);
    const kinds = data.accept.length ? `${data.accept.join(", ")}` : "any format";
    this.hint.textContent = `or drop ${data.several ? "files" : "a file"} here · ${kinds}`;
    this.input.multiple = data.several;
  }

  take(files) {
    const chosen = this.data.several ? [...files] : [...files].slice(0, 1);
    this.waiting.push(...chosen);
    this.next();
  }

  /** One after the other. The page is told of all that arrived, because it may hear the newest answer only. */
  next() {
    if (this.running.size || !this.waiting.length) return;
    this.send(this.waiting.shift());
  }

  send(file) {
    const row = document.createElement("div");
    row.className = "row";
    row.innerHTML = `<span></span> <button type="button">Stop</button>
      <div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100"><i></i></div>`;
    const [text, stop, bar] = [row.children[0], row.children[1], row.children[2]];
    text.textContent = `${file.name} · ${size(file.size)}`;
    this.rows.append(row);
    const request = new XMLHttpRequest();
    this.running.add(request);
    const end = (message) => {
      this.running.delete(request);
      if (message) {
        text.textContent = `${file.name}: ${message}`;
        row.classList.add("failed");
        bar.remove();
        stop.textContent = "Dismiss";
        stop.onclick = () => row.remove();
      } else {
        row.remove();
      }
      this.next();
    };
    stop.onclick = () => request.abort();
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      const percent = Math.round(100 * event.loaded / event.total);
      bar.firstChild.style.width = `${percent}%`;
      bar.setAttribute("aria-valuenow", percent);
      text.textContent = `${file.name} · ${size(event.loaded)} of ${size(event.total)}`;
    };
    request.onload = () => {
      if (request.status < 200 || request.status >= 300) return end(sentence(request));
      this.done.push(JSON.parse(request.responseText));
      this.tell([...this.done]);
      return end();
    };
    request.onerror = () => end("the connection broke. Try again.");
    request.onabort = () => end("stopped.");
    request.open("PUT", `${this.data.url}?name=${encodeURIComponent(file.name)}`);
    request.send(file);
  }

  close() {
    for (const request of this.running) request.abort();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!instances.has(parentElement)) instances.set(parentElement, new Upload(parentElement));
  const upload = instances.get(parentElement);
  upload.show(component);
  return () => { upload.close(); instances.delete(parentElement); };
}

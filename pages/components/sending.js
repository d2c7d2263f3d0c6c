/**
 * Files on their way to the server, by the tus protocol: in chunks, each with its checksum where the browser can make
 * one. What the server has stays there, so a broken connection or a reload of the page costs a chunk at most.
 */
const LARGEST_CHUNK = 32 * 1024 * 1024, SMALLEST_CHUNK = 1024 * 1024;
/** A connection that moves nothing for so long is broken, in ms. */
const STALLED = 30_000;
/** The last chunk's answer may take longer: a server that was restarted reads the whole file once more. */
const ANSWERED = 120_000;
const WAITS = [1000, 2000, 5000, 10_000, 20_000, 30_000];
const REMEMBERED = "wellplate-upload ";
const REMEMBERED_DAYS = 7;
const LOST = "Connection lost; going on by itself.";
const CHECKED = "All of it is there; the server is checking it.";

function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The error that our API answered; null when it was something on the way. */
function refusal(answer) {
  try { return JSON.parse(answer.text).error ?? null; } catch { return null; }
}

/** What the server said, as a sentence. */
function sentence(answer) {
  const message = refusal(answer)?.message;
  if (message) return message;
  if (answer.status === 401) return "Your session has ended. Sign in again, then choose the file again.";
  if (answer.status === 413) return "This file is larger than this site accepts.";
  return `The server did not take the file (${answer.status}). Try again.`;
}

/** Which uploads this browser has begun: the same file, chosen again, goes on. */
const memory = {
  key: (file) => `${REMEMBERED}${file.name} ${file.size} ${file.lastModified}`,
  get(file) { return this.read(this.key(file))?.url; },
  set(file, url) {
    try { localStorage.setItem(this.key(file), JSON.stringify({ url, name: file.name, at: Date.now() })); } catch { /* full */ }
  },
  forget(file) { try { localStorage.removeItem(this.key(file)); } catch { /* not allowed */ } },
  read(key) { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
  /** {key, name} of files that were begun and not ended; what is too old is forgotten. */
  unfinished() {
    let keys = [];
    try { keys = Object.keys(localStorage).filter((key) => key.startsWith(REMEMBERED)); } catch { /* not allowed */ }
    const young = (key) => Date.now() - (this.read(key)?.at ?? 0) < REMEMBERED_DAYS * 86_400_000;
    for (const key of keys.filter((each) => !young(each))) localStorage.removeItem(key);
    return keys.filter(young).map((key) => ({ key, name: this.read(key).name }));
  },
};

/** To be tried again; the message says meanwhile what is the matter. */
class Broken extends Error {
  constructor(message = LOST) { super(message); }
}
class Ended extends Error {}

/** One file on its way. */
class Sending {
  constructor(file, row, address) {
    this.file = file;
    this.address = address;
    this.row = row;
    this.row.pause.onclick = () => (this.paused ? this.resume() : this.hold());
    this.row.stop.onclick = () => this.cancel();
    this.chunk = LARGEST_CHUNK;
    this.offset = 0;
    this.request = null;
    this.wake = () => {};
  }

  /** The registered file; raises Ended where somebody ended it, an Error with a sentence where it cannot be. */
  async run() {
    this.url = memory.get(this.file);
    let failures = 0;
    for (;;) {
      const before = this.offset;
      try {
        this.check();
        if (this.paused) await new Promise((wake) => { this.wake = wake; });
        const file = await this.attempt();
        memory.forget(this.file);
        return file;
      } catch (problem) {
        this.check();
        if (!(problem instanceof Broken)) throw problem;
        if (this.paused) continue;
        failures = this.offset > before ? 0 : failures + 1;
        this.chunk = Math.max(SMALLEST_CHUNK, this.chunk / 2);
        this.row.say(problem.message);
        await this.wait(WAITS[Math.min(failures, WAITS.length - 1)]);
      }
    }
  }

  /** From where the server is to the end. */
  async attempt() {
    let id = await this.find();
    while (!id) {
      const bytes = await this.read();
      const answer = await this.ask("PATCH", this.url, await this.headers(bytes), bytes);
      if ([404, 409, 423, 460].includes(answer.status)) throw new Broken();
      this.good(answer);
      this.offset = Number(answer.header("Upload-Offset"));
      this.row.at(this.offset);
      this.chunk = Math.min(LARGEST_CHUNK, this.chunk * 2);
      id = answer.header("Wellplate-File");
    }
    const told = await this.ask("GET", this.url);
    this.good(told);
    return JSON.parse(told.text).file;
  }

  /** Where to go on, or a new upload; the file's id when all of it is there. */
  async find() {
    if (this.url) {
      const answer = await this.ask("HEAD", this.url);
      if (answer.status === 423) throw new Broken(this.offset < this.file.size ? LOST : CHECKED);
      if (answer.status === 404 || answer.status === 410) {
        memory.forget(this.file);
        this.url = null;
      } else {
        this.good(answer);
        this.offset = Number(answer.header("Upload-Offset"));
        this.row.say("");
        this.row.at(this.offset);
        return answer.header("Wellplate-File");
      }
    }
    const name = base64(new TextEncoder().encode(this.file.name));
    const answer = await this.ask("POST", this.address, {
      "Upload-Length": String(this.file.size), "Upload-Metadata": `filename ${name}`,
    });
    this.good(answer);
    this.url = answer.header("Location");
    this.offset = 0;
    this.row.say("");
    memory.set(this.file, this.url);
    return answer.header("Wellplate-File");
  }

  async read() {
    const piece = this.file.slice(this.offset, this.offset + this.chunk);
    try {
      return await piece.arrayBuffer();
    } catch {
      throw new Error("it cannot be read. If it changed meanwhile, choose it again.");
    }
  }

  async headers(bytes) {
    const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(this.offset) };
    if (globalThis.crypto?.subtle) {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      headers["Upload-Checksum"] = `sha256 ${base64(digest)}`;
    }
    return headers;
  }

  good(answer) {
    // A disk without room is told; a server that stops, or a proxy without one behind it, is waited for.
    if (answer.status >= 500 && refusal(answer)?.kind !== "unavailable") throw new Broken();
    if (answer.status < 200 || answer.status >= 300) throw new Error(sentence(answer));
  }

  /** One request; raises Broken when it gets no answer. */
  async ask(method, url, headers = {}, body = null) {
    this.check();
    if (this.paused) throw new Broken();
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      let timer;
      const watch = (limit) => { clearTimeout(timer); timer = setTimeout(() => request.abort(), limit); };
      const broke = () => { clearTimeout(timer); reject(new Broken()); };
      request.upload.onprogress = (event) => { watch(STALLED); this.row.at(this.offset + event.loaded); };
      request.upload.onload = () => watch(ANSWERED);
      request.onerror = request.onabort = broke;
      request.onload = () => {
        clearTimeout(timer);
        resolve({
          status: request.status, text: request.responseText, header: (name) => request.getResponseHeader(name),
        });
      };
      request.open(method, url);
      request.setRequestHeader("Tus-Resumable", "1.0.0");
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      watch(STALLED);
      request.send(body);
    });
  }

  /** Until the time is over, the network is back, or somebody asks. */
  async wait(time) {
    const back = () => this.wake();
    window.addEventListener("online", back);
    await new Promise((wake) => { this.wake = wake; setTimeout(wake, time); });
    window.removeEventListener("online", back);
  }

  check() { if (this.ended) throw new Ended(); }

  hold() {
    this.paused = true;
    this.row.pause.textContent = "Resume";
    this.row.pause.setAttribute("aria-label", `Resume ${this.file.name}`);
    this.row.say("Paused.");
    this.request?.abort();
  }

  resume() {
    this.paused = false;
    this.row.pause.textContent = "Pause";
    this.row.pause.setAttribute("aria-label", `Pause ${this.file.name}`);
    this.row.say("");
    this.wake();
  }

  /** Ends it here; the server keeps what it has, so that it can be gone on with. */
  close() {
    this.ended = true;
    this.request?.abort();
    this.wake();
  }

  /** Ends it for good. */
  cancel() {
    this.close();
    memory.forget(this.file);
    if (this.url) {
      fetch(this.url, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => { /* it expires */ });
    }
  }
}

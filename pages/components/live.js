const LONGEST_WAIT = 15000;
/* Streamlit redraws one fragment per batch of values, and drops the others': so two listeners never tell at once. */
const APART = 100;
/* A click may be on its way to another page. What is told then names the page that is being left, and Streamlit would
   clear the new one: so after a click, and while the script runs, it waits. */
const AFTER_CLICK = 400;
const AGAIN = 50;
const instances = new WeakMap();
let clicked = -AFTER_CLICK;
document.addEventListener("click", () => { clicked = performance.now(); }, true);
addEventListener("popstate", () => { clicked = performance.now(); });

const busy = () => performance.now() - clicked < AFTER_CLICK
  || performance.now() - (globalThis.wellplateTold ?? -APART) < APART
  || document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running";

class Live {
  constructor() {
    this.redrawn = 0;
    this.wait = 500;
    this.count = 0;
    this.connect();
  }

  show({ data, setTriggerValue }) {
    const { since, jobs, list, notices, drawn, files, batches, batch_list } = data;
    // Redraws come at most this often, however many events arrive.
    this.pause = 1000 * data.pause;
    // The page that opens now was drawn with this number.
    this.notices ??= drawn;
    const wanted = notices ? { jobs, list, notices } : { jobs, list, files, batches, batch_list };
    this.tell = (value) => setTriggerValue("changed", value);
    this.since = since;
    const before = JSON.stringify(this.wanted);
    this.wanted = wanted;
    if (JSON.stringify(wanted) !== before && this.socket.readyState === WebSocket.OPEN) this.subscribe();
  }

  /** What changed between the drawing and now, or while the socket was lost, is told with the first answer. */
  subscribe() {
    this.socket.send(JSON.stringify({ subscribe: this.wanted, since: this.since }));
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.socket.onopen = () => {
      this.wait = 500;
      if (this.wanted) this.subscribe();
      if (this.wanted?.files) this.redraw();  // the library's changes have no numbers
    };
    this.socket.onmessage = (message) => this.hear(JSON.parse(message.data));
    this.socket.onclose = () => this.again();
  }

  hear(event) {
    if (event.signed_out) this.over = true;
    const rings = event.notices !== undefined && event.notices !== this.notices;
    if (rings) this.notices = event.notices;
    const { signed_out, job, files, batch, batch_list, again } = event;
    if (signed_out || job || files || batch || batch_list || again || rings) this.redraw();
  }

  /** A socket that broke comes back by itself, later each time. */
  again() {
    if (this.closed || this.over) return;
    this.timer = setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  redraw() {
    if (this.pending) return;
    this.pending = setTimeout(() => this.tellWhenIdle(), Math.max(0, this.redrawn + this.pause - performance.now()));
  }

  tellWhenIdle() {
    if (busy()) {
      this.pending = setTimeout(() => this.tellWhenIdle(), AGAIN);
      return;
    }
    this.pending = undefined;
    this.redrawn = globalThis.wellplateTold = performance.now();
    this.count += 1;
    this.tell({ count: this.count, signed_out: Boolean(this.over) });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.pending);
    this.socket.close();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!instances.has(parentElement)) instances.set(parentElement, new Live());
  const live = instances.get(parentElement);
  live.show(component);
  return () => { live.close(); instances.delete(parentElement); };
}

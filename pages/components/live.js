const LONGEST_WAIT = 15000;
/* What a person does may lead to another page. What is told on the way names the page that is being left, and Streamlit
   would clear the new one. So it waits for the page behind a link, and after anything else until the script has run; by
   then it should have begun, in ms. */
const BEGINS = 1500;
const AGAIN = 50;
const instances = new WeakMap();
/* A link that was followed before this was loaded has the focus. */
let acted = performance.now(), ran = true, goal = destination(document.activeElement);

function destination(element) {
  const link = element?.closest?.("a[href]");
  return link && link.target !== "_blank" && link.pathname.startsWith("/app/") ? link.pathname : undefined;
}

function heed({ type, target, ctrlKey, metaKey, shiftKey }) {
  acted = performance.now();
  ran = false;
  if (type === "click" || type === "popstate") goal = ctrlKey || metaKey || shiftKey ? undefined : destination(target);
}
for (const kind of ["pointerdown", "click", "keydown", "popstate"]) addEventListener(kind, heed, true);

const running = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running";
new MutationObserver(() => { ran ||= running(); })
  .observe(document, { subtree: true, attributeFilter: ["data-test-script-state"] });

function busy() {
  const since = performance.now() - acted;
  if (goal !== undefined) {
    if (goal === location.pathname || since > LONGEST_WAIT) goal = undefined;  // the next look sees it drawn
    return true;
  }
  return running() || (!ran && since < BEGINS);
}

class Live {
  constructor() {
    this.redrawn = -Infinity;  // the first redraw waits for nothing
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
    this.redrawn = performance.now();
    this.count += 1;
    atOnce(() => this.tell({ count: this.count, signed_out: Boolean(this.over) }));
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

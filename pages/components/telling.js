/**
 * Streamlit gathers values until a timer of 0 ms, and redraws no more than the fragment of the first: a click that came
 * between would do nothing. So what a component tells is sent before anything can come between.
 */
function atOnce(tell) {
  const later = globalThis.setTimeout;
  globalThis.setTimeout = (flush) => queueMicrotask(flush);
  try { tell(); } finally { globalThis.setTimeout = later; }
}


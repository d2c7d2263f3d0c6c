const instances = new WeakMap();

/* Colours of Okabe and Ito, apart for the colour-blind. */
const INK = {
  receptor: { colour: 0x7f9fb5, css: "#7f9fb5", word: "receptor" },
  ligand: { colour: 0xe69f00, css: "#e69f00", word: "ligand" },
  reference: { colour: 0x009e73, css: "#009e73", word: "reference" },
  backbone: { colour: 0x7f9fb5, css: "#7f9fb5", word: "backbone" },
  prediction: { colour: 0x65cbf3, css: "#65cbf3", word: "prediction" },
  box: { colour: 0xcc79a7, css: "#cc79a7", word: "box" },
};
/* pLDDT as the AlphaFold database draws it. */
const BANDS = [
  { css: "#0053d6", colour: 0x0053d6, word: "pLDDT above 90", tens: 1 },
  { css: "#65cbf3", colour: 0x65cbf3, word: "70–90", tens: 2 },
  { css: "#ffdb13", colour: 0xffdb13, word: "50–70", tens: 2 },
  { css: "#ff7d45", colour: 0xff7d45, word: "below 50", tens: 5 },
];
/* Ten equal steps from 0 to 100 of the B-factor, which holds the pLDDT; the theme reads its list from the top. */
const BY_PLDDT = {
  color: "uncertainty",
  colorParams: {
    domain: [0, 100],
    list: { kind: "set", colors: BANDS.flatMap(({ colour, tens }) => Array(tens).fill(colour)) },
  },
};
const NO_WEBGL = "This browser cannot draw in 3D (WebGL is missing or off). The structure files can be downloaded.";
const NO_VIEWER = "The structure viewer could not be loaded. The structure files can be downloaded.";

function hasWebGL() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
}

/** One copy of the viewer for the whole page. */
function loadViewer(folder) {
  window.wellplateViewer ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = `${folder}/molstar.css`;
    const script = document.createElement("script");
    script.src = `${folder}/molstar.js`;
    script.onload = () => resolve(window.molstar);
    script.onerror = () => { window.wellplateViewer = undefined; reject(new Error(NO_VIEWER)); };
    document.head.append(style, script);
  });
  return window.wellplateViewer;
}

/** The box as a molecule of eight corners and twelve bonds, which any viewer draws as lines. */
function boxAsMolfile({ center, size }) {
  const corners = [];
  for (const x of [-0.5, 0.5]) for (const y of [-0.5, 0.5]) for (const z of [-0.5, 0.5]) {
    corners.push([center[0] + x * size[0], center[1] + y * size[1], center[2] + z * size[2]]);
  }
  const edges = [];
  for (let a = 0; a < 8; a++) for (const bit of [1, 2, 4]) if (!(a & bit)) edges.push([a + 1, (a | bit) + 1]);
  const number = (value) => value.toFixed(4).padStart(10);
  const atoms = corners.map((corner) => `${corner.map(number).join("")} He  0  0  0  0  0  0  0  0  0  0  0  0`);
  const bonds = edges.map(([a, b]) => `${String(a).padStart(3)}${String(b).padStart(3)}  1  0`);
  return ["box", "  wellplate", "", "  8 12  0  0  0  0  0  0  0  0999 V2000", ...atoms, ...bonds, "M  END", "$$$$", ""].join("\n");
}

class Scene {
  constructor(parent) {
    this.root = parent.querySelector(".wp-structure");
    this.root.innerHTML = `<div class="wp-bar"></div><div class="wp-stage"></div>`;
    this.bar = this.root.querySelector(".wp-bar");
    this.stage = this.root.querySelector(".wp-stage");
    this.chosen = 0;
    this.turn = Promise.resolve();
  }

  show({ data }) {
    const wanted = JSON.stringify(data);
    this.data = data;
    this.stage.style.height = `${data.height}px`;
    this.stage.setAttribute("role", "img");
    this.stage.setAttribute("aria-label", data.alt);
    if (wanted === this.drawn) return this.paint();
    this.drawn = wanted;
    this.chosen = Math.min(this.chosen, Math.max(0, data.choices.length - 1));
    this.fillBar();
    this.next(() => this.draw());
  }

  /** One change after the other: the viewer's state tree takes no two at once. */
  next(action) {
    this.turn = this.turn.then(action).catch((error) => this.say(error));
  }

  fillBar() {
    const { layers, choices, box } = this.data;
    this.bar.replaceChildren();
    if (choices.length > 1) this.bar.append(this.selector());
    const roles = new Set([...layers, ...choices].map((layer) => layer.role));
    for (const role of [...roles, ...(box ? ["box"] : [])]) {
      for (const { css, word } of role === "prediction" ? BANDS : [INK[role]]) this.bar.append(this.key(css, word));
    }
    if (box) this.bar.append(this.button("Binding site", () => this.focus(true)));
    this.bar.append(this.button("Whole structure", () => this.focus(false)));
  }

  key(css, word) {
    const key = document.createElement("span");
    key.className = "wp-key";
    key.innerHTML = `<i style="background:${css}"></i>${word}`;
    return key;
  }

  button(label, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.onclick = action;
    return button;
  }

  selector() {
    const label = document.createElement("label");
    const select = document.createElement("select");
    label.append("Show ", select);
    this.data.choices.forEach((choice, index) => select.add(new Option(choice.label, index)));
    select.value = this.chosen;
    select.onchange = () => {
      this.chosen = Number(select.value);
      this.next(() => this.swap());
    };
    return label;
  }

  async draw() {
    this.restore();
    if (!hasWebGL()) throw new Error(NO_WEBGL);
    const molstar = await loadViewer(this.data.viewer);
    if (this.closed) return;
    this.viewer ??= await molstar.Viewer.create(this.stage, {
      layoutIsExpanded: false, layoutShowControls: false, layoutShowRemoteState: false, layoutShowSequence: false,
      layoutShowLog: false, layoutShowLeftPanel: false, viewportShowExpand: true, viewportShowControls: false,
      viewportShowSettings: false, viewportShowSelectionMode: false, viewportShowAnimation: false,
      viewportShowTrajectoryControls: false, collapseLeftPanel: true, powerPreference: "default",
    });
    this.plugin = this.viewer.plugin;
    await this.plugin.clear();
    this.paint();
    for (const layer of this.data.layers) await this.add(layer);
    if (this.data.box) await this.addBox(this.data.box);
    this.pose = undefined;
    await this.swap();
    this.focus(this.data.choices.length > 0);
    this.root.dataset.state = "drawn";
  }

  /** The page's background, also after a change between light and dark. */
  paint() {
    if (!this.plugin?.canvas3d) return;
    const shade = getComputedStyle(this.stage).backgroundColor.match(/\d+/g).map(Number);
    this.plugin.canvas3d.setProps({
      renderer: { backgroundColor: (shade[0] << 16) | (shade[1] << 8) | shade[2] },
    });
  }

  async content(layer) {
    if (layer.text !== null) return layer.text;
    const answer = await fetch(layer.url, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${layer.label} could not be loaded (${answer.status}).`);
    return answer.text();
  }

  async load(text, format, label) {
    const build = this.plugin.builders;
    const data = await build.data.rawData({ data: text, label });
    const trajectory = await build.structure.parseTrajectory(data, format);
    const model = await build.structure.createModel(trajectory);
    return { data, structure: await build.structure.createStructure(model) };
  }

  async part(structure, kind, representation) {
    const build = this.plugin.builders.structure;
    const component = await build.tryCreateComponentStatic(structure, kind);
    if (component) await build.representation.addRepresentation(component, representation);
    return component;
  }

  async add(layer) {
    const { data, structure } = await this.load(await this.content(layer), layer.format, layer.label);
    const colour = INK[layer.role].colour;
    const predicted = layer.role === "prediction";
    const large = ["receptor", "backbone", "prediction"].includes(layer.role);
    const byElement = {
      color: "element-symbol", colorParams: { carbonColor: { name: "uniform", params: { value: colour } } },
    };
    const sticks = {
      type: "ball-and-stick", typeParams: { sizeFactor: large ? 0.16 : 0.22 },
      ...(predicted ? BY_PLDDT : byElement),
    };
    if (!large) {
      await this.part(structure, "all", sticks);
      return data;
    }
    const polymer = await this.part(structure, "polymer", {
      type: "cartoon", ...(predicted ? BY_PLDDT : { color: "uniform", colorParams: { value: colour } }),
    });
    for (const kind of polymer ? ["ligand", "ion", "branched", "non-standard"] : ["all"]) {
      await this.part(structure, kind, sticks);
    }
    return data;
  }

  async addBox(box) {
    const { structure } = await this.load(boxAsMolfile(box), "sdf", "box");
    await this.part(structure, "all", {
      type: "line", typeParams: { sizeFactor: 3, ignoreHydrogens: false, visuals: ["intra-bond"] },
      color: "uniform", colorParams: { value: INK.box.colour },
    });
  }

  /** The chosen pose instead of the one before. */
  async swap() {
    if (!this.plugin) return this.draw();
    const choice = this.data.choices[this.chosen];
    const before = this.pose;
    this.pose = choice ? await this.add(choice) : undefined;
    if (before) await this.plugin.build().delete(before).commit();
  }

  focus(site) {
    const { box } = this.data;
    if (!site || !box) return this.plugin?.managers.camera.reset();
    const radius = Math.hypot(...box.size) / 2;
    this.plugin?.managers.camera.focusSphere({ center: box.center, radius });
  }

  say(error) {
    if (this.closed) return;
    this.dispose();
    const note = document.createElement("p");
    note.className = "wp-said";
    note.textContent = error.message || String(error);
    this.stage.replaceChildren(note);
    this.stage.style.height = "auto";
    this.root.dataset.state = "failed";
  }

  /** Take a sentence away again: what is drawn next starts with a new viewer. */
  restore() {
    if (this.root.dataset.state !== "failed") return;
    delete this.root.dataset.state;
    this.stage.replaceChildren();
    this.stage.style.height = `${this.data.height}px`;
  }

  dispose() {
    this.viewer?.dispose();
    this.viewer = this.plugin = this.pose = undefined;
  }

  close() {
    this.closed = true;
    this.dispose();
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!instances.has(parentElement)) instances.set(parentElement, new Scene(parentElement));
  const scene = instances.get(parentElement);
  scene.show(component);
  return () => { scene.close(); instances.delete(parentElement); };
}

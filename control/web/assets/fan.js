// @ts-check
/**
 * `<fan-window panes="9" lit="2" state="wait">`: the window above the door.
 *
 * A semicircle of panes round a hub. `lit` panes shine, from the middle outwards; `state="wait"`
 * lets a light pass over them. It carries no meaning that words beside it do not carry too, so it
 * is hidden from assistive technology.
 */

const SVG = 'http://www.w3.org/2000/svg';
const HUB = 14;
/** Radii: the foot of the panes, where their sides end, and the roundness of their tops. */
const RINGS = [
  { inner: 17, spring: 43, round: 0.74 },
  { inner: 50, spring: 86, round: 0.74 },
];
/** Half the width of a glazing bar, in units of the drawing (the window is 200 wide). */
const BAR = 0.75;

class FanWindow extends HTMLElement {
  static observedAttributes = ['panes', 'lit'];

  connectedCallback() {
    this.setAttribute('aria-hidden', 'true');
    this.#draw();
  }

  /**
   * @param {string} name
   */
  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (name === 'panes' || this.firstChild === null) this.#draw();
    else this.#light();
  }

  /** How many panes shine. */
  get lit() {
    return Number(this.getAttribute('lit') ?? 0);
  }

  set lit(count) {
    this.setAttribute('lit', String(count));
  }

  get #panes() {
    return Math.min(Math.max(Number(this.getAttribute('panes') ?? 9), 3), 15);
  }

  #draw() {
    const svg = element('svg', { viewBox: '-100 -99 200 99.4' });
    svg.append(
      element('path', { class: 'rim', d: 'M-98 0A98 98 0 0 1 98 0' }),
      element('path', { class: 'sill', d: 'M-100 0H100' }),
      element('path', { class: 'hub', d: `M${-HUB} -2A${HUB} ${HUB} 0 0 1 ${HUB} -2Z` }),
    );
    const count = this.#panes;
    for (let index = 0; index < count; index += 1) {
      const group = /** @type {SVGGElement} */ (element('g', {}));
      for (const ring of RINGS)
        group.append(element('path', { class: 'pane', d: outline(index, count, ring) }));
      group.style.setProperty('--at', String(index / count));
      svg.append(group);
    }
    this.replaceChildren(svg);
    this.#light();
  }

  #light() {
    const groups = [...this.querySelectorAll('g')];
    const middle = (groups.length - 1) / 2;
    const byDistance = [...groups.keys()].sort(
      (a, b) => Math.abs(a - middle) - Math.abs(b - middle),
    );
    const shining = new Set(byDistance.slice(0, this.lit));
    groups.forEach((group, index) => {
      for (const pane of group.children) pane.classList.toggle('lit', shining.has(index));
    });
    this.querySelector('.hub')?.classList.toggle('lit', this.lit > 0);
  }
}

/**
 * A pane: straight along the bars, with a round arch on top. Its foot follows the ring.
 *
 * @param {number} index
 * @param {number} count
 * @param {{inner: number, spring: number, round: number}} ring
 */
function outline(index, count, { inner, spring, round }) {
  const from = Math.PI * (1 + index / count);
  const to = Math.PI * (1 + (index + 1) / count);
  // A bar has the same width everywhere, so its share of the angle shrinks with the radius.
  const at = (/** @type {number} */ radius, /** @type {1|-1} */ side) =>
    point(radius, (side === 1 ? from : to) + (side * BAR) / radius);
  const arch = (round * spring * Math.PI) / count;
  return [
    `M${at(inner, 1)}L${at(spring, 1)}`,
    `A${arch} ${arch} 0 0 1 ${at(spring, -1)}`,
    `L${at(inner, -1)}A${inner} ${inner} 0 0 0 ${at(inner, 1)}Z`,
  ].join('');
}

/**
 * @param {number} radius
 * @param {number} angle
 */
function point(radius, angle) {
  return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle) - 2).toFixed(2)}`;
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

customElements.define('fan-window', FanWindow);

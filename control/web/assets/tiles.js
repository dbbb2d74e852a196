// @ts-check
/**
 * `<stat-tile label="Bitrate">`: a name, a figure, and its last minute as a line.
 *
 * A tile with the attribute `plain` has no line. The line starts at 0, so that its height means
 * something, and breaks where a value is missing.
 */

const SVG = 'http://www.w3.org/2000/svg';
const POINTS = 60;
const HEIGHT = 24;

export class StatTile extends HTMLElement {
  #figure = document.createElement('span');
  #label = document.createElement('span');
  #line = document.createElementNS(SVG, 'path');
  /** @type {(number|null)[]} */
  #values = [];

  connectedCallback() {
    this.#label.className = 'tile-label';
    this.#figure.className = 'tile-figure';
    this.#label.textContent = this.getAttribute('label');
    this.#figure.textContent = '–';
    this.replaceChildren(this.#label, this.#figure);
    if (!this.hasAttribute('plain')) this.append(this.#chart());
  }

  /** @param {string} text */
  set label(text) {
    if (this.#label.textContent !== text) this.#label.textContent = text;
  }

  /**
   * @param {string} text What to write.
   * @param {number|null} [value] What to draw.
   */
  show(text, value = null) {
    this.#figure.textContent = text;
    if (this.hasAttribute('plain')) return;
    this.#values.push(value);
    if (this.#values.length > POINTS) this.#values.shift();
    this.#draw();
  }

  clear() {
    this.#values = [];
    this.#figure.textContent = '–';
    this.#draw();
  }

  #chart() {
    const chart = document.createElementNS(SVG, 'svg');
    chart.setAttribute('viewBox', `0 -2 ${POINTS} ${HEIGHT + 4}`);
    chart.setAttribute('preserveAspectRatio', 'none');
    chart.setAttribute('aria-hidden', 'true');
    chart.append(this.#line);
    return chart;
  }

  #draw() {
    const top = Math.max(...this.#values.map((value) => value ?? 0)) * 1.15 || 1;
    const first = POINTS - this.#values.length;
    let pen = 'M';
    let path = '';
    this.#values.forEach((value, index) => {
      if (value !== null) {
        path += `${pen}${first + index} ${(HEIGHT * (1 - value / top)).toFixed(2)}`;
      }
      pen = value === null ? 'M' : 'L';
    });
    this.#line.setAttribute('d', path);
  }
}

customElements.define('stat-tile', StatTile);

/** A tile that is not in the page's source. @param {string} label */
export function newTile(label) {
  const tile = /** @type {StatTile} */ (document.createElement('stat-tile'));
  tile.setAttribute('label', label);
  return tile;
}

/**
 * The tiles of a page by their ids.
 *
 * @param {string[]} ids
 * @returns {Record<string, StatTile>}
 */
export function tilesById(ids) {
  return Object.fromEntries(
    ids.map((id) => [id, /** @type {StatTile} */ (document.getElementById(id))]),
  );
}

// @ts-check
/**
 * The menu of layers: which size of the picture is watched, and which can be. It is there only where
 * there is something to choose.
 */

import { size } from './format.js';

/** @typedef {import('../sdk/viewer.js').Layer} Layer */

/**
 * @typedef {object} LayerMenuOptions
 * @property {HTMLSelectElement} select
 * @property {(layer: string) => void} chosen A layer's name, or `auto`.
 */

export class LayerMenu {
  #select;

  /** @param {LayerMenuOptions} options */
  constructor({ select, chosen }) {
    this.#select = select;
    select.addEventListener('change', () => chosen(select.value));
  }

  /**
   * @param {import('../sdk/viewer.js').LayerNotice|null} notice
   * @param {string} preferred
   */
  show(notice, preferred) {
    const layers = notice?.layers ?? [];
    this.#select.hidden = layers.length < 2;
    if (notice === null || layers.length < 2) return;
    const now = shown(notice);
    const auto = preferred === 'auto' && now !== '' ? `Auto (${now})` : 'Auto';
    // The best first, as people read a list of qualities.
    const best = [...layers].reverse();
    const options = best.map((one) => [one.layer, words(one)]);
    // A wish for a layer that is not there stays visible: it is why another is shown.
    if (preferred !== 'auto' && !layers.some(({ layer }) => layer === preferred)) {
      options.push([preferred, `${preferred}, not there`]);
    }
    this.#write([['auto', auto], ...options]);
    this.#select.value = preferred;
  }

  /** Writes only what has changed: an open menu must not close. @param {string[][]} options */
  #write(options) {
    const { options: before } = this.#select;
    while (before.length > options.length) before.remove(before.length - 1);
    options.forEach(([value, text], index) => {
      if (before[index] === undefined) before.add(new Option(text, value));
      if (before[index].value !== value) before[index].value = value;
      if (before[index].text !== text) before[index].text = text;
    });
  }
}

/** The layer that is shown now, in short: `640×360`, or its name. @param {import('../sdk/viewer.js').LayerNotice} notice */
function shown({ layer, width, height }) {
  return width && height ? size(width, height) : (layer ?? '');
}

/** @param {Layer} layer */
function words({ layer, width, height }) {
  return width && height ? `${size(width, height)} (${layer})` : layer;
}

// @ts-check
/** Figures of each layer that is sent, the largest first; nothing where there is one picture only. */

import { bitrate, size, whole } from './format.js';
import { newTile } from './tiles.js';

const box = /** @type {HTMLElement} */ (document.getElementById('layers'));
/** By the layer's name. @type {Map<string, import('./tiles.js').StatTile>} */
const tiles = new Map();
/** The same, for a layer that is stopped has none in some browsers. @type {Map<string, string>} */
const sizes = new Map();

/** @param {import('../sdk/stats.js').LayerSent[]} layers Smallest first. */
export function showLayerTiles(layers) {
  box.hidden = layers.length === 0;
  const names = layers.map(({ layer }) => layer).reverse();
  if (names.join() !== [...tiles.keys()].join()) make(names);
  for (const layer of layers) show(layer);
}

export function clearLayerTiles() {
  showLayerTiles([]);
}

/** @param {string[]} names */
function make(names) {
  tiles.clear();
  sizes.clear();
  for (const name of names) tiles.set(name, newTile(name));
  box.replaceChildren(...tiles.values());
}

/** @param {import('../sdk/stats.js').LayerSent} sent */
function show({ layer, active, bitrateBps, fps, width, height }) {
  const tile = tiles.get(layer);
  if (tile === undefined) return;
  tile.toggleAttribute('idle', !active);
  if (width && height) sizes.set(layer, size(width, height));
  const rate = active && fps ? `${whole(fps)} fps` : undefined;
  tile.label = [layer, sizes.get(layer), rate].filter(Boolean).join(' · ');
  tile.show(active ? bitrate(bitrateBps) : 'Not watched', active ? bitrateBps : null);
}

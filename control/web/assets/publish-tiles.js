// @ts-check
/** The figures of the publish page. */

import { bitrate, decibels, milliseconds, percent, size, whole } from './format.js';
import { clearLayerTiles, showLayerTiles } from './layer-tiles.js';
import { tilesById } from './tiles.js';

const IDS = [
  'bitrate',
  'fps',
  'rtt',
  'loss',
  'size',
  'codec',
  'limit',
  'available',
  'resent',
  'keyframes',
  'encoding',
  'level',
];
const tiles = tilesById(IDS);

const LIMITS = {
  none: 'nothing',
  cpu: 'this computer',
  bandwidth: 'the network',
  other: 'something else',
};

/** @param {import('../sdk/stats.js').PublisherSample} sample */
export function showPublishTiles(sample) {
  const { video, audio } = sample;
  tiles.bitrate.show(bitrate(sample.bitrateBps), sample.bitrateBps);
  tiles.fps.show(whole(video?.fps), video?.fps ?? null);
  tiles.rtt.show(milliseconds(sample.rttMs), sample.rttMs);
  const loss = video?.lossRatio ?? audio?.lossRatio ?? null;
  tiles.loss.show(percent(loss), loss);
  tiles.size.show(size(video?.width, video?.height));
  const codecs = [video?.codec, audio?.codec].filter(Boolean);
  tiles.codec.show(codecs.length > 0 ? codecs.join(' + ') : '–');
  tiles.limit.show(video?.limit ? LIMITS[video.limit] : '–');
  tiles.available.show(bitrate(sample.availableBps));
  tiles.resent.show(whole(video?.packetsRetransmitted));
  tiles.keyframes.show(whole(video?.plis));
  tiles.encoding.show(milliseconds(video?.encodeMs));
  tiles.level.show(decibels(audio?.level));
  showLayerTiles(video?.layers ?? []);
}

export function clearPublishTiles() {
  for (const tile of Object.values(tiles)) tile.clear();
  clearLayerTiles();
}

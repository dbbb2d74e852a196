// @ts-check
/** The figures of the watch page. */

import { bitrate, milliseconds, percent, signed, size, whole } from './format.js';
import { tilesById } from './tiles.js';

const IDS = [
  'latency',
  'bitrate',
  'fps',
  'loss',
  'size',
  'codec',
  'first',
  'buffer',
  'p99',
  'sync',
  'rtt',
  'freezes',
  'dropped',
];
const tiles = tilesById(IDS);

/**
 * @param {import('../sdk/stats.js').ViewerSample & {firstFrameMs: number|null}} sample
 * @param {object} measured
 * @param {import('./latency.js').LatencyMeter} measured.meter
 * @param {import('./lip-sync.js').LipSyncMeter} measured.lipSync
 * @param {import('../sdk/viewer.js').LayerNotice|null} measured.layer
 */
export function showWatchTiles(sample, { meter, lipSync, layer }) {
  const { video, audio } = sample;
  showLatency(sample, meter);
  tiles.bitrate.show(bitrate(sample.bitrateBps), sample.bitrateBps);
  tiles.fps.show(whole(video?.fps), video?.fps ?? null);
  const loss = video?.lossRatio ?? audio?.lossRatio ?? null;
  tiles.loss.show(percent(loss), loss);
  // One of several layers is named; of one alone there is nothing to say.
  const name = layer !== null && layer.layers.length > 1 ? ` (${layer.layer})` : '';
  tiles.size.show(`${size(video?.width, video?.height)}${name}`);
  const codecs = [video?.codec, audio?.codec].filter(Boolean);
  tiles.codec.show(codecs.length > 0 ? codecs.join(' + ') : '–');
  tiles.first.show(milliseconds(sample.firstFrameMs));
  tiles.buffer.show(milliseconds(video?.jitterBufferMs ?? audio?.jitterBufferMs));
  tiles.rtt.show(milliseconds(sample.rttMs));
  const { count = null, durationMs = null } = video?.freezes ?? {};
  tiles.freezes.show(count ? `${count}, ${milliseconds(durationMs)}` : whole(count));
  tiles.dropped.show(whole(video?.framesDropped));
  tiles.sync.show(signed(meter.running ? lipSync.median : null));
}

export function clearWatchTiles() {
  for (const tile of Object.values(tiles)) tile.clear();
}

/**
 * Measured where the picture carries a clock; else what can be known on this side: half a round
 * trip, the buffer, decoding, and half a frame until it is shown.
 *
 * @param {import('../sdk/stats.js').ViewerSample} sample
 * @param {import('./latency.js').LatencyMeter} meter
 */
function showLatency({ rttMs, video }, meter) {
  if (meter.running) {
    tiles.latency.label = 'Latency, glass to glass';
    tiles.latency.show(milliseconds(meter.median), meter.samples.at(-1) ?? null);
    tiles.p99.show(milliseconds(meter.p99));
    return;
  }
  tiles.latency.label = 'Latency from server, estimate';
  tiles.p99.show('–');
  if (rttMs === null || !video || video.jitterBufferMs === null) {
    tiles.latency.show('–');
    return;
  }
  const half = video.fps ? 500 / video.fps : 0;
  const estimate = rttMs / 2 + video.jitterBufferMs + (video.decodeMs ?? 0) + half;
  tiles.latency.show(`≈ ${milliseconds(estimate)}`, estimate);
}

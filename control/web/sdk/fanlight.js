// @ts-check
/**
 * Fanlight for browsers: publish and watch live streams over WebRTC.
 *
 *   import { Viewer } from 'https://your.server/sdk/fanlight.js';
 *
 * Plain ES modules without dependencies, for browsers with WebRTC 1.0 and `requestVideoFrameCallback`
 * (Chromium 83, Firefox 132, Safari 15.4 or newer).
 */

export { Publisher } from './publisher.js';
export { Viewer } from './viewer.js';
export { FanlightError } from './errors.js';
export { codecNames } from './codecs.js';
export { simulcastLayers } from './layers.js';
export { createTestPattern, readClock } from './testpattern.js';

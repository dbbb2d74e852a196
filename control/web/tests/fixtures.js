// @ts-check
/** What most tests of publisher and viewer begin with. */

import { Publisher, Viewer, createTestPattern } from '../sdk/fanlight.js';
import { LoopbackServer } from './loopback-server.js';

/**
 * Runs a test with a server and a small pattern, and clears away what it left.
 *
 * @param {(stage: Stage) => Promise<void>} body
 * @returns {() => Promise<void>}
 */
export function onStage(body) {
  return async () => {
    const stage = new Stage();
    try {
      await body(stage);
    } finally {
      await stage.clear();
    }
  };
}

class Stage {
  server = new LoopbackServer();
  pattern = createTestPattern({ width: 320, height: 180, fps: 15 });
  /** A picture that is large enough for layers, while one is wanted. @type {import('../sdk/testpattern.js').TestPattern|null} */
  #large = null;
  /** @type {(Publisher|Viewer)[]} */
  #participants = [];

  /** @param {Partial<import('../sdk/publisher.js').PublisherOptions>} [options] */
  publisher(options = {}) {
    const publisher = new Publisher({
      stream: 'stage',
      media: this.pattern.stream,
      fetch: this.server.fetch,
      backoff: { initialMs: 50, maxMs: 100 },
      ...options,
    });
    this.#participants.push(publisher);
    return publisher;
  }

  /** @param {Partial<import('../sdk/viewer.js').ViewerOptions>} [options] */
  viewer(options = {}) {
    const viewer = new Viewer({
      stream: 'stage',
      fetch: this.server.fetch,
      backoff: { initialMs: 50, maxMs: 100 },
      ...options,
    });
    this.#participants.push(viewer);
    return viewer;
  }

  /** A picture of that size, without sound. @param {number} width @param {number} height */
  picture(width, height) {
    this.#large = createTestPattern({ width, height, fps: 15, audio: false });
    return this.#large.stream;
  }

  /** A muted video in the page. */
  video() {
    const video = document.createElement('video');
    video.muted = true;
    video.autoplay = true;
    video.dataset.fixture = '';
    document.body.append(video);
    return video;
  }

  async clear() {
    await Promise.all(this.#participants.map((one) => one.stop()));
    this.pattern.stop();
    this.#large?.stop();
    this.server.close();
    for (const video of document.querySelectorAll('[data-fixture]')) video.remove();
  }
}

/**
 * All states that a participant enters from now on.
 *
 * @param {EventTarget} participant
 * @returns {string[]} Grows.
 */
export function statesOf(participant) {
  /** @type {string[]} */
  const states = [];
  participant.addEventListener('state', (event) => {
    states.push(/** @type {CustomEvent} */ (event).detail.state);
  });
  return states;
}

/**
 * What viewers have asked of their sessions, oldest first.
 *
 * @param {LoopbackServer} server
 */
export function controls(server) {
  return server
    .requests('PATCH')
    .filter(({ headers }) => headers.get('Content-Type') === 'application/json')
    .map(({ body }) => JSON.parse(body));
}

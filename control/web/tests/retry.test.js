// @ts-check
import { onStage, statesOf } from './fixtures.js';
import { equal, eventually, next, ok, sleep, test } from './harness.js';
import { problem } from './loopback-server.js';

// These do not heal by asking again, and asking again would only hide the reason.
for (const [status, code] of /** @type {const} */ ([
  [400, 'bad-request'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [406, 'no-common-codec'],
  [415, 'bad-request'],
])) {
  test(
    `${status} is final and is told in the server's words`,
    onStage(async (stage) => {
      stage.server.answer('POST', () => problem(status, 'This is why.'));
      const viewer = stage.viewer({ waitForStream: true });
      const error = await viewer.start().catch((/** @type {any} */ fault) => fault);
      equal([error.code, error.status, error.detail], [code, status, 'This is why.']);
      await sleep(250);
      equal([viewer.state, stage.server.requests('POST').length], ['failed', 1]);
    }),
  );
}

test(
  'a full server is asked again, and not sooner than it said',
  onStage(async (stage) => {
    stage.server.answer('POST', () => problem(503, 'Full.', { 'Retry-After': '1' }));
    const publisher = stage.publisher();
    /** @type {string[]} */
    const errors = [];
    publisher.addEventListener('error', (event) =>
      errors.push(/** @type {CustomEvent} */ (event).detail.code),
    );
    await publisher.start();
    const [first, second] = stage.server.requests('POST');
    ok(second.at - first.at >= 1000, `asked again after ${second.at - first.at} ms`);
    equal(errors, ['busy']);
  }),
);

test(
  'a server that does not answer is tried again',
  onStage(async (stage) => {
    for (let round = 0; round < 3; round += 1) {
      stage.server.answer('POST', () => Promise.reject(new TypeError('Failed to fetch')));
    }
    const publisher = stage.publisher();
    const states = statesOf(publisher);
    await publisher.start();
    equal([states, stage.server.requests('POST').length], [['connecting', 'live'], 4]);
  }),
);

test(
  'with reconnect off, the first fault is the last',
  onStage(async (stage) => {
    stage.server.answer('POST', () => problem(503, 'Full.'));
    const publisher = stage.publisher({ reconnect: false });
    const error = await publisher.start().catch((/** @type {any} */ fault) => fault);
    equal(
      [error.code, publisher.state, stage.server.requests('POST').length],
      ['busy', 'failed', 1],
    );
  }),
);

test(
  'a name in use by somebody else is final',
  onStage(async (stage) => {
    await stage.publisher().start();
    const second = stage.publisher();
    const error = await second.start().catch((/** @type {any} */ fault) => fault);
    equal([error.code, second.state], ['name-in-use', 'failed']);
  }),
);

// After a break the name may still be held by our own dead session, until the server notices.
test(
  'a name in use by our own ghost is waited for',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    stage.server.answer('POST', () => problem(409, 'In use.'));
    stage.server.answer('POST', () => problem(409, 'In use.'));
    stage.server.endStream('stage');
    await eventually(
      () => publisher.state === 'live' && stage.server.requests('POST').length === 4,
      'not live again',
    );
  }),
);

test(
  'a publisher that the server dropped publishes again',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    const states = statesOf(publisher);
    await publisher.start();
    stage.server.endStream('stage');
    await next(publisher, 'live');
    equal(states, ['connecting', 'live', 'reconnecting', 'live']);
  }),
);

test(
  'stop ends a wait at once',
  onStage(async (stage) => {
    stage.server.answer('POST', () => problem(503, 'Full.', { 'Retry-After': '600' }));
    const publisher = stage.publisher();
    publisher.start().catch(() => {});
    await next(publisher, 'retry');
    const began = performance.now();
    await publisher.stop();
    ok(performance.now() - began < 1000, 'stop waited');
    equal(publisher.state, 'ended');
  }),
);

// ICE servers cost a round trip before the first POST only where they are asked for.
test(
  'ICE servers of the answer serve the next session',
  onStage(async (stage) => {
    const link = '<stun:127.0.0.1:9>; rel="ice-server"';
    stage.server.answer(
      'POST',
      () =>
        new Response('v=0\r\n', {
          status: 201,
          headers: { Link: link, Location: '/live/whip/resource/stage/x' },
        }),
    );
    const publisher = stage.publisher();
    const failed = await publisher.start().catch((/** @type {any} */ fault) => fault);
    equal(failed.code, 'browser', 'an answer that is no SDP');
    const again = publisher.start();
    await eventually(() => publisher.connection !== null, 'no second session');
    equal(publisher.connection?.getConfiguration().iceServers?.[0].urls, ['stun:127.0.0.1:9']);
    await again;
    ok(
      stage.server.requests('DELETE').some(({ url }) => url.pathname.endsWith('/x')),
      'the first was not deleted',
    );
  }),
);

test(
  'ICE servers are asked for first if wished',
  onStage(async (stage) => {
    stage.server.answer(
      'OPTIONS',
      () =>
        new Response(null, {
          status: 204,
          headers: { Link: '<stun:127.0.0.1:9>; rel="ice-server"' },
        }),
    );
    const publisher = stage.publisher({ discover: true });
    await publisher.start();
    equal(
      stage.server.seen.slice(0, 2).map(({ method }) => method),
      ['OPTIONS', 'POST'],
    );
    equal(publisher.connection?.getConfiguration().iceServers?.[0].urls, ['stun:127.0.0.1:9']);
  }),
);

// With the policy "replace" two pages that each took the name back would fight for it forever.
test(
  'a publisher that was replaced does not take the name back',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const ended = { status: 410, reason: 'replaced', detail: 'Another publisher took over.' };
    stage.server.answer('GET', () => new Response(JSON.stringify(ended), { status: 410 }));
    stage.server.endStream('stage');
    await eventually(() => publisher.state === 'failed', 'it goes on');
    await sleep(300);
    equal(stage.server.requests('POST').length, 1);
  }),
);

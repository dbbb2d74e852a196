// @ts-check
import { onStage, statesOf } from './fixtures.js';
import { equal, eventually, next, ok, test } from './harness.js';
import { problem } from './loopback-server.js';

test(
  'a viewer shows the stream and says how long it took',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    const video = stage.video();
    const began = performance.now();
    viewer.attach(video);
    const first = next(viewer, 'firstframe');
    await viewer.start();
    const { ms, sinceStartMs } = await first;
    const elapsed = performance.now() - began;
    ok(
      ms > 0 && ms <= sinceStartMs && sinceStartMs <= elapsed,
      `${ms}, ${sinceStartMs} of ${elapsed} ms`,
    );
    equal([video.videoWidth, video.videoHeight], [320, 180]);
    equal(
      viewer.media
        .getTracks()
        .map(({ kind }) => kind)
        .sort(),
      ['audio', 'video'],
    );
  }),
);

test(
  'figures of a viewer say what it receives',
  onStage(async (stage) => {
    await stage.publisher({ video: { codec: 'VP8' } }).start();
    const viewer = stage.viewer();
    viewer.attach(stage.video());
    await viewer.start();
    let sample = await next(viewer, 'stats');
    await eventually(async () => {
      sample = await next(viewer, 'stats');
      return (
        sample.video?.fps > 0 && sample.firstFrameMs !== null && sample.video.jitterBufferMs > 0
      );
    }, 'no figures');
    equal([sample.video.codec, sample.audio.codec], ['VP8', 'opus']);
    equal([sample.video.width, sample.video.height], [320, 180]);
    ok(
      sample.video.lossRatio >= 0 && sample.video.lossRatio <= 1,
      `loss ${sample.video.lossRatio}`,
    );
    ok(sample.rttMs >= 0 && sample.rttMs < 1000, `round trip ${sample.rttMs}`);
  }),
);

// An element that waits for data would hold back the load event of the page, for hours perhaps.
test(
  'an element gets its source only when there is something to show',
  onStage(async (stage) => {
    const viewer = stage.viewer({ waitForStream: true });
    const video = stage.video();
    viewer.attach(video);
    viewer.start().catch(() => {});
    await next(viewer, 'retry');
    equal(video.srcObject, null);
  }),
);

// DTLS close_notify is the fast way to know; neither a time-out nor an answer is waited for.
test(
  'a viewer hears at once that the publisher has left',
  onStage(async (stage) => {
    await stage.publisher({ reconnect: false }).start();
    const viewer = stage.viewer();
    const states = statesOf(viewer);
    await viewer.start();
    const began = performance.now();
    const ended = next(viewer, 'ended');
    for (let request = 0; request < 5; request += 1)
      stage.server.answer('GET', () => new Response('{}'));
    stage.server.endStream('stage');
    const { reason } = await ended;
    const took = performance.now() - began;
    equal(reason.code, 'closed-by-server');
    ok(took < 1500, `it took ${took} ms`);
    await eventually(() => viewer.state === 'ended', 'not ended');
    equal(states, ['connecting', 'live', 'ended']);
    equal(stage.server.requests('POST').length, 2, 'it did not ask again');
  }),
);

test(
  'a stream that is not live fails a viewer that does not wait',
  onStage(async (stage) => {
    const viewer = stage.viewer();
    const error = await viewer.start().catch((/** @type {any} */ fault) => fault);
    equal([error.code, error.status, error.detail], ['not-live', 409, 'Not live.']);
    equal([viewer.state, stage.server.requests('POST').length], ['failed', 1]);
  }),
);

test(
  'a waiting viewer is there when the stream begins',
  onStage(async (stage) => {
    const viewer = stage.viewer({ waitForStream: true });
    /** @type {string[]} */
    const errors = [];
    viewer.addEventListener('error', () => errors.push('error'));
    const live = viewer.start();
    await eventually(() => stage.server.requests('POST').length >= 3, 'it does not ask again');
    equal(viewer.state, 'connecting');
    await stage.publisher().start();
    await live;
    equal([viewer.state, errors.length], ['live', 0], 'waiting is no fault');
  }),
);

test(
  'a waiting viewer comes back with the publisher',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const viewer = stage.viewer({ waitForStream: true });
    const video = stage.video();
    viewer.attach(video);
    const states = statesOf(viewer);
    await viewer.start();
    await publisher.stop();
    stage.server.endStream('stage');
    await eventually(() => viewer.state === 'reconnecting', 'it did not notice');
    await publisher.start();
    await next(viewer, 'firstframe');
    equal(states, ['connecting', 'live', 'reconnecting', 'live']);
  }),
);

// Some WHEP servers make the offer, and players that know nothing else exist for them.
test(
  'a viewer answers the offer of the server and shows the picture',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer({ serverOffer: true });
    viewer.attach(stage.video());
    const shown = next(viewer, 'firstframe');
    await viewer.start();
    await shown;
    const [, post] = stage.server.requests('POST');
    equal([post.body, post.headers.get('Content-Type')], ['', null]);
    const isSdp = (/** @type {{headers: Headers}} */ { headers }) =>
      headers.get('Content-Type') === 'application/sdp';
    const [, ...answers] = stage.server.seen.filter(isSdp);
    equal(answers.length, 1, 'one answer after the offer of the publisher');
    ok(/a=fmtp:\d+ [^\r]*stereo=1/.test(answers[0].body), 'no wish for stereo');
    equal(viewer.media.getTracks().length, 2);
    equal(viewer.connection?.signalingState, 'stable');
  }),
);

test(
  'an answer that the server refuses is an error in its words',
  onStage(async (stage) => {
    await stage.publisher().start();
    await eventually(() => stage.server.requests('PATCH').length === 1, 'no candidates');
    stage.server.answer('PATCH', () => problem(400, 'This is why.'));
    const viewer = stage.viewer({ serverOffer: true });
    const error = await viewer.start().catch((/** @type {any} */ fault) => fault);
    equal([error.code, error.detail], ['bad-request', 'This is why.']);
    ok(stage.server.requests('DELETE').length === 1, 'the session was not deleted');
  }),
);

// @ts-check
import { createTestPattern } from '../sdk/fanlight.js';
import { onStage, statesOf } from './fixtures.js';
import { equal, eventually, next, ok, sleep, test } from './harness.js';
import { problem } from './loopback-server.js';

/** Encoding names of one kind in an offer. @param {string} sdp @param {string} kind */
function encodings(sdp, kind) {
  const section = sdp.split(/^m=/m).find((one) => one.startsWith(kind)) ?? '';
  return [...new Set([...section.matchAll(/^a=rtpmap:\d+ ([\w-]+)/gm)].map(([, name]) => name))];
}

test(
  'a publisher goes live and its figures say what it sends',
  onStage(async (stage) => {
    const publisher = stage.publisher({ video: { codec: 'VP8', bitrate: 400_000 } });
    const states = statesOf(publisher);
    await publisher.start();
    equal(states, ['connecting', 'live']);
    let sample = await next(publisher, 'stats');
    await eventually(async () => {
      sample = await next(publisher, 'stats');
      return sample.video.fps > 0 && sample.audio.bitrateBps > 0;
    }, 'nothing was sent');
    equal([sample.video.codec, sample.audio.codec], ['VP8', 'opus']);
    equal([sample.video.width, sample.video.height], [320, 180]);
    ok(sample.bitrateBps < 600_000, `${sample.bitrateBps} bit/s is over the limit`);
  }),
);

// A publisher that asks for one codec must not silently get another.
test(
  'only the codecs that were asked for are offered, in that order',
  onStage(async (stage) => {
    await stage.publisher({ video: { codec: ['VP9', 'VP8'] } }).start();
    const offered = encodings(stage.server.requests('POST')[0].body, 'video');
    equal(offered.slice(0, 2), ['VP9', 'rtx']);
    equal(
      offered.filter((name) => /^(VP|H26|AV)/.test(name)),
      ['VP9', 'VP8'],
    );
  }),
);

test(
  'a codec that the browser lacks fails before the server is asked',
  onStage(async (stage) => {
    const publisher = stage.publisher({ video: { codec: 'Theora' } });
    const error = await publisher.start().catch((/** @type {any} */ fault) => fault);
    equal([error.code, publisher.state], ['codec-unavailable', 'failed']);
    equal(stage.server.seen.length, 0);
  }),
);

test(
  'limits and preferences reach the sender',
  onStage(async (stage) => {
    const video = /** @type {const} */ ({
      bitrate: 300_000,
      maxFramerate: 10,
      degradation: 'maintain-resolution',
      contentHint: 'detail',
    });
    const publisher = stage.publisher({ video, audio: { stereo: true, bitrate: 96_000 } });
    await publisher.start();
    const [videoSender, audioSender] = publisher.connection?.getSenders() ?? [];
    const {
      encodings: [encoding],
      degradationPreference,
    } = videoSender.getParameters();
    equal([encoding.maxBitrate, encoding.maxFramerate], [300_000, 10]);
    equal(degradationPreference, 'maintain-resolution');
    equal(videoSender.track?.contentHint, 'detail');
    equal(audioSender.getParameters().encodings[0].maxBitrate, 96_000);
    ok(
      /^a=fmtp:.*sprop-stereo=1/m.test(stage.server.requests('POST')[0].body),
      'stereo is not announced',
    );
    ok(
      /stereo=1/.test(publisher.connection?.remoteDescription?.sdp ?? ''),
      'stereo is not asked of the encoder',
    );
  }),
);

// Trickle is one PATCH, guarded by the entity tag, and no reason to fail.
test(
  'candidates are told once, with the tag of the session',
  onStage(async (stage) => {
    await stage.publisher().start();
    await eventually(() => stage.server.requests('PATCH').length === 1, 'no PATCH');
    await sleep(300);
    const [patch, ...more] = stage.server.requests('PATCH');
    equal(more.length, 0);
    equal(patch.headers.get('If-Match'), '"1"');
    equal(patch.headers.get('Content-Type'), 'application/trickle-ice-sdpfrag');
    ok(
      patch.body.includes('a=candidate:') && patch.body.endsWith('a=end-of-candidates\r\n'),
      patch.body,
    );
  }),
);

for (const status of [404, 405, 501]) {
  test(
    `a PATCH that is refused with ${status} changes nothing`,
    onStage(async (stage) => {
      stage.server.answer('PATCH', () => problem(status, 'No.'));
      const publisher = stage.publisher();
      await publisher.start();
      await eventually(() => stage.server.requests('PATCH').length === 1, 'no PATCH');
      await sleep(200);
      equal(publisher.state, 'live');
    }),
  );
}

test(
  'stop deletes the session and ends it here',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    const states = statesOf(publisher);
    await publisher.start();
    await publisher.stop();
    const [removal] = stage.server.requests('DELETE');
    equal(removal.url.pathname, '/live/whip/resource/stage/1');
    equal(states, ['connecting', 'live', 'ended']);
    equal([publisher.connection, stage.server.sessions.size], [null, 0]);
  }),
);

// Else the name would be held by a session that nobody has.
test(
  'stop during the POST still deletes what the POST made',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    const starting = publisher.start().catch((/** @type {any} */ fault) => fault.code);
    await eventually(() => stage.server.requests('POST').length === 1, 'no POST');
    await publisher.stop();
    equal(await starting, 'stopped');
    equal([stage.server.requests('DELETE').length, stage.server.sessions.size], [1, 0]);
  }),
);

// `keepalive` is what lets a request outlive its page.
test(
  'a page that goes away deletes its session',
  onStage(async (stage) => {
    await stage.publisher().start();
    globalThis.dispatchEvent(new PageTransitionEvent('pagehide'));
    equal(
      stage.server.requests('DELETE').map(({ keepalive }) => keepalive),
      [true],
    );
  }),
);

// The same event without the end of the page: back from the cache, the stream goes on.
test(
  'a page that comes back publishes anew',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    globalThis.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
    await eventually(
      () => publisher.state === 'live' && stage.server.requests('POST').length === 2,
      'not live again',
    );
  }),
);

test(
  'a started publisher can be stopped and started again',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    await publisher.stop();
    await publisher.start();
    equal([publisher.state, stage.server.sessions.size], ['live', 1]);
  }),
);

test(
  'a track is replaced without a new session',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const other = createTestPattern({ width: 480, height: 270, fps: 15, audio: false });
    await publisher.replaceTrack(other.stream.getVideoTracks()[0]);
    await eventually(
      async () => (await next(publisher, 'stats')).video.width === 480,
      'still the old picture',
    );
    equal(stage.server.requests('POST').length, 1);
    other.stop();
  }),
);

test(
  'a kind that was not published cannot be added',
  onStage(async (stage) => {
    const media = new MediaStream(stage.pattern.stream.getVideoTracks());
    const publisher = stage.publisher({ media });
    await publisher.start();
    const sound = stage.pattern.stream.getAudioTracks()[0];
    const error = await publisher.replaceTrack(sound).catch((/** @type {any} */ fault) => fault);
    equal(error?.code, 'no-media');
  }),
);

test(
  'nothing to publish is an error, not a silence',
  onStage(async (stage) => {
    const publisher = stage.publisher({ media: new MediaStream() });
    const error = await publisher.start().catch((/** @type {any} */ fault) => fault);
    equal([error.code, stage.server.seen.length], ['no-media', 0]);
  }),
);

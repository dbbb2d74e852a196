// @ts-check
import { FanlightError } from '../sdk/errors.js';
import { Parser } from '../sdk/events.js';
import { onStage } from './fixtures.js';
import { equal, eventually, next, ok, sleep, test } from './harness.js';
import { problem } from './loopback-server.js';

// A chunk of the network ends anywhere, a proxy may change line ends, and heartbeats are comments.
test('events are read out of any pieces of text', () => {
  const text =
    ':\n\nevent: constrained\ndata: {"text":"slow","estimate_bps":7}\n\n:\n\ndata: [1]\r\n\r\n' +
    'event: broken\ndata: {\n\nevent: empty\n\nevent: ended\ndata: {}\n\n';
  for (const size of [1, 2, 7, text.length]) {
    const parser = new Parser();
    const events = [];
    for (let at = 0; at < text.length; at += size) {
      events.push(...parser.push(text.slice(at, at + size)));
    }
    equal(events, [
      { name: 'constrained', data: { text: 'slow', estimate_bps: 7 } },
      { name: 'message', data: [1] },
      { name: 'ended', data: {} },
    ]);
  }
});

test(
  'what the server tells is an event of the viewer',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
    const constrained = next(viewer, 'constrained');
    const noticed = next(viewer, 'notice');
    stage.server.tell('stage', 'constrained', { text: 'Too slow.', estimate_bps: 7 });
    equal(await noticed, { text: 'Too slow.', estimate_bps: 7, name: 'constrained' });
    equal((await constrained).estimate_bps, 7);
    const silent = next(viewer, 'source-silent');
    stage.server.tell('stage', 'source_silent', { text: 'No picture.', kind: 'video' });
    equal((await silent).kind, 'video');
    // The server's names must not be taken for the SDK's own.
    let states = 0;
    viewer.addEventListener('state', () => (states += 1));
    const odd = next(viewer, 'notice');
    stage.server.tell('stage', 'state', { text: 'A trick.' });
    equal((await odd).name, 'state');
    equal([viewer.state, states], ['live', 0]);
  }),
);

// A stream of events that breaks off, as proxies do to them, is nothing that a viewer should notice.
test(
  'a broken stream of events is taken up again, and the session goes on',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
    const before = stage.server.requests('EVENTS').length;
    stage.server.cutEvents('stage');
    await eventually(
      () => stage.server.requests('EVENTS').length > before,
      'it does not come back',
    );
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen again');
    const back = next(viewer, 'source-back');
    stage.server.tell('stage', 'source_back', { text: 'Back.', kind: 'video' });
    equal((await back).text, 'Back.');
    equal(viewer.state, 'live');
  }),
);

test(
  'the end is told with its reason',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
    const ended = next(viewer, 'ended');
    stage.server.tell('stage', 'ended', {
      reason: 'kicked',
      cause: 'kicked',
      text: 'By a policy.',
    });
    const { reason } = await ended;
    equal(
      [reason.code, reason.reason, reason.message],
      ['closed-by-server', 'kicked', 'By a policy.'],
    );
  }),
);

// A viewer that an operator sends away would be back within a second, a token that ran out would be refused for ever.
for (const cause of ['kicked', 'expired', 'revoked']) {
  test(
    `who is ${cause} reads why and does not come back`,
    onStage(async (stage) => {
      const publisher = stage.publisher();
      await publisher.start();
      const viewer = stage.viewer({ waitForStream: true });
      await viewer.start();
      await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
      for (const [role, who] of /** @type {const} */ ([
        ['whep', viewer],
        ['whip', publisher],
      ])) {
        await eventually(() => stage.server.listeners('stage', role) > 0, 'it does not listen');
        const before = stage.server.requests('POST').length;
        const failed = next(who, 'error');
        stage.server.tell('stage', 'ended', { reason: cause, cause, text: 'No more.' }, role);
        const error = await failed;
        equal([error.reason, error.message, error.transient], [cause, 'No more.', false]);
        await sleep(1_500);
        equal([who.state, stage.server.requests('POST').length], ['failed', before]);
      }
    }),
  );
}

test(
  'who wants no events asks for none',
  onStage(async (stage) => {
    await stage.publisher({ events: false }).start();
    await stage.viewer({ events: false }).start();
    await sleep(200);
    equal(stage.server.requests('EVENTS').length, 0);
  }),
);

// The server has seen what reached it: "no media get through" becomes "nothing reached UDP port 8189".
test(
  'a session that finds no path fails in the words of the server',
  onStage(async (stage) => {
    await stage.publisher().start();
    stage.server.deaf = true;
    const said = { ice: { state: 'no_check_came', text: 'Nothing reached udp 192.0.2.1:8189.' } };
    stage.server.answer('GET', () => new Response(JSON.stringify(said)));
    const viewer = stage.viewer({ reconnect: false });
    const error = await viewer.start().catch((/** @type {any} */ fault) => fault);
    ok(error instanceof FanlightError, String(error));
    equal(
      [error.code, error.reason, error.message],
      ['no-path', 'no_check_came', 'Nothing reached udp 192.0.2.1:8189.'],
    );
  }),
  30_000,
);

test(
  'a session that is gone tells why',
  onStage(async (stage) => {
    await stage.publisher({ events: false }).start();
    const viewer = stage.viewer({ events: false, dataChannel: false });
    await viewer.start();
    const ended = next(viewer, 'ended');
    stage.server.answer('GET', () =>
      problem(
        410,
        'Nothing was heard of you.',
        {},
        { reason: 'consent_lost', cause: 'consent_lost' },
      ),
    );
    viewer.media.getVideoTracks()[0].dispatchEvent(new Event('mute'));
    const { reason } = await ended;
    equal(
      [reason.code, reason.reason, reason.message],
      ['closed-by-server', 'consent_lost', 'Nothing was heard of you.'],
    );
  }),
);

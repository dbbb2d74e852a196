// @ts-check
import { onStage, statesOf } from './fixtures.js';
import { equal, eventually, ok, sleep, test } from './harness.js';
import { problem } from './loopback-server.js';

/** @typedef {import('../sdk/participant.js').Participant} Participant */

/** The server's username fragment that is in force. @param {Participant} participant */
function serverUfrag(participant) {
  return /a=ice-ufrag:(\S+)/.exec(participant.connection?.remoteDescription?.sdp ?? '')?.[1];
}

/** Frames that the viewer has decoded. @param {Participant} viewer */
async function framesDecoded(viewer) {
  let frames = 0;
  for (const entry of (await viewer.connection?.getStats())?.values() ?? []) {
    if (entry.type === 'inbound-rtp' && entry.kind === 'video') frames = entry.framesDecoded;
  }
  return frames;
}

/** Makes the browser's connection seem to be in that state. @param {Participant} participant @param {string} state */
function pretend(participant, state) {
  const connection = /** @type {RTCPeerConnection} */ (participant.connection);
  Object.defineProperty(connection, 'connectionState', { configurable: true, get: () => state });
  connection.dispatchEvent(new Event('connectionstatechange'));
}

/** @param {import('./loopback-server.js').LoopbackServer} server */
function restarts(server) {
  return server.requests('PATCH').filter(({ headers }) => headers.get('If-Match') === '*');
}

// What a change of network asks for: the picture goes on, and nobody joins anew.
test(
  'a restart takes a viewer to a new ICE session while its picture goes on',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    const states = statesOf(viewer);
    await viewer.start();
    await eventually(async () => (await framesDecoded(viewer)) > 5, 'no picture');
    const before = serverUfrag(viewer);
    ok(await viewer.restartIce(), 'not restarted');
    ok(serverUfrag(viewer) !== before, 'the credentials are the old ones');
    const decoded = await framesDecoded(viewer);
    await eventually(async () => (await framesDecoded(viewer)) > decoded + 15, 'the picture stands');
    equal([states, restarts(stage.server).length], [['connecting', 'live'], 1]);
    equal(stage.server.requests('POST').length, 2, 'one for each');
    const [{ headers, body }] = restarts(stage.server);
    equal(headers.get('Content-Type'), 'application/trickle-ice-sdpfrag');
    ok(/^a=ice-ufrag:\S+\r\na=ice-pwd:\S+\r\nm=/.test(body), body);
    ok(/stereo=1/.test(viewer.connection?.localDescription?.sdp ?? ''), 'the wish for stereo is lost');
  }),
);

// A second restart begins where the first one ended, on either side.
test(
  'a publisher restarts twice',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const ufrags = [serverUfrag(publisher)];
    for (let round = 0; round < 2; round += 1) {
      ok(await publisher.restartIce(), 'not restarted');
      ufrags.push(serverUfrag(publisher));
      await eventually(() => publisher.connection?.iceConnectionState !== 'checking', 'no path');
    }
    equal(new Set(ufrags).size, 3);
    equal(publisher.state, 'live');
  }),
);

// Servers that do not know restarts are common; the session must be as it was.
test(
  'a refused restart changes nothing',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const before = serverUfrag(publisher);
    for (const status of [204, 405, 412, 501]) {
      stage.server.answer('PATCH', () =>
        status === 204 ? new Response(null, { status }) : problem(status, 'No.'),
      );
      equal(await publisher.restartIce(), false);
      equal([publisher.connection?.signalingState, serverUfrag(publisher)], ['stable', before]);
    }
    equal(publisher.state, 'live');
  }),
);

for (const state of ['disconnected', 'failed']) {
  test(
    `a path that is ${state} is looked for anew before anything else`,
    onStage(async (stage) => {
      const publisher = stage.publisher();
      const states = statesOf(publisher);
      await publisher.start();
      stage.server.answer('PATCH', () => Promise.reject(new TypeError('Failed to fetch')));
      pretend(publisher, state);
      await eventually(() => restarts(stage.server).length >= 2, 'asked once and no more');
      pretend(publisher, 'connected');
      await sleep(7_000);
      equal([states, stage.server.requests('POST').length], [['connecting', 'live'], 1]);
    }),
  );
}

test(
  'a path that is not found again is a new session',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    const states = statesOf(publisher);
    await publisher.start();
    pretend(publisher, 'failed');
    await eventually(() => states.length === 4, 'not live again', 15_000);
    equal(states, ['connecting', 'live', 'reconnecting', 'live']);
  }),
);

// @ts-check
import { controls, onStage } from './fixtures.js';
import { equal, eventually, next, test } from './harness.js';
import { problem } from './loopback-server.js';

test(
  'a viewer pauses and resumes by one request each',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    equal(viewer.paused, { audio: false, video: false });
    await viewer.pause('video');
    equal(viewer.paused, { audio: false, video: true });
    await viewer.pause('audio');
    await viewer.resume('video');
    equal(viewer.paused, { audio: true, video: false });
    equal(controls(stage.server), [{ video: 'paused' }, { audio: 'paused' }, { video: 'playing' }]);
    equal(stage.server.requests('POST').length, 2, 'nothing was renegotiated');
  }),
);

// A button that says "paused" while media flow would be worse than none.
test(
  'a refused pause changes nothing and says why',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.requests('PATCH').length > 0, 'no candidates were told');
    stage.server.answer('PATCH', () => problem(409, 'This session has no video.'));
    const error = await viewer.pause('video').catch((fault) => fault);
    equal([error.code, error.message], ['not-controllable', 'This session has no video.']);
    equal(viewer.paused, { audio: false, video: false });
    stage.server.answer('PATCH', () => problem(404, 'Gone.'));
    equal((await viewer.pause('video').catch((fault) => fault)).code, 'session-gone');
    equal(
      await viewer.pause(/** @type {any} */ ('text')).catch((fault) => fault.name),
      'TypeError',
    );
  }),
);

// Who looks away does not want the picture back because a network cell changed.
test(
  'a pause outlasts the session it was made in',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const viewer = stage.viewer({ waitForStream: true });
    await viewer.start();
    await viewer.pause('video');
    await publisher.stop();
    stage.server.endStream('stage');
    await eventually(() => viewer.state === 'reconnecting', 'it did not notice');
    await viewer.pause('audio');
    equal(controls(stage.server).length, 1, 'without a session there is nobody to be told');
    await publisher.start();
    await eventually(() => controls(stage.server).length === 3, 'the new session was not told');
    equal(controls(stage.server).slice(1), [{ video: 'paused' }, { audio: 'paused' }]);
    equal(viewer.paused, { audio: true, video: true });
  }),
);

test(
  'a pause by somebody else is seen',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
    const paused = next(viewer, 'paused');
    stage.server.tell('stage', 'paused', { kind: 'audio', text: 'Paused.' });
    await paused;
    equal(viewer.paused, { audio: true, video: false });
  }),
);

// @ts-check
import { simulcastLayers } from '../sdk/fanlight.js';
import { controls, onStage } from './fixtures.js';
import { equal, eventually, next, ok, test } from './harness.js';
import { problem } from './loopback-server.js';

/** @param {import('../sdk/fanlight.js').Publisher} publisher */
function encodings(publisher) {
  const [sender] = publisher.connection?.getSenders() ?? [];
  return sender.getParameters().encodings;
}

// Chromium drops the largest of layers that are too many for a picture.
test('a simulcast has as many layers as its picture is worth', () => {
  const names = (/** @type {number} */ width, /** @type {number} */ height) =>
    simulcastLayers({ width, height, bitrate: 1 }).map(({ layer }) => layer);
  equal(names(1280, 720), ['q', 'h', 'f']);
  equal(names(960, 540), ['q', 'h', 'f']);
  equal(names(640, 360), ['h', 'f']);
  equal(names(320, 180), ['f']);
  equal(names(540, 960), ['q', 'h', 'f'], 'a phone held upright');
  equal(simulcastLayers({ width: 1280, height: 720, bitrate: 2_000_000 }), [
    { layer: 'q', width: 320, height: 180, bitrate: 200_000 },
    { layer: 'h', width: 640, height: 360, bitrate: 600_000 },
    { layer: 'f', width: 1280, height: 720, bitrate: 2_000_000 },
  ]);
});

test(
  'a simulcast is offered with its layers, in the codec that was asked for',
  onStage(async (stage) => {
    const media = stage.picture(960, 540);
    const video = { simulcast: true, codec: 'VP9', bitrate: 1_000_000, maxFramerate: 10 };
    const publisher = stage.publisher({ media, video });
    await publisher.start();
    const offer = stage.server.requests('POST')[0].body;
    ok(/^a=simulcast:send q;h;f\r$/m.test(offer), offer);
    equal(/^a=rtpmap:\d+ ([\w-]+)/m.exec(offer)?.[1], 'VP9');
    equal(
      encodings(publisher).map((one) => [
        one.rid,
        one.scaleResolutionDownBy,
        one.maxBitrate,
        one.maxFramerate,
      ]),
      [
        ['q', 4, 100_000, 10],
        ['h', 2, 300_000, 10],
        ['f', 1, 1_000_000, 10],
      ],
    );
    ok(
      /x-google-start-bitrate=700/.test(publisher.connection?.remoteDescription?.sdp ?? ''),
      'half of all',
    );
  }),
);

test(
  'a picture that is too small for layers is sent as one',
  onStage(async (stage) => {
    const publisher = stage.publisher({ video: { simulcast: true } });
    await publisher.start();
    ok(!/^a=(simulcast|rid):/m.test(stage.server.requests('POST')[0].body), 'layers were offered');
    equal(encodings(publisher).length, 1);
    equal((await next(publisher, 'stats')).video.layers, []);
  }),
);

// The one encoding that is left would be the smallest: a quarter of the picture for everybody.
test(
  'a server that takes no simulcast gets the whole picture',
  onStage(async (stage) => {
    stage.server.simulcast = false;
    const media = stage.picture(960, 540);
    const video = /** @type {const} */ ({
      simulcast: true,
      codec: 'VP8',
      bitrate: 1_000_000,
      degradation: 'maintain-resolution',
    });
    const publisher = stage.publisher({ media, video });
    await publisher.start();
    await eventually(async () => {
      const sample = await next(publisher, 'stats');
      return sample.video?.width === 960 && sample.video.layers.length === 0;
    }, 'it is not sent whole');
    equal(
      encodings(publisher).map((one) => one.maxBitrate),
      [1_000_000],
    );
  }),
);

// A layer that nobody watches costs the publisher's uplink; the smallest is what latecomers begin with.
test(
  'layers that nobody watches stop, but the smallest, and come back',
  onStage(async (stage) => {
    const publisher = stage.publisher({
      media: stage.picture(960, 540),
      video: { simulcast: true, codec: 'VP8' },
    });
    await publisher.start();
    await eventually(() => stage.server.listeners('stage', 'whip') > 0, 'it does not listen');
    const active = () => encodings(publisher).map((one) => one.active);
    equal(active(), [true, true, true]);
    const told = next(publisher, 'layers-wanted');
    stage.server.tell('stage', 'layers_wanted', { layers: ['h'] }, 'whip');
    equal((await told).layers, ['h']);
    await eventually(() => active().join() === 'true,true,false', 'the largest goes on');
    await eventually(async () => {
      const { layers } = (await next(publisher, 'stats')).video;
      equal(
        layers.map((/** @type {any} */ one) => [one.layer, one.active]),
        [
          ['q', true],
          ['h', true],
          ['f', false],
        ],
      );
      return layers[0].fps > 0 && !(layers[2].fps > 0);
    }, 'its figures do not say so');
    stage.server.tell('stage', 'layers_wanted', { layers: [] }, 'whip');
    await eventually(() => active().join() === 'true,false,false', 'not only the smallest');
    // One after the other, faster than a browser takes them.
    stage.server.tell('stage', 'layers_wanted', { layers: ['f'] }, 'whip');
    stage.server.tell('stage', 'layers_wanted', { layers: ['q', 'h', 'f'] }, 'whip');
    await eventually(() => active().join() === 'true,true,true', 'they do not come back');
    equal(stage.server.requests('POST').length, 1, 'nothing was renegotiated');
  }),
);

test(
  'figures of a simulcast are those of each layer, and of all together',
  onStage(async (stage) => {
    const publisher = stage.publisher({
      media: stage.picture(960, 540),
      video: { simulcast: true, codec: 'VP8' },
    });
    await publisher.start();
    let { video } = await next(publisher, 'stats');
    await eventually(async () => {
      ({ video } = await next(publisher, 'stats'));
      return video.layers[0].fps > 0;
    }, 'nothing flows');
    equal([video.layers[0].width, video.layers[0].height], [240, 135]);
    const each = video.layers.map((/** @type {any} */ one) => one.bitrateBps ?? 0);
    const all = each.reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one, 0);
    ok(Math.abs(all - video.bitrateBps) < 1, `${each} are not ${video.bitrateBps}`);
    ok(video.width >= 240, `the largest that flows is ${video.width} wide`);
  }),
);

test(
  'a viewer wishes for a layer and a size by one request each',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    equal(viewer.preferred, { layer: 'auto', maxWidth: null, maxHeight: null });
    await viewer.start();
    await viewer.prefer({ layer: 'h' });
    await viewer.prefer({ maxWidth: 640, maxHeight: 360 });
    await viewer.prefer({ layer: 'auto', maxWidth: null });
    equal(viewer.preferred, { layer: 'auto', maxWidth: null, maxHeight: 360 });
    equal(controls(stage.server), [
      { layer: 'h' },
      { max_width: 640, max_height: 360 },
      { layer: 'auto', max_width: null },
    ]);
  }),
);

// A menu that shows another layer than the one that comes would be worse than none.
test(
  'a refused wish changes nothing and says why',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.requests('PATCH').length > 0, 'no candidates were told');
    stage.server.answer('PATCH', () => problem(409, 'There is no layer “x”.'));
    const error = await viewer.prefer({ layer: 'x' }).catch((fault) => fault);
    equal([error.code, error.message], ['not-controllable', 'There is no layer “x”.']);
    equal(viewer.preferred.layer, 'auto');
  }),
);

test(
  'a wish outlasts the session, and may be told before the first',
  onStage(async (stage) => {
    const publisher = stage.publisher();
    await publisher.start();
    const viewer = stage.viewer({ waitForStream: true });
    await viewer.prefer({ maxHeight: 360 });
    equal(controls(stage.server).length, 0, 'without a session there is nobody to be told');
    await viewer.start();
    const wish = { layer: 'auto', max_width: null, max_height: 360 };
    await eventually(() => controls(stage.server).length === 1, 'the session was not told');
    await publisher.stop();
    stage.server.endStream('stage');
    await eventually(() => viewer.state === 'reconnecting', 'it did not notice');
    await publisher.start();
    await eventually(() => controls(stage.server).length === 2, 'the new session was not told');
    equal(controls(stage.server), [wish, wish]);
  }),
);

test(
  'the layer that is sent, and those that there are, are told',
  onStage(async (stage) => {
    await stage.publisher().start();
    const viewer = stage.viewer();
    await viewer.start();
    await eventually(() => stage.server.listeners('stage') > 0, 'it does not listen');
    equal(viewer.layer, null);
    const told = next(viewer, 'layer');
    const layers = [{ layer: 'q' }, { layer: 'h', width: 640, height: 360 }];
    stage.server.tell('stage', 'layer', {
      layer: 'h',
      width: 640,
      height: 360,
      layers,
      text: 'h.',
    });
    equal((await told).layer, 'h');
    equal(viewer.layer, { layer: 'h', width: 640, height: 360, layers });
    const switched = next(viewer, 'switched');
    stage.server.tell('stage', 'switched', { kind: 'video', text: 'Another publisher.' });
    await switched;
    equal(viewer.layer, null);
  }),
);

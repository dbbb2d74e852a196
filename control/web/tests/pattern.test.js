// @ts-check
import { wallClockMs } from '../sdk/clock.js';
import { newPainter } from '../sdk/testpattern-picture.js';
import { createTestPattern, readClock } from '../sdk/testpattern.js';
import { equal, ok, sleep, test } from './harness.js';

/**
 * The pattern's picture, painted here, so that it is known which times were painted.
 *
 * @param {{width: number, height: number, fps: number}} size
 */
function paintedPattern(size) {
  const canvas = document.createElement('canvas');
  const paint = newPainter(canvas, size);
  /** @type {Set<number>} */
  const times = new Set();
  const beat = () => {
    const now = wallClockMs();
    times.add(now);
    paint(now);
  };
  beat();
  const beats = setInterval(beat, 1000 / size.fps);
  const [track] = canvas.captureStream(size.fps).getVideoTracks();
  const stop = () => {
    clearInterval(beats);
    track.stop();
  };
  return { track, times, stop };
}

/**
 * Sends a track through a real encoder and decoder at that rate.
 *
 * @param {MediaStreamTrack} track
 * @param {number} bitrate
 */
async function throughCodec(track, bitrate) {
  const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
  near.onicecandidate = ({ candidate }) => void far.addIceCandidate(candidate ?? undefined);
  far.onicecandidate = ({ candidate }) => void near.addIceCandidate(candidate ?? undefined);
  near.addTransceiver(track, { direction: 'sendonly', sendEncodings: [{ maxBitrate: bitrate }] });
  const video = document.createElement('video');
  video.muted = true;
  far.ontrack = (event) => {
    video.srcObject = new MediaStream([event.track]);
    void video.play();
  };
  document.body.append(video);
  await near.setLocalDescription();
  await far.setRemoteDescription(/** @type {any} */ (near.localDescription));
  await far.setLocalDescription();
  await near.setRemoteDescription(/** @type {any} */ (far.localDescription));
  const close = () => {
    near.close();
    far.close();
    video.remove();
  };
  return { video, close };
}

/**
 * @param {HTMLVideoElement} video
 * @param {number} durationMs
 * @returns {Promise<{read: number|null, wall: number}[]>}
 */
function readings(video, durationMs) {
  /** @type {{read: number|null, wall: number}[]} */
  const all = [];
  return new Promise((resolve) => {
    const began = performance.now();
    const frame = (/** @type {number} */ now) => {
      all.push({ read: readClock(video), wall: wallClockMs() });
      if (now - began > durationMs) resolve(all);
      else video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  });
}

// The point of the clock: what is read after a codec at a poor rate is a time that was painted, never one near it.
test('the clock is read through VP8 at 500 kbit/s, and never wrongly', async () => {
  const pattern = paintedPattern({ width: 640, height: 360, fps: 30 });
  const { video, close } = await throughCodec(pattern.track, 500_000);
  const all = await readings(video, 6000);
  pattern.stop();
  close();
  const good = all.filter((one) => one.read !== null);
  ok(all.length > 60, `only ${all.length} frames in 6 s`);
  ok(good.length > all.length * 0.9, `only ${good.length} of ${all.length} frames were readable`);
  const wrong = good.filter(({ read }) => !pattern.times.has(Number(read)));
  ok(wrong.length === 0, `${wrong.length} readings were of times that nobody painted`);
  ok(new Set(good.map(({ read }) => read)).size > 60, 'the same picture was read again and again');
  const latencies = good.map(({ read, wall }) => wall - Number(read));
  ok(Math.min(...latencies) >= 0, 'a picture came from the future');
  ok(Math.max(...latencies) < 3000, 'a picture was older than the buffers can hold');
}, 30_000);

// An encoder may scale the picture down when the network is poor.
test('the clock is read from a picture of 320×180', async () => {
  const pattern = createTestPattern({ width: 320, height: 180, fps: 15, audio: false });
  const { video, close } = await throughCodec(pattern.stream.getVideoTracks()[0], 200_000);
  const all = await readings(video, 3000);
  pattern.stop();
  close();
  const good = all.filter((one) => one.read !== null);
  ok(good.length > all.length * 0.8, `only ${good.length} of ${all.length} frames were readable`);
});

// Sound and picture are judged against each other: the beep has to be on the second.
test('the beep begins on the full second', async () => {
  const pattern = createTestPattern({ width: 160, height: 90, fps: 10 });
  const context = new AudioContext();
  await context.resume();
  const source = context.createMediaStreamSource(new MediaStream(pattern.stream.getAudioTracks()));
  const analyser = new AnalyserNode(context, { fftSize: 256 });
  source.connect(analyser);
  const samples = new Float32Array(256);
  const starts = [];
  let loud = false;
  const until = performance.now() + 4500;
  while (performance.now() < until) {
    analyser.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    if (!loud && peak > 0.15) starts.push(wallClockMs() % 1000);
    loud = peak > 0.15;
    await sleep(4);
  }
  pattern.stop();
  await context.close();
  ok(starts.length >= 3 && starts.length <= 5, `${starts.length} beeps in 4.5 s`);
  // Polling, render quanta and a busy machine are late by some ms, never by a tenth of a second.
  const off = starts.map((ms) => (ms > 500 ? 1000 - ms : ms));
  ok(Math.max(...off) < 100, `beeps at ${starts.map(Math.round).join(', ')} ms past the second`);
});

test('a stopped pattern has ended tracks', () => {
  const pattern = createTestPattern({ width: 320, height: 180, fps: 5 });
  const tracks = pattern.stream.getTracks();
  equal(tracks.map(({ kind }) => kind).sort(), ['audio', 'video']);
  pattern.stop();
  equal(
    tracks.map(({ readyState }) => readyState),
    ['ended', 'ended'],
  );
});

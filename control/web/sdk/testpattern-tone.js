// @ts-check
/** The sound of the test pattern: a quiet 440 Hz, and a beep at 880 Hz on each full second. */

import { wallClockMs } from './clock.js';

const TONE_GAIN = 0.04;
const BEEP_GAIN = 0.25;
const BEEP_S = 0.1;
/** Rise and fall of a beep, so that it does not click. */
const EDGE_S = 0.008;

/**
 * @returns {{track: MediaStreamTrack, beepAt: (timeMs: number) => void, stop: () => void}}
 */
export function newTone() {
  const context = new AudioContext({ latencyHint: 'interactive' });
  const destination = context.createMediaStreamDestination();
  const tone = voice(context, destination, 440, TONE_GAIN);
  const beep = voice(context, destination, 880, 0);
  const wake = () => void context.resume();
  // A page may not sound before it is touched; until then the track is silent.
  for (const type of ['pointerdown', 'keydown']) addEventListener(type, wake);
  wake();
  return {
    track: destination.stream.getAudioTracks()[0],
    beepAt(timeMs) {
      const at = context.currentTime + (timeMs - wallClockMs()) / 1000;
      if (context.state !== 'running' || at < context.currentTime) return;
      beep.gain.setValueAtTime(0, at);
      beep.gain.linearRampToValueAtTime(BEEP_GAIN, at + EDGE_S);
      beep.gain.setValueAtTime(BEEP_GAIN, at + BEEP_S - EDGE_S);
      beep.gain.linearRampToValueAtTime(0, at + BEEP_S);
    },
    stop() {
      for (const type of ['pointerdown', 'keydown']) removeEventListener(type, wake);
      tone.oscillator.stop();
      beep.oscillator.stop();
      void context.close();
    },
  };
}

/**
 * @param {AudioContext} context
 * @param {AudioNode} destination
 * @param {number} frequency Hz.
 * @param {number} level
 */
function voice(context, destination, frequency, level) {
  const oscillator = new OscillatorNode(context, { frequency });
  const volume = new GainNode(context, { gain: level });
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  return { oscillator, gain: volume.gain };
}

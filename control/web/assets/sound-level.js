// @ts-check
/**
 * How loud a stream is, also while it is muted: the `audioLevel` of getStats is taken after the
 * volume control, and a muted player would seem to get silence.
 */

/** 1024 samples are 21 ms at 48 kHz. */
const WINDOW = 1024;

export class SoundLevel {
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {AnalyserNode|null} */
  #analyser = null;
  #samples = new Float32Array(WINDOW);
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** What is listened to, for others who want to. @type {MediaStreamAudioSourceNode|null} */
  source = null;

  /**
   * Listens to that track from now on. Nothing is played.
   *
   * @param {MediaStreamTrack} track
   */
  follow(track) {
    if (track === this.#track) return;
    this.#track = track;
    this.#analyser?.disconnect();
    this.#context ??= new AudioContext();
    void this.#context.resume(); // Granted only after a gesture, or where autoplay is allowed.
    this.#analyser = new AnalyserNode(this.#context, { fftSize: WINDOW });
    this.source?.disconnect();
    this.source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(this.#analyser);
  }

  /** @returns {number|null} Root mean square, 0 to 1; null while the page may not listen. */
  get now() {
    if (this.#analyser === null || this.#context?.state !== 'running') return null;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const energy = this.#samples.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.sqrt(energy / WINDOW);
  }
}

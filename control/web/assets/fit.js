// @ts-check
/**
 * Asks for no more picture than is looked at: of several layers the smallest that fills the element,
 * and none at all while the page is hidden. `fit=0` in the page's address leaves it all to the server.
 */

/** A window that is being dragged wishes once, when it rests. */
const REST_MS = 400;
/** Who only glances at another tab keeps the picture. */
const HIDDEN_MS = 5_000;
/** A layer that is so much of the shown size is as good: it is scaled up by less than anybody sees. */
const ENOUGH = 0.9;

/**
 * @typedef {object} FitOptions
 * @property {HTMLVideoElement} video
 * @property {() => import('../sdk/fanlight.js').Viewer|null} viewer Who watches now.
 * @property {number|null} heightMax What the page's address allows at most, in pixels.
 * @property {boolean} on False: neither size nor hiding changes anything.
 * @property {() => void} changed Something is paused, or no longer.
 */

export class Fit {
  #options;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #resting;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #hiding;
  /** The picture is paused by us, and not by the user. */
  #paused = false;

  /** @param {FitOptions} options */
  constructor(options) {
    this.#options = options;
    if (!options.on) return;
    new ResizeObserver(() => this.look()).observe(options.video);
    document.addEventListener('visibilitychange', () => this.#hide());
    for (const type of ['enterpictureinpicture', 'leavepictureinpicture']) {
      options.video.addEventListener(type, () => this.#hide());
    }
  }

  /** Something has changed: the element, the layers, or the wish for one. */
  look() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => void this.#fit(), REST_MS);
  }

  /** What to wish for before any layer is known. */
  get first() {
    return { maxWidth: null, maxHeight: this.#options.heightMax };
  }

  async #fit() {
    const viewer = this.#options.viewer();
    if (viewer?.state !== 'live' || document.hidden) return;
    const wish =
      this.#options.on && viewer.preferred.layer === 'auto' ? this.#wish(viewer) : this.first;
    const { maxWidth, maxHeight } = viewer.preferred;
    if (wish.maxWidth === maxWidth && wish.maxHeight === maxHeight) return;
    // A server without such wishes shows what it has.
    await viewer.prefer(wish).catch(() => {});
  }

  /**
   * The smallest layer that fills the element; no bound if none does, or their sizes are not known.
   *
   * @param {import('../sdk/fanlight.js').Viewer} viewer
   */
  #wish(viewer) {
    const { heightMax } = this.#options;
    const layers = viewer.layer?.layers ?? [];
    const filling = layers
      .flatMap(({ width, height }) => (width && height ? [{ width, height }] : []))
      .filter((layer) => this.#fills(layer))
      .sort((a, b) => a.width - b.width);
    if (layers.length < 2 || filling.length === 0) return this.first;
    const [{ width, height }] = filling;
    return { maxWidth: width, maxHeight: Math.min(height, heightMax ?? height) };
  }

  /** The picture keeps its shape within the element. @param {{width: number, height: number}} layer */
  #fills({ width, height }) {
    const { clientWidth, clientHeight } = this.#options.video;
    const scale = Math.min(clientWidth / width, clientHeight / height) * devicePixelRatio;
    return scale * ENOUGH <= 1;
  }

  #hide() {
    clearTimeout(this.#hiding);
    const unseen = document.hidden && document.pictureInPictureElement === null;
    if (unseen) this.#hiding = setTimeout(() => this.#pause(), HIDDEN_MS);
    else this.#resume();
  }

  #pause() {
    const viewer = this.#options.viewer();
    if (viewer?.state !== 'live' || viewer.paused.video) return;
    this.#paused = true;
    viewer.pause('video').catch(() => {
      this.#paused = false;
    });
    this.#options.changed();
  }

  #resume() {
    if (!this.#paused) return;
    this.#paused = false;
    this.#options
      .viewer()
      ?.resume('video')
      .catch(() => {});
    this.#options.changed();
    this.look();
  }
}

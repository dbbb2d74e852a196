// @ts-check
/** The curtain before the picture: the window, a title and a sentence; open when media flow. */

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * @param {string} title
 * @param {string} [text]
 * @param {'dark'|'wait'} [state] `wait` lets the light pass over the window.
 */
export function drawCurtain(title, text = '', state = 'dark') {
  byId('title').textContent = title;
  byId('text').textContent = text;
  byId('window').setAttribute('state', state);
  byId('window').setAttribute('lit', '0');
  delete byId('curtain').dataset.open;
}

/** Lights the window and shows the picture. */
export function openCurtain() {
  byId('window').setAttribute('state', 'lit');
  byId('window').setAttribute('lit', '9');
  byId('curtain').dataset.open = '';
}

/**
 * @param {string} state As the SDK names it.
 * @param {string} words
 */
export function badge(state, words) {
  const pill = byId('badge');
  pill.hidden = words === '';
  pill.textContent = words;
  pill.dataset.state = state;
}

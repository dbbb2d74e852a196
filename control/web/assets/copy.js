// @ts-check
/** Putting text on the clipboard, and `<copy-text>`: a line or a block of code that can be copied. */

/** How long a button says that it worked. */
const THANKS_MS = 1600;

/**
 * @param {string} text
 * @returns {Promise<boolean>} Whether it is on the clipboard now.
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // Plain HTTP has no clipboard, but it still has a selection.
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const area = document.createElement('textarea');
  area.className = 'unseen';
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

/**
 * Makes a button copy, and say so.
 *
 * @param {HTMLButtonElement} button
 * @param {() => string} text
 */
export function copies(button, text) {
  const label = button.textContent ?? '';
  button.addEventListener('click', async () => {
    button.textContent = (await copy(text())) ? 'Copied' : 'Press Ctrl+C';
    setTimeout(() => {
      button.textContent = label;
    }, THANKS_MS);
  });
}

class CopyText extends HTMLElement {
  #code = document.createElement('code');

  connectedCallback() {
    const block = document.createElement('pre');
    block.tabIndex = 0; // Long lines scroll, by keyboard too.
    block.append(this.#code);
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    copies(button, () => this.text);
    this.replaceChildren(block, button);
  }

  get text() {
    return this.#code.textContent ?? '';
  }

  set text(value) {
    this.#code.textContent = value;
  }
}

customElements.define('copy-text', CopyText);

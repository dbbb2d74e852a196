// @ts-check
/**
 * `<sign-in>`: the form that a page shows where a server wants to know who comes. By a name and a password, or by a token or
 * key; an event `signin` tells what was typed (`Typed` in credentials.js).
 */

const FORM = `
  <fieldset class="choice">
    <legend class="unseen">Sign in with</legend>
    <label><input type="radio" name="way" value="login" checked><span>Name and password</span></label>
    <label><input type="radio" name="way" value="token"><span>Token or key</span></label>
  </fieldset>
  <div class="fields" data-way="login">
    <div>
      <label for="sign-in-name">Name</label>
      <input id="sign-in-name" name="username" required pattern="[^:]+" title="without a colon" autocomplete="username" autocapitalize="none" spellcheck="false">
    </div>
    <div>
      <label for="sign-in-password">Password</label>
      <input id="sign-in-password" name="password" type="password" required autocomplete="current-password">
    </div>
  </div>
  <div class="fields" data-way="token">
    <div>
      <label for="sign-in-token">Token or key</label>
      <input id="sign-in-token" name="token" type="password" required autocomplete="off">
    </div>
  </div>
  <p class="plain-http">This page came over plain HTTP: others on the way can read what you type.</p>
  <button class="lamp">Sign in</button>
`;

class SignIn extends HTMLElement {
  #form = document.createElement('form');

  connectedCallback() {
    if (this.#form.isConnected) return;
    this.#form.innerHTML = FORM;
    const warning = /** @type {HTMLElement} */ (this.#form.querySelector('.plain-http'));
    warning.hidden = window.isSecureContext;
    this.#form.addEventListener('change', () => this.#choose());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.append(this.#form);
    this.#choose();
  }

  /** Shows the form, ready to be typed into. A name that is there stays. */
  open() {
    this.hidden = false;
    for (const name of ['password', 'token']) this.#field(name).value = '';
    const fields = /** @type {HTMLInputElement[]} */ ([
      ...this.#form.querySelectorAll('.fields input'),
    ]);
    const first = fields.find(({ disabled, value }) => !disabled && value === '');
    first?.focus({ preventScroll: true });
  }

  /** Only the fields of the way that is chosen are there, and must be filled in. */
  #choose() {
    const way = this.#field('way').value;
    for (const fields of this.#form.querySelectorAll('.fields')) {
      const { dataset } = /** @type {HTMLElement} */ (fields);
      /** @type {HTMLElement} */ (fields).hidden = dataset.way !== way;
      for (const input of fields.querySelectorAll('input')) input.disabled = dataset.way !== way;
    }
  }

  #submit() {
    const text = (/** @type {string} */ name) => this.#field(name).value;
    const detail =
      text('way') === 'token'
        ? { token: text('token').trim() }
        : { username: text('username').trim(), password: text('password') };
    this.hidden = true;
    this.dispatchEvent(new CustomEvent('signin', { detail }));
  }

  /** @param {string} name @returns {any} */
  #field(name) {
    return this.#form.elements.namedItem(name);
  }
}

customElements.define('sign-in', SignIn);

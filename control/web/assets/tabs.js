// @ts-check
/** Tabs by keyboard and pointer, after the ARIA Authoring Practices: arrows move and select. */

/** @param {HTMLElement} list `role=tablist`; its tabs name their panels by `aria-controls`. */
export function tabs(list) {
  const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role=tab]')]);
  const select = (/** @type {HTMLElement} */ chosen) => {
    for (const tab of all) {
      const on = tab === chosen;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute('aria-controls') ?? '');
      if (panel !== null) panel.hidden = !on;
    }
  };
  list.addEventListener('click', ({ target }) => {
    const tab = all.find((one) => one === target);
    if (tab !== undefined) select(tab);
  });
  list.addEventListener('keydown', (event) => {
    const at = all.findIndex((one) => one === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const tab = all[(to + all.length) % all.length];
    select(tab);
    tab.focus();
    tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
}

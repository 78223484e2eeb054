/** Elements without HTML: what is given as text stays text. */

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Properties functions are listeners
 */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Properties | null} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(name, value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(typeof child === 'number' ? String(child) : child)
  }
  return element
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no #${id}`)
  return element
}

/** Tells those who use a screen reader. @param {string} text */
export function say(text) {
  byId('said').textContent = text
}

/**
 * A term and what is to be said of it; none where that is nothing.
 * @param {string} term
 * @param {Child | Child[]} what
 */
export function fact(term, what) {
  if (what === null || what === undefined || what === false || what === '' || (Array.isArray(what) && what.length === 0)) return null
  return el('div', null, el('dt', null, term), el('dd', null, what))
}

/**
 * A button that copies a text.
 * @param {string} label
 * @param {string} text
 */
export function copyButton(label, text) {
  const button = el(
    'button',
    {
      type: 'button',
      click: () =>
        copy(text).then(
          () => confirm('Copied'),
          () => confirm('Not copied')
        )
    },
    label
  )
  /** @param {string} word */
  const confirm = word => {
    button.textContent = word
    say(word)
    setTimeout(() => {
      button.textContent = label
    }, 1500)
  }
  return button
}

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  // Some browsers have no clipboard for files.
  const area = el('textarea', { class: 'away' })
  area.value = text
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (!done) throw new Error('the browser does not allow it')
}

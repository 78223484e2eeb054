/** Light and dark: what the system says, unless who reads chose one. */

import { el } from './dom.mjs'

const KEY = 'ephemeral-broker-theme'
const THEMES = ['auto', 'light', 'dark']

/** @type {Set<() => void>} */
const themeWatchers = new Set()

/** @param {() => void} watcher called when colours have changed */
export function watchTheme(watcher) {
  themeWatchers.add(watcher)
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tellTheme)

function tellTheme() {
  for (const watcher of themeWatchers) watcher()
}

export function themeButton() {
  let theme = stored()
  const button = el('button', { type: 'button', class: 'theme', click: () => choose(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]) })
  /** @param {string} next */
  const choose = next => {
    theme = next
    document.documentElement.dataset.theme = theme
    button.textContent = `Theme: ${theme}`
    store(theme)
    tellTheme()
  }
  choose(theme)
  return button
}

// Browsers may refuse to keep anything for a file.
function stored() {
  try {
    return THEMES.find(theme => theme === localStorage.getItem(KEY)) ?? 'auto'
  } catch {
    return 'auto'
  }
}

/** @param {string} theme */
function store(theme) {
  try {
    localStorage.setItem(KEY, theme)
  } catch {}
}

// @ts-check
'use strict'

/**
 * Puts the page together: `page/index.html` with the styles, the data, and the modules as one script. Modules in files of their own could not
 * be loaded from `file://`.
 */

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const folder = path.join(__dirname, 'page')
const STYLES = ['base.css', 'head.css', 'timeline.css', 'list.css', 'views.css', 'detail.css', 'print.css']

/** @param {string} name */
const read = name => fs.readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n')

/**
 * @param {{ run: { ok?: boolean } }} data
 * @returns {string} the page
 */
function assemble(data) {
  const script = link('main')
  const style = STYLES.map(read).join('\n')
  // In JSON a `<` stands in strings only. Without it nothing in them can end the element or begin another.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c')
  /** @type {Record<string, string>} */
  const parts = {
    policy: `<meta http-equiv="Content-Security-Policy" content="${policy(script, style)}">`,
    icon: `<link rel="icon" href="${icon(data.run.ok === true)}">`,
    style: `<style>${style}</style>`,
    data: `<script type="application/json" id="data">${json}</script>`,
    script: `<script type="module">${script}</script>`
  }
  return read('index.html').replace(/<!-- (policy|icon|style|data|script) -->/g, (_, part) => parts[part])
}

/**
 * The page may run this script, use these styles, and load nothing from anywhere.
 * @param {string} script
 * @param {string} style
 */
function policy(script, style) {
  return [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'"
  ].join('; ')
}

/** @param {string} text */
const hash = text => `sha256-${createHash('sha256').update(text).digest('base64')}`

/**
 * A tab's icon, so that no browser asks a server for one.
 * @param {boolean} ok
 */
function icon(ok) {
  const mark = ok ? 'M4 8.5l3 3 5-6' : 'M5 5l6 6m0-6l-6 6'
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="${ok ? '#1a7f37' : '#cf222e'}"/><path d="${mark}" fill="none" stroke="#fff" stroke-width="2"/></svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}

/**
 * A module and all that it imports as one script: each is a function that is called once, after what it imports, and returns what it exports.
 * It knows what the modules of this page use: `import { a } from './b.mjs'`, and `export` before a declaration. No two may import each other.
 * @param {string} entry
 */
function link(entry) {
  /** @type {Map<string, string>} */
  const linked = new Map()
  /** @param {string} name */
  const add = name => {
    if (linked.has(name)) return
    const body = read(`${name}.mjs`).replace(/^import (\{[^}]*\}) from '\.\/(\w+)\.mjs'$/gm, (_, names, imported) => {
      add(imported)
      return `const ${names} = $${imported}`
    })
    const exported = [...body.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)].map(([, one]) => one)
    const code = body.replace(/^export (?=const|function|class|async)/gm, '')
    linked.set(name, `const $${name} = (() => {\n${code}\nreturn { ${exported.join(', ')} }\n})()`)
  }
  add(entry)
  return [...linked.values()].join('\n').replaceAll('</script', '<\\/script')
}

module.exports = { assemble }

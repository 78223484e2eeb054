// @ts-check
'use strict'

const { existsSync } = require('node:fs')
const { isAbsolute } = require('node:path')
const { pathToFileURL } = require('node:url')
const { PROTOCOL } = require('./protocol.js')

/**
 * @param {string} filename a URL, or an absolute path that may end in `?query` or `#hash` to be another program of the same file
 * @returns {string} what `import()` takes
 */
function moduleUrl(filename) {
  if (!isAbsolute(filename)) return filename
  if (existsSync(filename)) return pathToFileURL(filename).href
  const [, path, suffix] = /** @type {RegExpExecArray} */ (/^(.*?)([?#].*)?$/su.exec(filename))
  return pathToFileURL(path).href + (suffix ?? '')
}

/**
 * @param {string} filename
 * @returns {Promise<(options: { negotiateProtocol: (supported: readonly string[]) => unknown }) => unknown>}
 */
async function loadFactory(filename) {
  const { default: exported } = await import(moduleUrl(filename))
  // CommonJS that was compiled from a module has it one level deeper.
  const factory = typeof exported === 'function' ? exported : exported?.default
  if (typeof factory === 'function') return factory
  throw new TypeError(
    `the shared worker ${filename} has no factory: its default export must be a function, export default ({ negotiateProtocol }) => { … }`
  )
}

/**
 * Loads a program and runs its factory.
 * @param {string} filename
 * @param {() => unknown} negotiated makes what the program gets, at most once
 * @param {(error: unknown) => void} fail for what the program may have caught
 */
async function runFactory(filename, negotiated, fail) {
  const factory = await loadFactory(filename)
  /** @type {unknown} */
  let main
  /** @param {readonly string[]} supported */
  const negotiateProtocol = supported => {
    if (!Array.isArray(supported) || !supported.includes(PROTOCOL)) {
      const wanted = Array.isArray(supported) ? supported.join(', ') : String(supported)
      const error = new Error(
        `the shared worker ${filename} asks for the protocols ${wanted || '(none)'}: only ${PROTOCOL} is supported here`
      )
      fail(error)
      throw error
    }
    main ??= negotiated()
    return main
  }
  await factory({ negotiateProtocol })
}

module.exports = { runFactory }

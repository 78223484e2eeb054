// @ts-check
'use strict'

/** Settings from several places, laid over one another. */

const { joinPath } = require('./problems.js')

/**
 * @typedef {'default' | 'file' | 'config' | `profile ${string}` | 'environment' | 'command line'} Source where a setting comes from; `config` is an object
 * that was given to `run()`
 * @typedef {{ source: Source, settings: Record<string, any> }} Layer
 * @typedef {{ settings: Record<string, any>, sources: Map<string, Source> }} Merged `sources` by the path of a setting
 */

/** The tables that are merged key by key. Everything else replaces what was there. */
const TABLES = new Set(['env', 'dir', 'dir.files', 'server', 'server.env', 'cache', 'retries', 'groups', 'rateLimits', 'pools', 'values'])

/**
 * @param {readonly Layer[]} layers the later wins
 * @returns {Merged}
 */
function mergeLayers(layers) {
  /** @type {Merged} */
  const merged = { settings: {}, sources: new Map() }
  for (const { source, settings } of layers) mergeInto(merged, merged.settings, expand(settings), source, '')
  return merged
}

/**
 * @param {Merged} merged
 * @param {Record<string, any>} target
 * @param {Record<string, any>} settings
 * @param {Source} source
 * @param {string} path
 */
function mergeInto(merged, target, settings, source, path) {
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) continue
    const at = joinPath(path, key)
    if (TABLES.has(at) && isTable(value)) {
      if (!isTable(target[key])) {
        merged.sources.delete(at)
        target[key] = {}
      }
      mergeInto(merged, target[key], value, source, at)
    } else {
      for (const known of merged.sources.keys()) if (known.startsWith(`${at}.`)) merged.sources.delete(known)
      target[key] = value
      merged.sources.set(at, source)
    }
  }
}

/** @param {unknown} value */
function isTable(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The short forms in their long ones, so that they can be merged.
 * @param {Record<string, any>} settings
 * @returns {Record<string, any>}
 */
function expand(settings) {
  const expanded = { ...settings }
  if (typeof settings.server === 'string' || Array.isArray(settings.server)) expanded.server = { command: settings.server }
  if (expanded.server !== undefined) expanded.server = expandServer(expanded.server)
  if (typeof settings.retries === 'number') expanded.retries = { count: settings.retries }
  if (typeof settings.cache === 'boolean') expanded.cache = { enabled: settings.cache }
  else if (settings.cache !== undefined) expanded.cache = { enabled: true, ...settings.cache }
  if (settings.reporter !== undefined) expanded.reporter = expandReporters(settings.reporter)
  return expanded
}

/** @param {Record<string, any>} server */
function expandServer(server) {
  return typeof server.ready === 'string' ? { ...server, ready: { url: server.ready } } : server
}

/**
 * `['junit', { output }]` is one reporter, `['junit', 'list']` are two.
 * @param {any} reporter
 * @returns {any[]}
 */
function expandReporters(reporter) {
  return Array.isArray(reporter) && !isTable(reporter[1]) ? reporter : [reporter]
}

module.exports = { expandServer, mergeLayers }

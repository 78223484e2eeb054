// @ts-check
'use strict'

/** How words after the flags of `run` become values. What is wrong is named, with what is allowed. */

const { InvalidArgumentError } = require('commander')

/**
 * @param {string} word
 * @param {boolean} positive
 */
function readTime(word, positive) {
  const { ALLOWED, parseDuration } = require('../run/config/duration.js')
  const ms = parseDuration(word)
  if (ms === null || (positive && ms === 0)) throw new InvalidArgumentError(`Allowed is ${ALLOWED}${positive ? ', above 0' : ''}.`)
  return ms
}

/** @param {string} word milliseconds, or with a unit */
function time(word) {
  return readTime(word, true)
}

/** @param {string} word */
function workers(word) {
  if (word === 'auto' || /^\d{1,4}(?:\.\d+)?%$/.test(word)) return word
  if (/^\d{1,3}$|^1000$/.test(word)) return Number(word)
  throw new InvalidArgumentError('Allowed is a whole number from 0 to 1000 (0: one after the other), a share like 50%, or auto.')
}

/** @param {string} word `i/n`, from 1 on */
function shard(word) {
  const [, index, count] = (/^(\d{1,6})\/(\d{1,6})$/.exec(word) ?? []).map(Number)
  if (!(index >= 1 && index <= count)) throw new InvalidArgumentError('Allowed is i/n, such as 1/4 to 4/4.')
  return { index, count }
}

/** @param {string} word 0 to 1, or per cent */
function share(word) {
  const number = word.endsWith('%') ? Number(word.slice(0, -1)) / 100 : Number(word)
  if (!/^[\d.]+%?$/.test(word) || !(number >= 0 && number <= 1))
    throw new InvalidArgumentError('Allowed is a number from 0 to 1, or 0% to 100%.')
  return number
}

/** @param {string} word */
function serverPort(word) {
  if (word === 'auto') return word
  if (/^\d{1,5}$/.test(word) && Number(word) >= 1 && Number(word) <= 65_535) return Number(word)
  throw new InvalidArgumentError('Allowed is auto, or a number from 1 to 65535.')
}

/** @param {string} word */
function readiness(word) {
  if (/^(?:\/|http:\/\/)/.test(word)) return { url: word }
  if (/^log:./su.test(word)) return { log: word.slice('log:'.length) }
  if (/^\d{1,5}$/.test(word) && Number(word) >= 1 && Number(word) <= 65_535) return { port: Number(word) }
  throw new InvalidArgumentError('Allowed is a path like /health, an http: URL, a port, or log: and a regular expression.')
}

/** @param {string} word */
function serverUrl(word) {
  if (!/^https?:\/\/./.test(word)) throw new InvalidArgumentError('Allowed is a URL that begins with http:// or https://.')
  return word
}

/** @param {string} word */
function regularExpression(word) {
  try {
    new RegExp(word)
  } catch (error) {
    throw new InvalidArgumentError(`Allowed is a regular expression: ${/** @type {Error} */ (error).message}.`)
  }
  return word
}

/** @param {string} word */
function reporter(word) {
  const { NAMES, TO_STDOUT, parseReporter } = require('../run/config/reporters.js')
  const parsed = parseReporter(word)
  if (parsed !== null) return parsed
  const file = `all but ${[...TO_STDOUT].join(', ')} with =file`
  throw new InvalidArgumentError(`Allowed is one of ${NAMES.join(', ')}; ${file}.`)
}

/** @param {string} word */
function notEmpty(word) {
  if (word === '') throw new InvalidArgumentError('Allowed is anything that is not empty.')
  return word
}

/**
 * For an option that may be given again: a list of all that was given.
 * @template T
 * @param {(word: string) => T} read
 */
function each(read) {
  return (/** @type {string} */ word, /** @type {T[] | undefined} */ before = []) => [...before, read(word)]
}

module.exports = { each, notEmpty, readiness, regularExpression, reporter, serverPort, serverUrl, shard, share, time, workers }

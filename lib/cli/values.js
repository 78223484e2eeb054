// @ts-check
'use strict'

/** How words of the command line become values. What is wrong is named, with what is allowed. */

const { InvalidArgumentError } = require('commander')

/**
 * A parser of whole numbers. Commander calls a parser with the value *and the previous one*, so `parseInt` must never be given to it.
 * @param {number} least
 * @param {string} unit
 * @param {string} [zero] what 0 means, where it means something special
 */
function wholeNumber(least, unit, zero) {
  const allowed = `Allowed is a whole number${unit && ` of ${unit}`}, ${least} or more${zero ? ` (0: ${zero})` : ''}.`
  return (/** @type {string} */ word) => {
    const number = Number(word)
    if (!/^\d+$/.test(word) || !Number.isSafeInteger(number) || number < least) throw new InvalidArgumentError(allowed)
    return number
  }
}

/**
 * An unset variable in `--secret "$SECRET"` must not switch authentication off.
 * @param {string} word
 */
function secret(word) {
  if (word === '') throw new InvalidArgumentError('Allowed is anything that is not empty.')
  return word
}

/**
 * Any number, below 0 and with fractions too.
 * @param {string} word
 */
function number(word) {
  const value = Number(word)
  if (word.trim() === '' || !Number.isFinite(value)) throw new UsageError(`"${word}" is not a number`)
  return value
}

/** What is wrong with the command line, found out after it was parsed. */
class UsageError extends Error {
  code = 'usage'
}

module.exports = { UsageError, number, secret, wholeNumber }

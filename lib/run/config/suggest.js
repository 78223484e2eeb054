// @ts-check
'use strict'

/** What somebody meant who mistyped a name. */

/**
 * @param {string} word
 * @param {readonly string[]} names
 * @returns {string | null} the name that is nearest, when it is near
 */
function suggest(word, names) {
  let best = null
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(plain(word), plain(name))
    if (distance < least) {
      least = distance
      best = name
    }
  }
  return best
}

/** `max-failures` and `max_failures` are near to `maxFailures`. @param {string} name */
function plain(name) {
  return name.toLowerCase().replace(/[-_]/g, '')
}

/**
 * How many characters must be put in, taken out, replaced or swapped with their neighbour.
 * @param {string} a
 * @param {string} b
 */
function editDistance(a, b) {
  /** @type {number[]} */
  let before = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
    before = last
    last = row
  }
  return last[b.length]
}

/**
 * For the end of a message.
 * @param {string} word
 * @param {readonly string[]} names
 */
function didYouMean(word, names) {
  const name = suggest(word, names)
  return name === null ? '' : `; did you mean ${JSON.stringify(name)}?`
}

module.exports = { didYouMean, suggest }

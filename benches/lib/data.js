// @ts-check
'use strict'

/** What most rows keep under a key: a short string, so that the Redis clients need no JSON. */
const TOKEN = 'f3b1c2d4e5a69788'

/** @param {number} index */
const keyOf = index => `key:${String(index).padStart(7, '0')}`

/**
 * An item of 100 bytes of JSON, each a different one.
 *
 * @param {number} index
 */
const itemOf = index => `${String(index).padStart(8, '0')}${'abcdefghi-'.repeat(9)}`

/** Bytes of a key and of a value as JSON, to be subtracted from what an item occupies. */
const ITEM_BYTES = keyOf(0).length + JSON.stringify(itemOf(0)).length

module.exports = { TOKEN, keyOf, itemOf, ITEM_BYTES }

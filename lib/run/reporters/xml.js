// @ts-check
'use strict'

/** XML 1.0 as text. */

const { stripVTControlCharacters } = require('node:util')

/** What XML does not allow, not even as a reference: most control characters, halves of characters, U+FFFE and U+FFFF. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

/** @type {Record<string, string>} */
const REFERENCES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' }

/** @param {string} text */
const allowed = text => stripVTControlCharacters(text).replace(FORBIDDEN, '\ufffd')

/** `>` too: `]]>` must not stand in a text. A bare carriage return would be read as a line feed. @param {string} text */
const escapeText = text => allowed(text).replace(/[&<>\r]/g, character => REFERENCES[character])

/** Line breaks and tabs too: a reader makes spaces of them. @param {string} text */
const escapeAttribute = text => allowed(text).replace(/[&<>"\t\n\r]/g, character => REFERENCES[character])

/**
 * An element as lines, each indented by two more spaces than the element around it.
 * @param {string} name
 * @param {Record<string, string | number | null>} attributes those that are null are left out
 * @param {string | readonly string[]} [content] text, or the lines of other elements
 * @returns {string[]}
 */
function element(name, attributes, content = []) {
  let start = `<${name}`
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== null) start += ` ${attribute}="${escapeAttribute(String(value))}"`
  }
  if (content.length === 0) return [`${start}/>`]
  // Text is never indented: its spaces count.
  if (typeof content === 'string') return [`${start}>${escapeText(content)}</${name}>`]
  return [`${start}>`, ...content.map(line => `  ${line}`), `</${name}>`]
}

/** @param {readonly string[]} root */
const document = root => `${['<?xml version="1.0" encoding="UTF-8"?>', ...root].join('\n')}\n`

module.exports = { document, element }

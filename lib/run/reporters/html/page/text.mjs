/**
 * Text that tests wrote. It is put into the page as text, never as HTML; what is done here is against characters that would deceive who
 * reads it: those that turn the direction of writing, and those that cannot be seen.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f]/g
// Controls of the upper half, joiners and spaces without width, marks and embeddings of direction, byte order marks.
const DECEIVING = /[\x80-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g
const LONE = /\p{Surrogate}/gu

/** Text of several lines. @param {string} text */
export function harmless(text) {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(LONE, '\ufffd')
    .replace(UNSEEN, unseen => (unseen === '\x7f' ? '␡' : String.fromCharCode(0x2400 + unseen.charCodeAt(0))))
    .replace(DECEIVING, one => `⟨U+${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`)
}

/** Text that stays in its line. @param {string} text */
export const oneLine = text => harmless(text).replace(/\n/g, '␊').replace(/\t/g, ' ')

/**
 * What a shell can be given to find a test by: the longest piece of its id that can be pasted into a terminal and does nothing there.
 * @param {string} id
 */
function plainPart(id) {
  const pieces = id
    .replace(LONE, '\n')
    .replace(UNSEEN, '\n')
    .replace(DECEIVING, '\n')
    .split(/[\r\n\t]/)
  return pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest), '')
}

/**
 * The command that runs a test again.
 * @param {string} id
 * @param {string | null} profile
 */
export function commandFor(id, profile) {
  const named = profile === null ? '' : `--profile ${quoted(plainPart(profile))} `
  return `npx ephemeral-broker run ${named}${quoted(plainPart(id))}`
}

/** @param {string} word */
const quoted = word => (/^[\w./:@-]+$/.test(word) && !word.startsWith('-') ? word : `'${word.replaceAll("'", "'\\''")}'`)

// @ts-check
'use strict'

const fs = require('node:fs')

const CHUNK = 4 * 1024 * 1024

/**
 * How often texts occur in the memory of a process that it can write to.
 * @param {number} pid
 * @param {string[]} texts
 */
function countInMemory(pid, texts) {
  const needles = texts.map(text => Buffer.from(text))
  const overlap = Math.max(...needles.map(needle => needle.length)) - 1
  const counts = texts.map(() => 0)
  const memory = fs.openSync(`/proc/${pid}/mem`, 'r')
  const chunk = Buffer.alloc(CHUNK)
  try {
    for (const [start, end] of writableRanges(pid)) {
      for (let at = start; at < end; at += CHUNK - overlap) {
        const read = tryRead(memory, chunk, at, Math.min(CHUNK, end - at))
        if (read === 0) break
        needles.forEach((needle, index) => {
          const part = chunk.subarray(0, read)
          for (let found = part.indexOf(needle); found >= 0; found = part.indexOf(needle, found + 1)) counts[index]++
        })
        if (at + CHUNK >= end) break
      }
    }
  } finally {
    fs.closeSync(memory)
  }
  return counts
}

/** @param {number} pid */
function writableRanges(pid) {
  const lines = fs.readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')
  return lines
    .map(line => /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line))
    .filter(match => match !== null)
    .map(([, start, end]) => [Number.parseInt(start, 16), Number.parseInt(end, 16)])
}

/**
 * @param {number} file
 * @param {Buffer} buffer
 * @param {number} at
 * @param {number} length
 */
function tryRead(file, buffer, at, length) {
  try {
    return fs.readSync(file, buffer, 0, length, at)
  } catch {
    // A part that the system shows to nobody.
    return 0
  }
}

module.exports = { countInMemory }

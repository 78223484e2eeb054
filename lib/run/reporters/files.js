// @ts-check
'use strict'

/** Reports in files: whole, or not there at all. */

const { randomBytes } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { BrokerError } = require('../../errors.js')

/**
 * @param {string} file
 * @param {unknown} cause
 */
function reportFailed(file, cause) {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new BrokerError('report_failed', `cannot write the report ${file}: ${why}`, { cause, details: { file } })
}

/** A name beside the file's, on the same file system, so that it can be renamed to it. */
const beside = (/** @type {string} */ file) => `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`

/**
 * A device, a pipe or a link (`/dev/null`, `/dev/stdout`) is written into: a file put in its place would be its end.
 * @param {string} file
 */
function isSpecial(file) {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false })
  return stat !== undefined && !stat.isFile() && !stat.isDirectory()
}

/**
 * Writes a file in one go: a reader, and a run that is killed, never leave half of it. Makes the folders that it needs.
 * @param {string} file
 * @param {string} text
 * @throws {BrokerError} `report_failed`, which names the file
 */
async function writeReport(file, text) {
  const temporary = beside(file)
  try {
    if (isSpecial(file)) return await fs.promises.writeFile(file, text)
    await fs.promises.mkdir(path.dirname(file), { recursive: true })
    await fs.promises.writeFile(temporary, text)
    await fs.promises.rename(temporary, file)
  } catch (error) {
    await fs.promises.rm(temporary, { force: true }).catch(() => undefined)
    throw reportFailed(file, error)
  }
}

/** A file that grows as the run goes on and gets its name when it is whole. Its errors are kept for the end: a run does not end for a report. */
class GrowingReport {
  /** @type {unknown} */
  #error
  /** @type {fs.WriteStream | undefined} */
  #stream

  /** @param {string} file */
  constructor(file) {
    this.file = file
    this.temporary = beside(file)
    try {
      if (isSpecial(file)) this.temporary = file
      else fs.mkdirSync(path.dirname(file), { recursive: true })
      this.#stream = fs.createWriteStream(this.temporary)
      this.#stream.on('error', error => {
        this.#error ??= error
      })
    } catch (error) {
      this.#error = error
    }
  }

  /** @param {string} text */
  write(text) {
    if (this.#error === undefined) this.#stream?.write(text)
  }

  /** @throws {BrokerError} `report_failed` */
  async end() {
    try {
      const stream = this.#stream
      if (stream !== undefined && this.#error === undefined) await new Promise(done => stream.once('close', () => done(undefined)).end())
      if (this.#error !== undefined) throw this.#error
      if (this.temporary !== this.file) await fs.promises.rename(this.temporary, this.file)
    } catch (error) {
      if (this.temporary !== this.file) await fs.promises.rm(this.temporary, { force: true }).catch(() => undefined)
      throw reportFailed(this.file, error)
    }
  }
}

module.exports = { GrowingReport, reportFailed, writeReport }

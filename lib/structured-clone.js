// @ts-check
'use strict'

/** What V8's structured clone carries, as bytes: Map, Set, Date, BigInt, typed arrays, cycles, undefined, errors with their causes, and all that JSON carries. */

const v8 = require('node:v8')
const { adopt } = require('./realm.js')

/** The kinds of views, by the numbers that stand for them in the bytes: only ever to be added to. */
const VIEWS = [
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array'
]

/**
 * Views are written here, each followed by its buffer: V8's own way would write all of the pool that small Buffers are parts of, with what others keep there.
 * Two views of one buffer are that again when they are read.
 */
class Serializer extends v8.Serializer {
  constructor() {
    super()
    // @ts-expect-error not in Node's types
    this._setTreatArrayBufferViewsAsHostObjects(true)
  }

  /** @param {any} object */
  _writeHostObject(object) {
    const kind = ArrayBuffer.isView(object) ? VIEWS.indexOf(nameOf(object)) : -1
    if (kind === -1) throw this._getDataCloneError(`${Object.prototype.toString.call(object)} could not be cloned.`)
    const { buffer, byteOffset, byteLength } = object
    const isPooled = Buffer.isBuffer(object) && byteLength < buffer.byteLength && buffer.byteLength <= Buffer.poolSize
    this.writeUint32(kind)
    this.writeUint32(isPooled ? 0 : byteOffset)
    this.writeUint32(byteLength)
    this.writeValue(isPooled ? buffer.slice(byteOffset, byteOffset + byteLength) : buffer)
  }

  /** @param {string} message */
  _getDataCloneError(message) {
    return new DOMException(message, 'DataCloneError')
  }
}

class Deserializer extends v8.Deserializer {
  _readHostObject() {
    const kind = VIEWS[this.readUint32()]
    const [offset, bytes] = [this.readUint32(), this.readUint32()]
    const buffer = this.readValue()
    const View = /** @type {any} */ (globalThis)[kind]
    if (typeof View !== 'function') throw new TypeError(`there is no ${kind} here`)
    return new View(buffer, offset, bytes / (View.BYTES_PER_ELEMENT ?? 1))
  }
}

/**
 * In any realm.
 * @param {any} view
 */
function nameOf(view) {
  return Object.prototype.toString.call(view).slice(8, -1)
}

/**
 * @param {unknown} value
 * @returns {Uint8Array} its bytes
 * @throws {DOMException} `DataCloneError`: it has functions, symbols, promises or the like in it
 */
function serialize(value) {
  const serializer = new Serializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  return serializer.releaseBuffer()
}

/**
 * @param {Uint8Array} bytes
 * @returns {any} of the caller's realm
 */
function deserialize(bytes) {
  return adopt(read(bytes), () => read(serialize({})))
}

/** @param {Uint8Array} bytes */
function read(bytes) {
  const deserializer = new Deserializer(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}

module.exports = { serialize, deserialize }

// @ts-check
'use strict'

/**
 * Data as V8's structured clone. The base classes of `node:v8` do what `postMessage()` does; `v8.serialize()` does not: it keeps Buffers, and takes
 * apart what shares memory.
 */

const { Deserializer, Serializer } = require('node:v8')
const { plainText } = require('./plain.js')
const { adopt } = require('./realm.js')

/** The first byte that V8 writes, which no text in UTF-8 has. */
const V8 = 0xff

// Views are written here, and not by V8, which would send all of Node's buffer pool for a Buffer of ten bytes.
const VIEWS = [
  DataView,
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array
]
const NAMES = VIEWS.map(({ name }) => name)
const typedArrayName = /** @type {(this: unknown) => string} */ (
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get
)

/** @typedef {{ _setTreatArrayBufferViewsAsHostObjects(flag: boolean): void }} Hidden */

class Writer extends Serializer {
  /** @param {string} message */
  _getDataCloneError(message) {
    return new DOMException(message, 'DataCloneError')
  }

  /** @param {unknown} object what V8 cannot write: a view, or something of Node's that only lives here */
  _writeHostObject(object) {
    if (!ArrayBuffer.isView(object)) {
      throw this._getDataCloneError(`${Object.prototype.toString.call(object)} could not be cloned.`)
    }
    // Its name and not its class: those of another realm are as good.
    const kind = Math.max(NAMES.indexOf(typedArrayName.call(object)), 0)
    this.writeUint32(kind)
    const view = isPooled(object) ? new Uint8Array(object) : object
    this.writeUint32(view.byteOffset)
    this.writeUint32(kind === 0 ? view.byteLength : /** @type {Uint8Array} */ (view).length)
    this.writeValue(view.buffer)
  }
}

class Reader extends Deserializer {
  _readHostObject() {
    const View = /** @type {Uint8ArrayConstructor} */ (VIEWS[this.readUint32()])
    const offset = this.readUint32()
    const length = this.readUint32()
    return new View(this.readValue(), offset, length)
  }
}

/**
 * @param {unknown} value
 * @returns {Buffer}
 * @throws {DOMException} `DataCloneError`: functions, symbols, promises, proxies
 */
function serialise(value) {
  const writer = new Writer()
  const hidden = /** @type {Writer & Hidden} */ (writer)
  hidden._setTreatArrayBufferViewsAsHostObjects(true)
  writer.writeHeader()
  writer.writeValue(value)
  return writer.releaseBuffer()
}

/**
 * @param {Uint8Array} bytes
 * @returns {any}
 */
function deserialise(bytes) {
  const reader = new Reader(bytes)
  reader.readHeader()
  return reader.readValue()
}

/**
 * Data of a message. What JSON carries as well is JSON, which is faster.
 * @param {unknown} value
 * @returns {string | Buffer}
 * @throws {DOMException} `DataCloneError`
 */
function encode(value) {
  return plainText(value) ?? serialise(value)
}

/**
 * @param {Buffer} bytes what {@link encode} made
 * @returns {any}
 */
function decode(bytes) {
  return bytes[0] === V8 ? adopt(deserialise(bytes), emptyObject) : JSON.parse(bytes.toString())
}

function emptyObject() {
  return deserialise(serialise({}))
}

/**
 * Whether a view is a piece of what Node cuts small Buffers from: the rest is nobody's business.
 * @param {ArrayBufferView} view
 * @returns {view is Buffer}
 */
function isPooled(view) {
  return Buffer.isBuffer(view) && view.byteLength < view.buffer.byteLength && view.buffer.byteLength === Buffer.poolSize
}

module.exports = { decode, deserialise, encode, serialise }

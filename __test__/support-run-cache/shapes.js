// @ts-check
'use strict'

/**
 * Whether values are what run.d.ts says, neither more nor less: its types are read from the file, so that what it promises is what is held against
 * real runs. It knows as much of TypeScript as events and results are written in.
 */

const fs = require('node:fs')
const path = require('node:path')

/**
 * @typedef {{ kind: 'primitive', name: string } | { kind: 'literal', value: string } | { kind: 'any' } | { kind: 'list', of: Type }
 *   | { kind: 'map', of: Type } | { kind: 'union', of: Type[] } | { kind: 'object', members: Map<string, Type> }
 *   | { kind: 'reference', name: string }} Type
 */

const PRIMITIVES = ['string', 'number', 'boolean', 'null']

class Shapes {
  /** @type {Map<string, Type>} */
  #types = new Map()

  constructor() {
    const file = path.join(__dirname, '..', '..', 'run.d.ts')
    this.text = fs.readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
  }

  /**
   * @param {string} name
   * @param {unknown} value
   * @returns {string[]} what is wrong
   */
  faults(name, value) {
    return this.#faults(this.#typeOf(name), value, name)
  }

  /** The `type` of each event. */
  eventTypes() {
    const union = this.#typeOf('RunEvent')
    if (union.kind !== 'union') throw new Error('RunEvent is no union')
    return union.of.map(type => discriminantOf(type) ?? '?')
  }

  /** @param {string} name */
  #typeOf(name) {
    let type = this.#types.get(name)
    if (type === undefined) {
      const at = this.text.match(new RegExp(`export (?:interface ${name}|type ${name} =)(?=[\\s])`))
      // What is declared elsewhere is looked at elsewhere.
      type = at?.index === undefined ? { kind: 'any' } : new Parser(this.text.slice(at.index + at[0].length)).union()
      this.#types.set(name, type)
    }
    return type
  }

  /**
   * @param {Type} type
   * @param {unknown} value
   * @param {string} at
   * @returns {string[]}
   */
  #faults(type, value, at) {
    const wrong = (/** @type {string} */ wanted) => [`${at} is ${JSON.stringify(value)}, not ${wanted}`]
    switch (type.kind) {
      case 'any':
        return []
      case 'reference':
        return this.#faults(this.#typeOf(type.name), value, at)
      case 'primitive':
        return (value === null ? 'null' : typeof value) === type.name ? [] : wrong(type.name)
      case 'literal':
        return value === type.value ? [] : wrong(type.value)
      case 'list':
        return Array.isArray(value) ? value.flatMap((item, index) => this.#faults(type.of, item, `${at}[${index}]`)) : wrong('a list')
      case 'map':
        return isObject(value)
          ? Object.entries(value).flatMap(([key, item]) => this.#faults(type.of, item, `${at}.${key}`))
          : wrong('a table')
      case 'object':
        return isObject(value) ? this.#membersFaults(type.members, value, at) : wrong('an object')
      case 'union':
        return this.#unionFaults(type.of, value, at)
    }
  }

  /**
   * @param {Map<string, Type>} members
   * @param {Record<string, unknown>} value
   * @param {string} at
   */
  #membersFaults(members, value, at) {
    const more = Object.keys(value).filter(key => !members.has(key))
    const faults = more.map(key => `${at}.${key} is declared nowhere`)
    for (const [key, type] of members) {
      if (Object.hasOwn(value, key)) faults.push(...this.#faults(type, value[key], `${at}.${key}`))
      else faults.push(`${at}.${key} is missing`)
    }
    return faults
  }

  /**
   * @param {Type[]} types
   * @param {unknown} value
   * @param {string} at
   */
  #unionFaults(types, value, at) {
    const named = isObject(value) ? types.find(type => discriminantOf(type) === value.type) : undefined
    if (named) return this.#faults(named, value, `${at} ${discriminantOf(named)}`)
    const all = types.map(type => this.#faults(type, value, at))
    return all.find(faults => faults.length === 0) ?? all.toSorted((a, b) => b.length - a.length)[0]
  }
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @param {Type} type */
function discriminantOf(type) {
  const named = type.kind === 'object' ? type.members.get('type') : undefined
  return named?.kind === 'literal' ? named.value : undefined
}

class Parser {
  #tokens
  #at = 0

  /** @param {string} text */
  constructor(text) {
    this.#tokens = Array.from(text.slice(0, 20_000).matchAll(/'[^']*'|\w+|\S/g), ([token]) => token)
  }

  /** @returns {Type} */
  union() {
    this.#take('|')
    const of = [this.#postfix()]
    while (this.#take('|')) of.push(this.#postfix())
    return of.length === 1 ? of[0] : { kind: 'union', of }
  }

  /** @returns {Type} */
  #postfix() {
    let type = this.#primary()
    while (this.#take('[')) {
      this.#expect(']')
      type = { kind: 'list', of: type }
    }
    return type
  }

  /** @returns {Type} */
  #primary() {
    const token = this.#tokens[this.#at++]
    if (token === '{') return this.#object()
    if (token.startsWith("'")) return { kind: 'literal', value: token.slice(1, -1) }
    if (PRIMITIVES.includes(token)) return { kind: 'primitive', name: token }
    if (token === 'Array' || token === 'Record') return this.#generic(token)
    return { kind: 'reference', name: token }
  }

  /** @returns {Type} */
  #object() {
    const members = new Map()
    while (!this.#take('}')) {
      const name = this.#tokens[this.#at++]
      this.#expect(':')
      members.set(name, this.union())
      this.#take(';')
    }
    return { kind: 'object', members }
  }

  /**
   * @param {'Array' | 'Record'} name
   * @returns {Type}
   */
  #generic(name) {
    this.#expect('<')
    if (name === 'Record') {
      this.#expect('string')
      this.#expect(',')
    }
    const of = this.union()
    this.#expect('>')
    return { kind: name === 'Array' ? 'list' : 'map', of }
  }

  /** @param {string} token */
  #take(token) {
    if (this.#tokens[this.#at] !== token) return false
    this.#at++
    return true
  }

  /** @param {string} token */
  #expect(token) {
    if (!this.#take(token)) throw new Error(`run.d.ts: ${token} expected before ${this.#tokens.slice(this.#at, this.#at + 8).join(' ')}`)
  }
}

module.exports = { Shapes }

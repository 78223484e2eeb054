// @ts-check
'use strict'

/**
 * Sets variables of this process, and so of the workers that it starts.
 * @param {Record<string, string>} variables
 * @returns {{ restore: () => void }} puts back what was there, unless somebody else has changed it since
 */
function exported(variables) {
  const before = Object.keys(variables).map(name => [name, process.env[name]])
  Object.assign(process.env, variables)
  return {
    restore() {
      for (const [name, value] of before) {
        if (name === undefined || process.env[name] !== variables[name]) continue
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  }
}

module.exports = { exported }

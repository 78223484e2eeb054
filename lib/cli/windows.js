// @ts-check
'use strict'

/**
 * Commands that npm installs are batch files on Windows (`jest.cmd`), which only cmd.exe can run. It reads the line before the batch file
 * does, and the batch file hands its arguments on as text: so each character that means something to cmd.exe is escaped, twice.
 */

const { existsSync } = require('node:fs')
const path = require('node:path')

const META = /[()\][%!^"`<>&|;, *?]/g

/**
 * @param {string[]} words
 * @returns {{ command: string, args: string[], options: import('node:child_process').SpawnOptions }}
 */
function forWindows([command, ...args]) {
  const file = find(command)
  if (!file || !/\.(?:cmd|bat)$/i.test(file)) return { command, args, options: {} }
  const line = [file.replace(META, '^$&'), ...args.map(escapeArgument)].join(' ')
  return { command: process.env.ComSpec ?? 'cmd.exe', args: ['/d', '/s', '/c', `"${line}"`], options: { windowsVerbatimArguments: true } }
}

/** @param {string} argument */
function escapeArgument(argument) {
  // Backslashes count only before a quote, and the closing one is ours.
  const quoted = `"${argument.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`
  return quoted.replace(META, '^$&').replace(META, '^$&')
}

/** @param {string} command as typed: with or without folder and extension */
function find(command) {
  const folders = /[\\/]/.test(command) ? [''] : ['', ...(process.env.PATH ?? '').split(path.delimiter)]
  const extensions = ['', ...(process.env.PATHEXT ?? '.COM;.EXE;.BAT;.CMD').split(';')]
  for (const folder of folders) {
    for (const extension of extensions) {
      // An extension is needed: npm puts a shell script without one beside each batch file.
      const file = path.join(folder, command + extension)
      if (path.extname(file) && existsSync(file)) return file
    }
  }
}

module.exports = { forWindows }

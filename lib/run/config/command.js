// @ts-check
'use strict'

/** Commands: as a program with its arguments, or as a line for the shell. */

/**
 * A command as the core takes it.
 * @typedef {{ argv: string[] } | { shell: string }} ResolvedCommand
 */

/** What means itself to each shell. Braces are placeholders'. */
const PLAIN = /^[\w@+:,./{}=-]+(?: +[\w@+:,./{}=-]+)*$/
/** What a shell does itself, and no program. */
const BUILTINS = new Set(
  '. : { } alias bg break case cd command continue do done elif else esac eval exec exit export fg fi for getopts hash if in jobs let read readonly return set shift source then times trap type ulimit umask unalias unset until wait while'.split(
    ' '
  )
)

/**
 * A text of plain words needs no shell: that is a process less for each test. On Windows a shell finds what `npm` is.
 * @param {import('../../../run.js').Command} command
 * @param {NodeJS.Platform} [platform]
 * @returns {ResolvedCommand}
 */
function resolveCommand(command, platform = process.platform) {
  if (typeof command !== 'string') return { argv: [...command] }
  const text = command.trim()
  const words = text.split(/ +/)
  const plain = platform !== 'win32' && PLAIN.test(text) && !words[0].includes('=') && !BUILTINS.has(words[0])
  return plain ? { argv: words } : { shell: text }
}

module.exports = { resolveCommand }

// @ts-check
'use strict'

// Loaded into a process before anything else: leaves the most memory that was resident in it, in bytes, in a file where it was started.

const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

// `resourceUsage` counts who started it too, where the system copies a process for that; Linux has a figure that does not.
function peak() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}

const file = join(process.cwd(), 'peak.txt')
process.on('exit', () => writeFileSync(file, String(peak())))

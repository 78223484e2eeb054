// @ts-check
'use strict'

/** What Node has no words for: process groups, trees of processes, and outliving ourselves. */

const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { readdirSync, readFileSync } = require('node:fs')

/**
 * @param {number} leader the group's
 * @param {NodeJS.Signals | 0} signal 0: none, only ask; answers for the dead too, see isGroupAlive
 * @returns {boolean} whether anybody was there
 */
function signalGroup(leader, signal) {
  try {
    return process.kill(-leader, signal)
  } catch {
    return false
  }
}

/**
 * Whether anybody in a group lives. Orphans that have ended are zombies until process 1 takes note, which in a container may be never:
 * a signal still finds them.
 * @param {number} leader the group's
 */
function isGroupAlive(leader) {
  if (!signalGroup(leader, 0)) return false
  if (process.platform !== 'linux') return true
  return readdirSync('/proc').some(name => {
    try {
      // pid (name) state ppid pgrp …; the name may have anything in it.
      const [state, , group] = /^\d+$/.test(name) ? (readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []) : []
      return Number(group) === leader && state !== 'Z' && state !== 'X'
    } catch {
      return false // It has just ended.
    }
  })
}

/**
 * Kills a process that has no group of its own, and its descendants.
 * @param {number} pid
 */
function killTree(pid) {
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/pid', String(pid), '/t', '/f'])
    return
  }
  /** @type {Map<number, number[]>} */
  const children = new Map()
  for (const line of spawnSync('ps', ['-A', '-o', 'ppid=,pid='], { encoding: 'utf8' }).stdout?.split('\n') ?? []) {
    const [parent, child] = line.trim().split(/\s+/).map(Number)
    children.set(parent, [...(children.get(parent) ?? []), child])
  }
  const tree = [pid]
  for (const parent of tree) tree.push(...(children.get(parent) ?? []))
  for (const member of tree) {
    try {
      process.kill(member, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

// Its standard input says how we ended: with a line when all is done, without one when we were killed. (`kill -s TERM -- -1` would be the
// standard's way to say it; BusyBox does not understand that.)
const WATCHER = `
read -r line && exit
kill -TERM "$1" || exit
n=$2
while [ "$n" -gt 0 ] && kill -0 "$1"; do sleep 1; n=$((n - 1)); done
kill -KILL "$1"`

/**
 * Has a process, or with a negative pid a group, ended should we be killed (`kill -9`, out of memory): there would be nobody left to end it.
 * On Windows a child ends with its parent as it is.
 * @param {number} pid
 * @param {number} grace ms between TERM and KILL
 * @returns {() => Promise<void>} calls the watch off
 */
function watch(pid, grace) {
  if (process.platform === 'win32') return async () => {}
  const watcher = spawn('/bin/sh', ['-c', WATCHER, 'ephemeral-broker', String(pid), String(Math.ceil(grace / 1000))], {
    cwd: '/',
    detached: true,
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'ignore', 'ignore']
  })
  const ended = once(watcher, 'exit').catch(() => {})
  // It may be gone before we say goodbye; the command is not to suffer from that.
  watcher.stdin.on('error', () => {})
  return async () => {
    watcher.stdin.end('done\n')
    await ended
  }
}

module.exports = { isGroupAlive, killTree, signalGroup, watch }

import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { $, browser } from '@wdio/globals'
import { Client } from 'ephemeral-broker'

const client = new Client()

export async function open(path = '/') {
  await browser.url((await client.get('shop')) + path)
}

export async function login(account) {
  await open('/')
  await $('input[name=account]').setValue(account)
  await $('button').click()
}

export async function logout(account) {
  await open(`/logout?account=${account}`)
}

export function generateToken() {
  return `token-${randomUUID()}`
}

/** Stands for what takes its time: seeding a database, starting a service. */
export async function doExpensiveSetup() {
  await setTimeout(500)
}

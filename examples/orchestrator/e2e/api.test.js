import { expect, test } from 'vitest'
import { baseUrl, request } from './helpers.js'

test('is healthy without a token', async () => {
  const response = await fetch(new URL('/health', baseUrl()))
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ status: 'ok' })
})

test('lets nobody in without the token of its worker', async () => {
  const without = await fetch(new URL('/api/sites', baseUrl()))
  expect(without.status).toBe(401)
  expect((await request('GET', '/api/sites', undefined, 'test-token-of-nobody')).status).toBe(401)
  expect((await request('GET', '/api/sites')).status).toBe(200)
})

test('refuses what is no address', async () => {
  for (const url of [undefined, 7, 'example.com', 'file:///etc/hosts']) {
    const { status, body } = await request('POST', '/api/scrape', { url })
    expect(status).toBe(400)
    expect(body.error).toMatch(/^url: /)
  }
  expect((await request('GET', '/api/stats')).body).toEqual({})
})

test('refuses a pattern that is none', async () => {
  expect((await request('PUT', '/api/sites/example.com', { pattern: '(' })).status).toBe(400)
  expect((await request('GET', '/api/sites')).body).toEqual([])
})

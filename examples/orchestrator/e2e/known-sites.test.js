import { expect, test } from 'vitest'
import { request, stored } from './helpers.js'

// Other workers do the same at the same time. Each has a sites.jsonc of its own, so none sees another's sites.
test('keeps what it learns in sites.jsonc', async () => {
  expect(await stored('sites.jsonc')).toBe('[]')
  const sites = ['one.example', 'two.example'].map(host => ({ host, pattern: '<h1>(.*?)</h1>' }))
  for (const { host, pattern } of sites) {
    expect((await request('PUT', `/api/sites/${host}`, { pattern })).status).toBe(200)
  }
  expect(JSON.parse(await stored('sites.jsonc'))).toEqual(sites)
  expect((await request('GET', '/api/sites')).body).toEqual(sites)
})

test('forgets what it is told to', async () => {
  expect((await request('DELETE', '/api/sites/one.example')).status).toBe(204)
  expect((await request('DELETE', '/api/sites/one.example')).status).toBe(404)
  expect(JSON.parse(await stored('sites.jsonc')).map(({ host }) => host)).toEqual(['two.example'])
})

test('loses no site when many are learned at once', async () => {
  const hosts = Array.from({ length: 20 }, (_, number) => `site-${number}.example`)
  await Promise.all(hosts.map(host => request('PUT', `/api/sites/${host}`, { pattern: '.*' })))
  const { body } = await request('GET', '/api/sites')
  expect(body.map(({ host }) => host)).toEqual(expect.arrayContaining(hosts))
})

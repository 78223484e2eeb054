import { expect, test } from 'vitest'
import { baseUrl, request } from './helpers.js'

async function dashboard() {
  const response = await fetch(new URL('/dashboard', baseUrl()))
  expect(response.status).toBe(200)
  return response.text()
}

test('is empty at first', async () => {
  const page = await dashboard()
  expect(page).toContain('<ul></ul>')
  expect(page).toContain('0 scrapes, 0 failed')
})

test('shows the sites, whatever their patterns hold', async () => {
  await request('PUT', '/api/sites/example.com', { pattern: '<h1>(.*?)</h1>' })
  expect(await dashboard()).toContain('<li>example.com: <code>&lt;h1&gt;(.*?)&lt;/h1&gt;</code></li>')
})

test('knows that there is a key, and does not show it', async () => {
  expect(process.env.OPENROUTER_API_KEY).toBeTruthy()
  const page = await dashboard()
  expect(page).toContain('A model is there.')
  expect(page).not.toContain(process.env.OPENROUTER_API_KEY)
})

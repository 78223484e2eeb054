import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { dataDir, request, startSite, stored } from './helpers.js'

const pages = { '/': '<title>A shop</title><b class="price">12.50</b>' }

test('takes the title of a site that it does not know', async () => {
  const site = await startSite(onTestFinished, pages)
  const { status, body } = await request('POST', '/api/scrape', { url: `${site}/` })
  expect(status).toBe(200)
  expect(body).toEqual({ url: `${site}/`, known: false, success: true, data: 'A shop' })
})

test('takes what the pattern of a known site finds', async () => {
  const site = await startSite(onTestFinished, pages)
  await request('PUT', `/api/sites/${new URL(site).host}`, { pattern: '<b class="price">(.*?)</b>' })
  const { body } = await request('POST', '/api/scrape', { url: `${site}/` })
  expect(body).toMatchObject({ known: true, success: true, data: '12.50' })
})

test('says that a page is missing', async () => {
  const site = await startSite(onTestFinished, pages)
  const { body } = await request('POST', '/api/scrape', { url: `${site}/nothing` })
  expect(body).toMatchObject({ success: false, error: 'status 404' })
})

test('counts and notes what it did', async () => {
  expect(JSON.parse(await stored('stats.json'))).toEqual({ scrapes: 3, failures: 1 })
  const [day] = await readdir(path.join(dataDir(), 'logs'))
  const lines = (await stored(path.join('logs', day))).trim().split('\n')
  expect(lines.map(line => JSON.parse(line).success)).toEqual([true, true, false])
})

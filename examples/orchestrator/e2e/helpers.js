// What the tests share. The run says in the environment where the worker's server and its data are.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'

/** @param {string} name */
function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests with "npm test"`)
  return value
}

export const baseUrl = () => required('TEST_BASE_URL')
export const dataDir = () => required('DATA_DIR')
export const apiToken = () => required('API_TOKEN')

/** Asks the worker's server, with its token. */
export async function request(method, route, body, token = apiToken()) {
  const response = await fetch(new URL(route, baseUrl()), {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body)
  })
  const text = await response.text()
  return { status: response.status, body: response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text }
}

/** A file of the worker's data. */
export const stored = name => readFile(path.join(dataDir(), name), 'utf8')

/** A web site to scrape: answers by path. Its address ends with the test. */
export async function startSite(onTestFinished, pages) {
  const server = createServer((request, response) => {
    const page = pages[request.url]
    response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/html' }).end(page)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => server.close())
  return `http://127.0.0.1:${server.address().port}`
}

import { Hono } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { HTTPException } from 'hono/http-exception'
import { dashboard } from './dashboard.js'
import { scrape } from './scrape.js'
import { Store } from './store.js'

/**
 * @param {{ dataDir: string, token: string, hasModel: boolean }} settings
 */
export function createApp({ dataDir, token, hasModel }) {
  const store = new Store(dataDir)
  const app = new Hono()

  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    console.error(`${c.req.method} ${c.req.path}: ${error.message}`)
    return c.json({ error: 'internal error' }, 500)
  })
  app.get('/health', c => c.json({ status: 'ok' }))
  app.get('/dashboard', async c => c.html(dashboard({ sites: await store.sites(), stats: await store.stats(), hasModel })))

  app.use('/api/*', bearerAuth({ token }))
  app.get('/api/stats', async c => c.json(await store.stats()))
  app.get('/api/sites', async c => c.json(await store.sites()))
  app.put('/api/sites/:host', async c => {
    const host = c.req.param('host')
    const { pattern } = await body(c)
    if (!isPattern(pattern)) return c.json({ error: `pattern: ${JSON.stringify(pattern)} is no regular expression` }, 400)
    await store.saveSite({ host, pattern })
    console.log(`learned ${host}`)
    return c.json({ host, pattern })
  })
  app.delete('/api/sites/:host', async c => {
    const known = await store.deleteSite(c.req.param('host'))
    return known ? c.body(null, 204) : c.json({ error: 'no such site' }, 404)
  })
  app.post('/api/scrape', async c => {
    const { url } = await body(c)
    if (!isWebAddress(url)) return c.json({ error: `url: ${JSON.stringify(url)} is no http: or https: address` }, 400)
    const site = (await store.sites()).find(({ host }) => host === new URL(url).host)
    const result = await scrape(url, site)
    await store.record({ url, success: result.success })
    console.log(`scraped ${url}: ${result.success ? 'found' : result.error}`)
    return c.json({ url, known: site !== undefined, ...result })
  })
  return app
}

/** What was sent; what is no JSON object has no members. */
async function body(c) {
  const sent = await c.req.json().catch(() => null)
  return typeof sent === 'object' && sent !== null ? sent : {}
}

function isPattern(pattern) {
  try {
    return typeof pattern === 'string' && Boolean(new RegExp(pattern))
  } catch {
    return false
  }
}

function isWebAddress(url) {
  return typeof url === 'string' && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

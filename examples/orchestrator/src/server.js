import { serve } from '@hono/node-server'
import { createApp } from './app.js'

const { PORT = '3000', DATA_DIR = 'data', API_TOKEN, OPENROUTER_API_KEY } = process.env
if (!API_TOKEN) throw new Error('API_TOKEN is not set')

const app = createApp({ dataDir: DATA_DIR, token: API_TOKEN, hasModel: Boolean(OPENROUTER_API_KEY) })
serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`listening on port ${port}, data in ${DATA_DIR}`)
)

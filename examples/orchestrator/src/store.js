// The state: files in a folder, read anew at each request, so that whoever puts them back needs no restart.

import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'

export class Store {
  // Each change begins when the one before it is over.
  #last = Promise.resolve()

  constructor(dataDir) {
    this.folder = dataDir
  }

  sites() {
    return this.#read('sites.jsonc', [])
  }

  stats() {
    return this.#read('stats.json', {})
  }

  /** Remembers a site under its host, in place of what was known of it. */
  saveSite(site) {
    return this.#inTurn(async () => {
      const others = (await this.sites()).filter(({ host }) => host !== site.host)
      await this.#write('sites.jsonc', [...others, site])
    })
  }

  /** Whether it was known. */
  deleteSite(host) {
    return this.#inTurn(async () => {
      const sites = await this.sites()
      const rest = sites.filter(site => site.host !== host)
      await this.#write('sites.jsonc', rest)
      return rest.length < sites.length
    })
  }

  /** Counts a scrape, and notes it in the log of its day. */
  record({ url, success }) {
    return this.#inTurn(async () => {
      const { scrapes = 0, failures = 0 } = await this.stats()
      await this.#write('stats.json', { scrapes: scrapes + 1, failures: failures + (success ? 0 : 1) })
      const at = new Date().toISOString()
      await mkdir(path.join(this.folder, 'logs'), { recursive: true })
      await appendFile(path.join(this.folder, 'logs', `${at.slice(0, 10)}.jsonl`), `${JSON.stringify({ at, url, success })}\n`)
    })
  }

  async #read(name, otherwise) {
    try {
      return JSON.parse(withoutComments(await readFile(path.join(this.folder, name), 'utf8')))
    } catch (error) {
      if (error.code === 'ENOENT') return otherwise
      throw error
    }
  }

  async #write(name, value) {
    const file = path.join(this.folder, name)
    await mkdir(this.folder, { recursive: true })
    await writeFile(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`)
    await rename(`${file}.new`, file)
  }

  #inTurn(change) {
    const turn = this.#last.then(change)
    this.#last = turn.catch(() => {})
    return turn
  }
}

/** JSON with comments without them; what looks like one in a text stays. */
function withoutComments(text) {
  return text.replace(/("(?:\\.|[^"\\])*")|\/\/.*|\/\*[\s\S]*?\*\//g, (_, string) => string ?? '')
}

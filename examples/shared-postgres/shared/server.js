import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

const KEEPER = fileURLToPath(new URL('keeper.js', import.meta.url))

/** A PostgreSQL server with a database that others are copies of. It ends with the process that started it, however that ends. */
export class Server {
  #keeper
  #pool
  #stopping = false

  /**
   * @param {string} schema SQL that makes the database to be copied
   * @returns {Promise<Server>}
   */
  static async start(schema) {
    // In a group of its own: Ctrl-C at a terminal is for those who have something to tear down first.
    const keeper = spawn(process.execPath, [KEEPER], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
    const [line] = await Promise.race([once(createInterface({ input: keeper.stdout }), 'line'), once(keeper, 'exit').then(() => [])])
    const { error, ...address } = JSON.parse(line ?? '{"error":"the keeper of PostgreSQL was killed"}')
    if (error) throw new Error(`PostgreSQL did not start: ${error}`)
    const server = new Server(keeper, address)
    await server.#makeTemplate(schema)
    return server
  }

  /**
   * @param {import('node:child_process').ChildProcess} keeper
   * @param {{ host: string, user: string }} address
   */
  constructor(keeper, address) {
    this.#keeper = keeper
    this.address = address
    this.#pool = new pg.Pool({ ...address, database: 'postgres' })
    // Nobody waits for what happens to a connection that is not in use: the next query tells.
    this.#pool.on('error', () => {})
    keeper.on('exit', () => {
      if (!this.#stopping) throw new Error('PostgreSQL has ended, or its keeper was killed')
    })
  }

  /** @param {string} name */
  async create(name) {
    await this.#pool.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE schema`)
  }

  /**
   * Connections to it are closed: they may be those of a worker that was killed.
   * @param {string} name
   */
  async drop(name) {
    await this.#pool.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`)
  }

  /** Settles when the server has ended and its files are removed. */
  async stop() {
    this.#stopping = true
    await this.#pool.end()
    const exited = once(this.#keeper, 'exit')
    this.#keeper.stdin?.end()
    await exited
  }

  /** @param {string} schema */
  async #makeTemplate(schema) {
    await this.#pool.query('CREATE DATABASE schema')
    const client = new pg.Client({ ...this.address, database: 'schema' })
    await client.connect()
    await client.query(schema)
    await client.end()
  }
}

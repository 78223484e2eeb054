import { createServer } from 'node:http'
import { Client } from 'ephemeral-broker'

/** A shop with ten accounts. An account is for one visitor at a time, and every visitor shows a token. */
export class Shop {
  #signedIn = new Set()
  #tokens = new Set()
  #sale = false
  #server

  async onPrepare() {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url, 'http://localhost')
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(page(this.#visit(url.pathname, url.searchParams)))
    })
    await new Promise((resolve, reject) => this.#server.once('error', reject).listen(0, '127.0.0.1', resolve))

    // The port is known only now: the workers read it from the broker.
    const client = new Client()
    await client.set('shop', `http://127.0.0.1:${this.#server.address().port}`)
    // Its accounts, the first of which is the admin's.
    await client.definePool(
      'accounts',
      Array.from({ length: 10 }, (_, index) => ({ account: index + 1, role: index === 0 ? 'admin' : 'shopper' }))
    )
    await client.close()
  }

  onComplete() {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #visit(path, query) {
    const account = Number(query.get('account'))
    if (path === '/login') {
      if (!Number.isInteger(account) || account < 1 || account > 10) return `no account ${account}`
      if (this.#signedIn.has(account)) return `account ${account} is in use`
      this.#signedIn.add(account)
      return `signed in with account ${account}`
    }
    if (path === '/logout') return this.#signedIn.delete(account) ? `signed out of account ${account}` : `account ${account} is not in use`
    if (path === '/orders') {
      this.#tokens.add(query.get('token'))
      return 'your orders'
    }
    if (path === '/sale/begin') {
      if (this.#sale) return 'there is a sale already'
      this.#sale = true
      return 'sale'
    }
    if (path === '/sale/end') {
      this.#sale = false
      return 'no sale'
    }
    if (path === '/tokens') return `${this.#tokens.size} token seen`
    return 'welcome'
  }
}

function page(status) {
  return `<!doctype html>
<title>Shop</title>
<p id="status">${status}</p>
<form action="/login"><input name="account"><button>Sign in</button></form>`
}

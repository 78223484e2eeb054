import { randomUUID } from 'node:crypto'

export function generateApiKey() {
  return `key-${randomUUID()}`
}

// An API that counts what this worker asks of it. It stands for a service that you share with others.
let calls = 0

export const api = {
  async call() {
    calls += 1
    return { status: 200, calls }
  }
}

import './setup'

export default async function globalTeardown(): Promise<void> {
  await globalThis.__BROKER__?.stop()
}

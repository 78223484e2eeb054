import { summary } from './summary.js'

export default async function globalTeardown() {
  if (global.__BROKER__) {
    const timings = await global.__BROKER__.collect('timings')
    const report = await global.__BROKER__.stop()
    console.log(summary(timings, report))
  }
}

import { setTimeout } from 'node:timers/promises'

/**
 * Stands for migrations and seed data, which take their time. Here it is more than a second on purpose: when every file took less than
 * that in the last run, Jest runs up to 20 files in one process, whatever `maxWorkers` says, and this example is about five.
 */
export async function runExpensiveSetup() {
  await setTimeout(1500)
}

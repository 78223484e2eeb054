// @ts-check
'use strict'

/** A test's command: asks its server for what the arguments say, prints the answers, and fails where there is none. */

/** @param {string[]} paths */
async function ask(paths) {
  for (const path of paths) {
    const response = await fetch(new URL(path, process.env.TEST_BASE_URL))
    console.log(await response.text())
  }
}

ask(process.argv.slice(2)).catch(error => {
  console.error(error.message, error.cause?.message ?? '')
  process.exitCode = 9
})

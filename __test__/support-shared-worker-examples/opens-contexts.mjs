// A test worker that opens so many contexts of the guide's pool of browsers, one after the other, and has them until its standard input ends.
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'

const { openContext } = await import(pathToFileURL(process.argv[2]).href)
const contexts = []
for (let count = 1; count <= Number(process.argv[3]); count++) {
  console.log(`asks for ${count}`)
  contexts.push(await openContext())
  console.log(`has ${count}`)
}
await once(process.stdin.resume(), 'end')
for (const { close } of contexts) await close()

// `ephemeral-broker/plugin` as its users write it. Compiled, never run.

import { registerSharedWorker, type SharedWorker, type TestFile, testFile } from 'ephemeral-broker/plugin'

type Request = { add: number }
type Answer = { sum: number }

export const factory: SharedWorker.Factory<Request, Answer, { from: number }> = async ({ negotiateProtocol }) => {
  const main = negotiateProtocol(['ava-4'])
  const protocol: 'ava-4' = main.protocol
  let sum: number = main.initialData.from
  main.ready().ready()
  for await (const worker of main.testWorkers()) {
    const names: string[] = [worker.id, worker.file, protocol]
    const teardown: () => Promise<void> = worker.teardown(async () => void names)
    await teardown()
    worker.publish({ sum })
    // @ts-expect-error what is sent is an answer
    worker.publish({ add: 1 })
  }
  for await (const message of main.subscribe()) {
    sum += message.data.add
    const published: SharedWorker.PublishedMessage<Request, Answer> = message.reply({ sum })
    for await (const reply of published.replies()) main.broadcast({ sum: reply.data.add }).replies()
    message.testWorker.subscribe()
    // @ts-expect-error what is received is a request
    message.data.sum
  }
}

/** As it is written for AVA, without a type for the data. */
export const untyped = ({ negotiateProtocol }: SharedWorker.FactoryOptions): void => {
  const main: SharedWorker.Protocol<string> = negotiateProtocol<string>(['ava-4']).ready()
  main.broadcast('text')
}

export async function use(): Promise<void> {
  const file: TestFile = testFile(new URL('file:///a.test.js'))
  const shared: SharedWorker.Plugin.Protocol<Request, Answer> = registerSharedWorker<Request, Answer>({
    filename: new URL('file:///program.js'),
    supportedProtocols: ['ava-4', 'mine'],
    initialData: { from: 1 },
    teardown: async () => {}
  })
  await shared.available
  const now: boolean = shared.currentlyAvailable
  for await (const message of shared.publish({ add: 1 }).replies()) {
    const text: string = `${message.data.sum} ${now} ${message.id}`
    message.reply({ add: text.length }).replies()
  }
  for await (const message of shared.subscribe()) message.reply({ add: message.data.sum })
  // @ts-expect-error what is sent is a request
  shared.publish({ sum: 1 })
  // @ts-expect-error a name is missing
  registerSharedWorker({ supportedProtocols: ['ava-4'] })
  const any = registerSharedWorker({ filename: '/program.js', supportedProtocols: ['ava-4'] })
  any.publish(new Map())
  await file.available()
  await file.teardown()
}

/**
 * The test workers' side, for whichever runner.
 * @param {typeof import('ephemeral-broker/plugin').registerSharedWorker} registerSharedWorker
 */
export function createTakeNumber(registerSharedWorker) {
  return async () => {
    // Not at the top of the module: some runners load it once for many test files, and each has to register for itself.
    /** @type {import('ephemeral-broker/plugin').SharedWorker.Plugin.Protocol<'take' | 'give back', number>} */
    const shared = registerSharedWorker({ filename: new URL('program.js', import.meta.url), supportedProtocols: ['ava-4'] })
    await shared.available
    const replies = shared.publish('take').replies()
    const { value: message } = await replies.next()
    if (!message) throw new Error('the test worker has ended')
    await replies.return()
    let released = false
    const release = () => {
      if (released) return
      released = true
      message.reply('give back')
    }
    return { value: message.data, release }
  }
}

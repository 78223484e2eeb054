/** Replies to each message that asks for it, and to the last of so many others. */
export default async ({ negotiateProtocol }) => {
  const main = negotiateProtocol(['ava-4']).ready()
  let seen = 0
  for await (const message of main.subscribe()) {
    if (message.data.until === undefined) message.reply(message.data)
    else if (++seen === message.data.until) {
      seen = 0
      message.reply(seen)
    }
  }
}

import { registerSharedWorker } from 'ephemeral-broker/plugin'
import { createTakeNumber } from './create.js'

export const takeNumber = createTakeNumber(registerSharedWorker)

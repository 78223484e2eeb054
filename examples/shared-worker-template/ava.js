import { registerSharedWorker } from 'ava/plugin'
import { createTakeNumber } from './create.js'

export const takeNumber = createTakeNumber(registerSharedWorker)

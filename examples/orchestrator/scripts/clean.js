// What is kept of runs: reports, logs, durations and the cache.

import { rmSync } from 'node:fs'

rmSync('.ephemeral-broker', { recursive: true, force: true })

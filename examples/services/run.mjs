// The same run from a program: how each service did, and the exit code.

import { run } from 'ephemeral-broker'

const { groups, exitCode } = await run('ephemeral-broker.toml', { projects: process.argv.slice(2) })
for (const [service, { passed, total }] of Object.entries(groups)) console.log(`${service}: ${passed}/${total} passed`)
process.exitCode = exitCode

const inTest = test => (test ? `, in '${test}'` : '')

/** What the tests sent back, and what the broker saw, in a few lines. */
export function summary(timings, { leaked, leakedCount, longestWaits, pools }) {
  const [slowest] = timings.toSorted((a, b) => b.ms - a.ms)
  const lines = [`${timings.length} tests sent their times${slowest ? `, at most ${slowest.ms} ms${inTest(slowest.test)}` : ''}`]
  // A pool without a size is one of plain leases, which have no end.
  for (const { name, size, peak } of pools) if (size !== null) lines.push(`at most ${peak} of ${size} ${name} were in use`)
  for (const { name, worker, test, waited } of longestWaits.slice(0, 1))
    lines.push(`the longest wait was ${Math.round(waited)} ms: ${worker} for ${name}${inTest(test)}`)
  for (const { name, number, worker, test } of leaked) lines.push(`${worker} did not release ${name} ${number ?? ''}${inTest(test)}`)
  lines.push(`${leakedCount} were not released`)
  return lines.map(line => `broker: ${line}`).join('\n')
}

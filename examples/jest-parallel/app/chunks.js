// Data in ten chunks of a hundred numbers: chunk 1 is 0 to 99, chunk 2 is 100 to 199, and so on.
const CHUNK_SIZE = 100

export function loadChunk(chunkId) {
  if (!Number.isInteger(chunkId) || chunkId < 1 || chunkId > 10) throw new RangeError(`there is no chunk ${chunkId}`)
  return Array.from({ length: CHUNK_SIZE }, (_, index) => (chunkId - 1) * CHUNK_SIZE + index)
}

export function processData(data) {
  return { count: data.length, sum: data.reduce((sum, number) => sum + number, 0) }
}

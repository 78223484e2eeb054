// `ephemeral-broker/cooperate` and `ephemeral-broker/get-port` as their users write them. Compiled, never run.

import {
  type Lock,
  LockAcquisitionError,
  type ManagedSemaphore,
  releaseAll,
  SemaphoreCreationError,
  SemaphoreDownError,
  SharedContext,
  type UnmanagedSemaphore
} from 'ephemeral-broker/cooperate'
import getPort, { getPort as named } from 'ephemeral-broker/get-port'

export async function use(): Promise<void> {
  const context = new SharedContext('context')
  const lock: Lock = context.createLock('lock')
  const release: () => void = await lock.acquire()
  release()
  // @ts-expect-error a lock has no parts
  release(1)
  const semaphore: ManagedSemaphore = context.createSemaphore('semaphore', 3)
  const part: (amount?: number) => void = await semaphore.acquireNow(2)
  part(1)
  part()
  const unmanaged: UnmanagedSemaphore = context.createUnmanagedSemaphore('unmanaged', 0)
  const nothing: Array<Promise<void>> = [unmanaged.up(2), unmanaged.down(), unmanaged.downNow(1)]
  const numbers: number[] = await context.reserve(1, 2, 3)
  const mixed: Array<bigint | number | string> = await context.reserve<bigint | number | string>(1n, 2, 'x', ...numbers)
  // @ts-expect-error objects are not the same in all workers
  await context.reserve({})
  const ports: number[] = [await getPort(), await named({ host: '127.0.0.1', ipv6Only: false, port: [8080, 0] })]
  // @ts-expect-error there is no such option
  await getPort({ hots: 'localhost' })
  await releaseAll()
  console.log(nothing, mixed, ports, semaphore.initialValue, lock.id)
}

export function explain(error: unknown): string | number {
  if (error instanceof LockAcquisitionError) return error.lockId
  if (error instanceof SemaphoreDownError) return error.semaphoreId + error.amount
  if (error instanceof SemaphoreCreationError) return error.semaphoreId
  return String(error)
}

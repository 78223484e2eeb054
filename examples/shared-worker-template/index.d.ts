export interface TakenNumber {
  /** From 1. */
  readonly value: number
  /** Gives it back. The end of the test worker does so too. */
  release(): void
}

/** The lowest number that no test worker has at the time. */
export function takeNumber(): Promise<TakenNumber>

export interface Account {
  readonly user: string
  readonly role: 'admin' | 'shopper'
}

/** The shop's test accounts: the first is its admin. */
export const accounts: readonly Account[] = Array.from({ length: 10 }, (_, index) => ({
  user: `user-${index + 1}`,
  role: index === 0 ? 'admin' : 'shopper'
}))

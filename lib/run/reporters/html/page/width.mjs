/** Whether there is no room for a test beside the list; the styles have the same number. */
export const isNarrow = () => matchMedia('(max-width: 899px)').matches

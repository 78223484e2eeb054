/**
 * Fetches a page and takes from it what its site's pattern finds; without one, its title.
 * @param {string} url
 * @param {{ pattern: string } | undefined} site
 */
export async function scrape(url, site) {
  let response
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  } catch (error) {
    return { success: false, error: `no answer: ${error.cause?.code ?? error.name}` }
  }
  if (!response.ok) return { success: false, error: `status ${response.status}` }
  const found = new RegExp(site?.pattern ?? '<title>(.*?)</title>', 's').exec(await response.text())
  return found ? { success: true, data: (found[1] ?? found[0]).trim() } : { success: false, error: 'nothing found' }
}

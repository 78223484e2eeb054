import { html } from 'hono/html'

export function dashboard({ sites, stats: { scrapes = 0, failures = 0 }, hasModel }) {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sites</title></head>
<body>
<h1>Sites</h1>
<ul>${sites.map(({ host, pattern }) => html`<li>${host}: <code>${pattern}</code></li>`)}</ul>
<p id="stats">${scrapes} scrapes, ${failures} failed</p>
<p id="model">${hasModel ? 'A model is there.' : 'No model: OPENROUTER_API_KEY is not set.'}</p>
</body>
</html>`
}

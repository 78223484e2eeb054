// Stands in for `sops -d`: prints a file of secrets in the clear. What it undoes is base64, which hides nothing.

import { readFileSync } from 'node:fs'

const encrypted = readFileSync(process.argv[2], 'utf8')
process.stdout.write(encrypted.replace(/ENC\[(.*?)\]/g, (_, text) => Buffer.from(text, 'base64').toString()))

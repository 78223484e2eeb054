// A test worker in a process of its own.
import { takeNumber } from '../index.js'

const { value } = await takeNumber()
console.log(value)
process.stdin.resume()

// Each pattern is a file of its own; a test file runs them all, in this order.
import './results.js'
import './connections.js'
import './database.js'
import './schema.js'
import './api-key.js'
import './shared-setup.js'
import './rate-limit.js'
import './chunks.js'

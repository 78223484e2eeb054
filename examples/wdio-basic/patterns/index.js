// Each pattern is a file of its own; a spec runs them all, in this order.
import './account-leasing.js'
import './account-pool.js'
import './shared-token.js'
import './shared-setup.js'
import './rate-limiting.js'
import './alone.js'

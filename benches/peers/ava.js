// @ts-check
'use strict'

const { missingLibrary } = require('./missing')

const none = async () => {
  throw new Error('it has only shared workers')
}

/** @type {import('.').Peer} */
module.exports = {
  name: 'AVA',
  about: 'its own shared workers, for its own test workers, which are threads of its process',
  only: true,
  sharedWorkers: true,
  missing: () => missingLibrary('ava'),
  startServer: none,
  connect: none
}

// @ts-check
'use strict'

/** What tests and servers find around them: directories, servers, variables, secrets, and what setups leave. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { ASK, SERVER, freePorts, project, runCli, shellTests } = require('./support-run')

/** @typedef {import('../run.js').RunConfig} RunConfig */

/** Writes down where it is, and who its server is. @param {string} name */
const note = name => `echo ${name} $DATA_DIR $EPHEMERAL_WORKER $PORT >> notes; echo ${name} >> $DATA_DIR/visitors; cat $DATA_DIR/visitors`

/** @param {import('./support-run').Project} made */
function notesOf(made) {
  return made.lines('notes').map(line => {
    const [name, dir, worker, port] = line.split(' ')
    return { name, dir, worker, port }
  })
}

/**
 * How many servers were started; those whose port somebody else took first are none.
 * @param {import('./support-run').CliRun} run
 * @param {string} [name]
 */
function startsOf({ events }, name = 'server') {
  return events.filter(event => event.type === 'serverReady' && event.server === name).length
}

/** @param {unknown[]} values */
const distinct = values => new Set(values).size

describe('isolation', { concurrency: 4 }, () => {
  /**
   * Two groups of two tests each on two workers, and a server that counts its starts.
   * @param {RunConfig} config
   * @returns {RunConfig}
   */
  const config = config => ({
    workers: 2,
    server: { command: ['node', SERVER], ready: '/health' },
    tests: ['a1', 'a2', 'b1', 'b2'].map(name => ({ name, group: name[0], run: ['sh', '-c', `${note(name)}; sleep 0.1`] })),
    ...config
  })

  test('test: each has a directory and a server of its own', async t => {
    const made = project(t, {}, config({ isolation: 'test' }))
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    const notes = notesOf(made)
    assert.deepEqual([distinct(notes.map(({ dir }) => dir)), startsOf(run)], [4, 4])
  })

  test('worker: those of a worker share them', async t => {
    const made = project(t, {}, config({ isolation: 'worker' }))
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    const notes = notesOf(made)
    const workers = distinct(notes.map(({ worker }) => worker))
    assert.equal(distinct(notes.map(({ dir, worker }) => `${dir} ${worker}`)), workers)
    assert.equal(startsOf(run), workers)
    assert.equal(distinct(notes.map(({ port }) => port)), workers)
  })

  test('group: those of a group share them, one group after the other on a worker', async t => {
    const made = project(t, {}, config({ isolation: 'group', workers: 1 }))
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    const notes = notesOf(made)
    const byGroup = (/** @type {string} */ group) => distinct(notes.filter(({ name }) => name.startsWith(group)).map(({ dir }) => dir))
    assert.deepEqual([byGroup('a'), byGroup('b'), distinct(notes.map(({ dir }) => dir))], [1, 1, 2])
    assert.equal(startsOf(run), 2)
  })

  test('none: all share them', async t => {
    const made = project(t, {}, config({ isolation: 'none' }))
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    const notes = notesOf(made)
    assert.deepEqual([distinct(notes.map(({ dir }) => dir)), startsOf(run)], [1, 1])
    assert.deepEqual(distinct(notes.map(({ port }) => port)), 1)
  })

  test('of services is what their scope says', async t => {
    const service = (/** @type {'run' | 'worker' | 'group' | 'test'} */ scope) => ({
      name: scope,
      scope,
      command: ['node', SERVER]
    })
    const made = project(
      t,
      {},
      config({ workers: 1, isolation: 'worker', services: [service('run'), service('worker'), service('group'), service('test')] })
    )
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    assert.deepEqual(
      ['run', 'worker', 'group', 'test'].map(scope => startsOf(run, scope)),
      [1, 1, 2, 4]
    )
  })
})

describe('directories', { concurrency: 4 }, () => {
  const filled = { template: 'template', files: { 'sites.jsonc': '[]', 'logs/app.log': '' } }
  const files = { 'template/a/b.txt': 'from the template', 'template/sites.jsonc': 'overwritten', 'template/run.sh': '#!/bin/sh\necho ran' }

  test('are private, hold the template and the files, and are gone with the run', async t => {
    const made = project(t, files, {
      dir: filled,
      tests: shellTests({
        a: 'cd $DATA_DIR; stat -c %a .; cat a/b.txt; echo; cat sites.jsonc; echo; ./run.sh; [ -e logs/app.log ] && echo log; pwd > ../../../p/where; exit 1'
      })
    })
    const run = await runCli(made)
    assert.equal(run.test('a').attempts[0].output, '700\nfrom the template\n[]\nran\nlog\n')
    assert.ok(!fs.existsSync(made.read('where').trim()))
  })

  for (const [reset, expected] of /** @type {const} */ ([
    ['never', ['', 'first', 'first second']],
    ['test', ['', '', '']],
    ['failure', ['', 'first', '']]
  ])) {
    test(`are put back: ${reset}`, async t => {
      const line = (/** @type {string} */ name, /** @type {number} */ code) =>
        `echo "$(cat $DATA_DIR/db | tr '\\n' ' ' | sed 's/ $//')" >> seen; echo ${name} >> $DATA_DIR/db; touch $DATA_DIR/extra-${name}; exit ${code}`
      const made = project(
        t,
        {},
        {
          workers: 0,
          dir: { files: { db: '' }, reset },
          server: { command: ['node', SERVER], ready: '/health' },
          tests: shellTests({ first: line('first', 0), second: line('second', 1), third: line('third', 0) }),
          overrides: [
            { where: { test: ':first$' }, priority: 2 },
            { where: { test: ':second$' }, priority: 1 }
          ]
        }
      )
      const run = await runCli(made)
      assert.deepEqual(made.read('seen').split('\n').slice(0, 3), expected)
      assert.equal(startsOf(run), 1, 'servers are not restarted for that')
    })
  }

  for (const [keep, expected] of /** @type {const} */ ([
    ['never', []],
    ['failure', ['bad']],
    ['always', ['bad', 'good']]
  ])) {
    test(`are kept: ${keep}`, async t => {
      const made = project(
        t,
        {},
        { isolation: 'test', dir: { keep }, tests: shellTests({ good: 'touch $DATA_DIR/good', bad: 'touch $DATA_DIR/bad; exit 1' }) }
      )
      const run = await runCli(made, [], { leftovers: true })
      assert.equal(run.code, 1)
      const kept = fs.readdirSync(made.tmp, { recursive: true, withFileTypes: true }).flatMap(entry => (entry.isFile() ? [entry.name] : []))
      assert.deepEqual(kept.sort(), expected)
      // Where they are is said, for somebody is to look into them.
      const [where] = fs.readdirSync(made.tmp)
      if (where !== undefined) assert.match(run.stdout, new RegExp(where))
    })
  }
})

describe('variables', { concurrency: 4 }, () => {
  test('are those of the documents, for servers and tests', async t => {
    const base = await freePorts(4)
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['sh', '-c', `env > server-$EPHEMERAL_WORKER; exec node ${SERVER}`], ready: '/health', port: base },
        tests: [1, 2].map(number => ({
          name: `t ${number}`,
          file: `dir/${number}.js`,
          run: [
            'sh',
            '-c',
            'env > test-$EPHEMERAL_WORKER; touch ready-$EPHEMERAL_WORKER; until [ -e ready-0 ] && [ -e ready-1 ]; do sleep 0.02; done'
          ]
        }))
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    for (const worker of [0, 1]) {
      const read = (/** @type {string} */ name) =>
        Object.fromEntries(made.lines(name).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
      const [server, own] = [read(`server-${worker}`), read(`test-${worker}`)]
      const port = String(base + worker)
      for (const env of [server, own]) {
        assert.deepEqual([env.PORT, env.EPHEMERAL_PORT], [port, port])
        assert.deepEqual([env.TEST_BASE_URL, env.EPHEMERAL_URL], [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}`])
        assert.equal(env.API_TOKEN, `test-token-${worker}`)
        assert.deepEqual([env.EPHEMERAL_WORKER, env.EPHEMERAL_WORKERS], [String(worker), '2'])
        assert.equal(env.EPHEMERAL_RUN_ID, run.report.runId)
        assert.ok(path.isAbsolute(env.DATA_DIR) && env.EPHEMERAL_PIPE !== '' && env.EPHEMERAL_SECRET !== '')
        assert.equal(env.EPHEMERAL_DIR, env.DATA_DIR)
      }
      assert.equal(server.DATA_DIR, own.DATA_DIR)
      assert.match(own.EPHEMERAL_TEST, /^tests:dir\/[12]\.js > t [12]$/)
      assert.equal(own.EPHEMERAL_ATTEMPT, '1')
    }
  })

  test('say the same slot when a test is run again, at once or later', async t => {
    for (const delay of [0, 100]) {
      const others = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`other ${index}`, 'sleep 0.03']))
      const made = project(
        t,
        {},
        {
          workers: 3,
          retries: { count: 3, delay },
          tests: shellTests({ flaky: 'echo $EPHEMERAL_WORKER >> slots; [ $EPHEMERAL_ATTEMPT = 4 ]', ...others })
        }
      )
      const run = await runCli(made)
      assert.deepEqual([run.code, run.test('flaky').status], [0, 'flaky'])
      const slots = made.lines('slots')
      assert.deepEqual([slots.length, new Set(slots).size], [4, 1], `delay ${delay}: ${slots}`)
    }
  })

  test('of services have their names; "for" says whose they are', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health' },
        services: [
          { name: 'mail-box', command: ['node', SERVER, '{port}', '{dir}'], ready: '/health', scope: 'run' },
          { name: 'db', command: ['node', SERVER], ready: '/health', for: ['data'] },
          { name: 'queue', command: ['node', SERVER], ready: '/health', for: ['nobody'] }
        ],
        env: { MAIL: '{mail-box.url}' },
        projects: [
          { name: 'data', tests: shellTests({ a: `node ${ASK} "$EPHEMERAL_DB_URL/who" "$EPHEMERAL_MAIL_BOX_URL/who" "$MAIL/who"` }) },
          { name: 'plain', tests: shellTests({ b: `node ${ASK} /who "$EPHEMERAL_MAIL_BOX_URL/who"` }) }
        ]
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout)
    assert.deepEqual(
      ['mail-box', 'db', 'queue'].map(name => startsOf(run, name)),
      [1, 1, 0]
    )
    const again = await runCli(made, ['--project', 'plain'])
    assert.equal(again.code, 0)
    assert.equal(startsOf(again, 'db'), 0, 'it was not asked for')
  })

  test('and arguments of the user hold placeholders, whatever they stand for', async t => {
    const files = ["it's.js", 'a b.js', '$(touch pwned).js', '"q".js', 'ü;x.js', '{worker}.js', "'$HOME'.js"]
    const made = project(t, Object.fromEntries(files.map(file => [`sub/${file}`, ''])), {
      files: 'sub/*.js',
      cwd: 'sub',
      run: 'node ../show.js {file} "{file}" pre{file}post',
      env: { WHO: '{worker}/{project}/{file}', BRACE: '{{worker} {"json":1} {unknown}' }
    })
    made.write(
      'show.js',
      "require('node:fs').appendFileSync('../seen', JSON.stringify([process.env.WHO, process.env.BRACE, ...process.argv.slice(2)]) + '\\n')"
    )
    const run = await runCli(made, ['-w', '0'])
    assert.equal(run.code, 0, run.stdout)
    const seen = made.lines('seen').map(line => JSON.parse(line))
    assert.deepEqual(seen.map(words => words[2]).sort(), [...files].sort())
    for (const [who, brace, file, quoted, glued] of seen) {
      assert.deepEqual([quoted, glued], [file, `pre${file}post`])
      assert.equal(who, `0/tests/${file}`)
      assert.equal(brace, '{worker} {"json":1} {unknown}')
    }
    assert.ok(!fs.existsSync(made.path('sub/pwned')) && !fs.existsSync(made.path('pwned')))
  })
})

describe('secrets', { concurrency: 4 }, () => {
  const [TOKEN, PASSWORD] = ['sk-or-7f3a9c2e51', 'p@ss "word" $1']
  const texts = {
    dotenv: `OPENROUTER_API_KEY=${TOKEN}\nDB_PASSWORD='${PASSWORD}'\n`,
    json: JSON.stringify({ OPENROUTER_API_KEY: TOKEN, DB_PASSWORD: PASSWORD }),
    yaml: `OPENROUTER_API_KEY: ${TOKEN}\nDB_PASSWORD: '${PASSWORD}'\n`
  }
  for (const [format, text] of Object.entries(texts)) {
    for (const secrets of [{ file: `secrets.${format}` }, { command: `cat secrets.${format}` }]) {
      test(`from ${JSON.stringify(secrets)} reach tests and servers, and are shown nowhere`, async t => {
        const check = `[ "$OPENROUTER_API_KEY" = '${TOKEN}' ] && [ "$DB_PASSWORD" = '${PASSWORD}' ] || exit 66`
        // Told in pieces, too.
        const tell = `echo "token $OPENROUTER_API_KEY"; printf 'sk-or-'; sleep 0.05; echo 7f3a9c2e51; echo "password $DB_PASSWORD" >&2`
        const made = project(
          t,
          { [`secrets.${format}`]: text, 'check.sh': check, 'tell.sh': tell },
          {
            secrets,
            server: { command: ['sh', '-c', `. ./check.sh; . ./tell.sh; exec node ${SERVER}`], ready: '/health' },
            globalSetup: ['sh', '-c', '. ./check.sh; . ./tell.sh'],
            globalTeardown: ['sh', '-c', '. ./tell.sh; exit 1'],
            tests: shellTests({ fails: '. ./check.sh; . ./tell.sh; exit 3', passes: `. ./check.sh; node ${ASK} /who` })
          }
        )
        const out = made.path('out')
        const run = await runCli(made, ['-v', '--stream'], {
          reporters: ['list', `junit=${out}/j.xml`, `html=${out}/r.html`, `csv=${out}/r.csv`, 'github']
        })
        assert.deepEqual([run.code, run.statuses], [1, { fails: 'failed', passes: 'passed' }], run.stdout)
        assert.equal(run.test('fails').attempts[0].exitCode, 3)
        const home = path.join(made.tmp, '..')
        const shown = fs
          .readdirSync(home, { recursive: true, withFileTypes: true })
          .filter(entry => entry.isFile() && !/^(secrets\.|check\.sh|tell\.sh)/.test(entry.name))
          .map(entry => path.join(entry.parentPath, entry.name))
        assert.ok(shown.length >= 8, `${shown}`)
        for (const [name, content] of [
          ['stdout', run.stdout],
          ['stderr', run.stderr],
          ...shown.map(file => [file, fs.readFileSync(file, 'utf8')])
        ]) {
          // As it stands, and as JSON, XML or HTML write it.
          for (const secret of [TOKEN, '7f3a9c2e51', PASSWORD, 'ss "word"', 'ss \\"word', 'ss &quot;word']) {
            assert.ok(!content.includes(secret), `${secret} is in ${name}`)
          }
        }
        assert.match(run.stdout, /token \S+/)
      })
    }
  }

  test('that cannot be had end the run before anything else, and are not shown', async t => {
    for (const secrets of [
      { file: 'nothing.env' },
      { command: `echo ${TOKEN}; exit 3` },
      { command: `echo '{"A": "${TOKEN}"'`, format: /** @type {const} */ ('json') }
    ]) {
      const made = project(t, {}, { secrets, globalSetup: 'echo setup >> ran', tests: shellTests({ a: 'echo a >> ran' }) })
      const run = await runCli(made)
      assert.equal(run.code, 2)
      assert.match(run.stderr, /secrets/)
      assert.ok(!run.stderr.includes(TOKEN) || 'command' in secrets === false, run.stderr)
      assert.deepEqual(made.lines('ran'), [])
    }
  })
})

describe('setups', { concurrency: 4 }, () => {
  const step = (/** @type {string} */ name) => `echo ${name} >> ran`

  test('run around all, and around each worker; what they export reaches tests and servers', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        globalSetup: `${step('globalSetup')}; echo 'FROM_SETUP=a b=c' >> $EPHEMERAL_ENV; echo '# a comment' >> $EPHEMERAL_ENV`,
        globalTeardown: `${step('globalTeardown-$FROM_SETUP')}`,
        workerSetup: `${step('workerSetup-$EPHEMERAL_WORKER')}; [ -n "$PORT" ] || exit 1; echo "WORKER_VALUE=w$EPHEMERAL_WORKER" >> $EPHEMERAL_ENV`,
        workerTeardown: `${step('workerTeardown-$WORKER_VALUE')}; node ${ASK} /who`,
        server: { command: ['sh', '-c', `echo server-$FROM_SETUP >> ran; exec node ${SERVER}`], ready: '/health' },
        tests: shellTests({ a: 'echo "test $FROM_SETUP $WORKER_VALUE" >> ran', b: 'exit 1' })
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 1, run.stdout)
    assert.deepEqual(run.report.errors, [])
    assert.deepEqual(made.lines('ran'), [
      'globalSetup',
      'server-a b=c',
      'workerSetup-0',
      'test a b=c w0',
      'workerTeardown-w0',
      'globalTeardown-a b=c'
    ])
    const steps = run.events.flatMap(event => (event.type === 'setupFinished' ? [event.step] : []))
    assert.deepEqual(steps, ['globalSetup', 'workerSetup', 'workerTeardown', 'globalTeardown'])
  })

  test('that fail: no test is run, the teardown is, and the reports are written', async t => {
    const made = project(
      t,
      {},
      {
        globalSetup: 'echo no disk >&2; exit 5',
        globalTeardown: step('globalTeardown'),
        tests: shellTests({ a: step('a'), b: step('b') })
      }
    )
    const run = await runCli(made, [], { reporters: ['list', `junit=${made.path('j.xml')}`] })
    assert.equal(run.code, 2)
    assert.deepEqual(run.statuses, { a: 'not_run', b: 'not_run' })
    assert.deepEqual(made.lines('ran'), ['globalTeardown'])
    const [error] = run.report.errors
    assert.deepEqual([error.code, error.output], ['setup_failed', 'no disk\n'])
    assert.match(run.stdout, /no disk/)
    assert.match(made.read('j.xml'), /<error/)
  })

  test('that leave nonsense in EPHEMERAL_ENV fail', async t => {
    const made = project(t, {}, { globalSetup: 'echo nonsense >> $EPHEMERAL_ENV', tests: shellTests({ a: 'exit 0' }) })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [2, { a: 'not_run' }])
    assert.match(run.report.errors[0].message, /NAME=value/)
  })

  test('that take too long, or leave a daemon, are ended', async t => {
    const made = project(t, {}, { setupTimeout: 300, globalSetup: 'setsid sleep 300 & sleep 300', tests: shellTests({ a: 'exit 0' }) })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [2, { a: 'not_run' }])
    assert.match(run.report.errors[0].message, /timed out after 0.3 s/)
  })

  test('of a worker that fail: its tests end as errors, and what was begun is torn down', async t => {
    const made = project(
      t,
      {},
      {
        workers: 2,
        workerSetup: `${step('setup')}; exit 5`,
        workerTeardown: step('teardown'),
        tests: shellTests({ a: step('a'), b: step('b') })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { a: 'error', b: 'error' }])
    const ran = made.lines('ran')
    assert.deepEqual(distinct(ran), 2, `${ran}`)
    assert.equal(ran.filter(line => line === 'teardown').length, ran.filter(line => line === 'setup').length)
  })

  test('of a worker that is replaced are torn down before they are done again', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health' },
        workerSetup: step('setup'),
        workerTeardown: step('teardown'),
        tests: shellTests({ a: `[ -e tried ] || { touch tried; node ${ASK} '/exit?code=1'; sleep 5; }` })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [0, { a: 'passed' }])
    assert.deepEqual(made.lines('ran'), ['setup', 'teardown', 'setup', 'teardown'])
  })

  test('a teardown that fails makes no green run', async t => {
    for (const teardown of ['globalTeardown', 'workerTeardown']) {
      const made = project(t, {}, { [teardown]: 'echo cannot clean; exit 4', tests: shellTests({ a: 'exit 0' }) })
      const run = await runCli(made)
      assert.deepEqual([run.code, run.statuses], [3, { a: 'passed' }])
      assert.deepEqual([run.report.errors[0].code, run.report.errors[0].output], ['teardown_failed', 'cannot clean\n'])
      assert.match(run.stdout, /cannot clean/)
    }
  })
})
